//! The interfaces of this machine, as multicast sees them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    sync::Arc,
};

use if_addrs::{IfAddr, Interface};

use crate::{
    addresses::{Subnet, is_link_local},
    limits::MAX_INTERFACES,
};

/// One family on one interface. Another address or subnet makes it another link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The interface's name.
    pub interface: Arc<str>,
    /// Its index.
    pub index: u32,
    /// The address from which this node speaks: a link-local one only where there is no other.
    pub address: IpAddr,
    /// All subnets of the family on the interface, with this machine's own addresses.
    pub subnets: Vec<Subnet>,
}

impl Link {
    /// True for the loopback interface.
    pub const fn is_loopback(&self) -> bool {
        self.address.is_loopback()
    }

    /// True for an address that belongs on this link, so that it may be answered directly.
    pub fn is_neighbour(&self, address: IpAddr) -> bool {
        let local = is_link_local(address) && address.is_ipv4() == self.address.is_ipv4();
        local || self.subnets.iter().any(|subnet| subnet.contains(address))
    }

    /// True for an address of this machine on this link.
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.subnets.iter().any(|subnet| subnet.address == address)
    }
}

/// The links to listen on: the named ones, or all but loopback, or loopback where there is nothing else.
///
/// # Errors
/// What the system said.
pub fn links(names: &[String]) -> io::Result<BTreeSet<Link>> {
    let up = all()?;
    let chosen: BTreeSet<_> = if names.is_empty() {
        let outward: BTreeSet<_> = up.iter().filter(|link| !link.is_loopback()).cloned().collect();
        if outward.is_empty() { up } else { outward }
    } else {
        up.into_iter().filter(|link| names.iter().any(|name| **name == *link.interface)).collect()
    };
    Ok(chosen.into_iter().take(MAX_INTERFACES).collect())
}

/// Every link of this machine that is up and has an address.
///
/// # Errors
/// What the system said.
pub fn all() -> io::Result<BTreeSet<Link>> {
    let mut families: BTreeMap<(String, u32, bool), Vec<Subnet>> = BTreeMap::new();
    for interface in if_addrs::get_if_addrs()? {
        let Some(index) = interface.index.filter(|_| interface.is_oper_up()) else { continue };
        let subnet = subnet(&interface);
        families.entry((interface.name, index, subnet.address.is_ipv4())).or_default().push(subnet);
    }
    let link = |((name, index, _), mut subnets): ((String, u32, bool), Vec<Subnet>)| {
        let address = speaking(&subnets)?;
        subnets.sort();
        Some(Link { interface: name.into(), index, address, subnets })
    };
    Ok(families.into_iter().filter_map(link).collect())
}

fn subnet(interface: &Interface) -> Subnet {
    match &interface.addr {
        IfAddr::V4(v4) => Subnet { address: v4.ip.into(), prefix: v4.prefixlen },
        IfAddr::V6(v6) => Subnet { address: v6.ip.into(), prefix: v6.prefixlen },
    }
}

/// The first address in the system's order that means the same to everybody; a link-local one where there is no other.
fn speaking(subnets: &[Subnet]) -> Option<IpAddr> {
    let first =
        |wanted: fn(IpAddr) -> bool| subnets.iter().map(|subnet| subnet.address).find(|ip| wanted(*ip));
    first(|ip| !is_link_local(ip)).or_else(|| first(|_| true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_left_out_unless_named_or_alone() {
        let all = all().unwrap();
        let loopback = all.iter().find(|link| link.is_loopback()).expect("every machine has loopback");
        let named = links(&[loopback.interface.to_string()]).unwrap();
        assert!(named.contains(loopback) && named.iter().all(|link| link.interface == loopback.interface));
        let default = links(&[]).unwrap();
        let outward = all.iter().any(|link| !link.is_loopback());
        assert_eq!(default.contains(loopback), !outward);
        assert!(links(&["no-such-interface".into()]).unwrap().is_empty());
    }

    #[test]
    fn a_link_knows_its_own_and_its_neighbours() {
        let subnets = vec![Subnet { address: "192.0.2.2".parse().unwrap(), prefix: 24 }];
        let address = subnets[0].address;
        let link = Link { interface: "eth0".into(), index: 1, address, subnets };
        assert!(link.is_own("192.0.2.2".parse().unwrap()) && !link.is_own("192.0.2.3".parse().unwrap()));
        assert!(link.is_neighbour("192.0.2.3".parse().unwrap()));
        assert!(link.is_neighbour("169.254.1.1".parse().unwrap()));
        assert!(!link.is_neighbour("198.51.100.1".parse().unwrap()));
        assert!(!link.is_neighbour("fe80::1".parse().unwrap()));
    }
}
