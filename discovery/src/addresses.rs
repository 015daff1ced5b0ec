//! Which addresses may be dialled for whom: the one place that decides. And how messages carry them.
//!
//! An address from which a node itself spoke is believed if a datagram could honestly come from there. An address that
//! somebody else names (a hint) must be private or within a subnet of the interface on which the hint came, so that
//! nobody makes this node dial third parties. Loopback and link-local addresses mean another machine to each reader:
//! they count only where they were heard.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;

/// A subnet of an interface of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subnet {
    /// An address within it, usually this machine's own.
    pub address: IpAddr,
    /// The length of its prefix.
    pub prefix: u8,
}

/// Where a hint came from, as far as the decision needs it.
#[derive(Debug, Clone, Copy)]
pub struct HintOrigin<'a> {
    /// The address that sent the datagram.
    pub from: IpAddr,
    /// The subnets of the interface on which it came.
    pub subnets: &'a [Subnet],
}

impl Subnet {
    /// True when the address lies within.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same_prefix(own.to_bits().into(), other.to_bits().into(), self.prefix, 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                same_prefix(own.to_bits(), other.to_bits(), self.prefix, 128)
            }
            _ => false,
        }
    }
}

/// True for an address from which a node may have spoken on an interface: no multicast, broadcast or unspecified
/// address; loopback only on the loopback interface.
pub fn may_be_source(address: IpAddr, on_loopback: bool) -> bool {
    !is_nobody(address) && (on_loopback || !address.is_loopback())
}

/// True when a hint may be dialled.
pub fn may_follow_hint(address: IpAddr, origin: HintOrigin<'_>) -> bool {
    if is_nobody(address) {
        return false;
    }
    if address.is_loopback() {
        return origin.from.is_loopback();
    }
    if is_link_local(address) {
        return is_link_local(origin.from) && same_family(address, origin.from);
    }
    is_private(address) || origin.subnets.iter().any(|subnet| subnet.contains(address))
}

/// True when this node may name the address to others on an interface: whoever reads it can make sense of it there.
pub fn may_hint(address: IpAddr, on_loopback: bool) -> bool {
    !is_nobody(address) && !is_link_local(address) && (on_loopback || !address.is_loopback())
}

/// An address as messages carry it: 4 or 16 bytes in network order.
pub fn to_octets(address: IpAddr) -> Bytes {
    match address {
        IpAddr::V4(v4) => Bytes::copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => Bytes::copy_from_slice(&v6.octets()),
    }
}

/// Reads what [`to_octets`] wrote; none for any other length.
pub fn from_octets(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// True for an address within a private network: RFC 1918, RFC 6598 (shared), RFC 4193 (unique local).
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || is_shared(v4),
        IpAddr::V6(v6) => v6.is_unique_local() || embedded(v6).is_some_and(|v4| v4.is_private()),
    }
}

/// True for an address that means something only on one link.
pub fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || embedded(v6).is_some_and(|v4| v4.is_link_local()),
    }
}

/// Addresses at which no single node is: also IPv4 ones in the clothes of IPv6, which are never honest here.
fn is_nobody(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets()[0] == 0
                || is_reserved(v4)
        }
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast() || embedded(v6).is_some(),
    }
}

fn is_reserved(address: Ipv4Addr) -> bool {
    address.octets()[0] >= 240
}

fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && (64..128).contains(&second)
}

/// IPv4-mapped (`::ffff:a.b.c.d`) and IPv4-compatible (`::a.b.c.d`) addresses, but not `::` and `::1`.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    address.to_ipv4().filter(|_| !address.is_loopback() && !address.is_unspecified())
}

const fn same_family(one: IpAddr, other: IpAddr) -> bool {
    one.is_ipv4() == other.is_ipv4()
}

fn same_prefix(one: u128, other: u128, prefix: u8, width: u32) -> bool {
    let rest = width.saturating_sub(prefix.into());
    one.checked_shr(rest).unwrap_or(0) == other.checked_shr(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn subnet(text: &str, prefix: u8) -> Subnet {
        Subnet { address: ip(text), prefix }
    }

    #[test]
    fn subnets_contain_their_own_and_nobody_else() {
        assert!(subnet("192.0.2.2", 24).contains(ip("192.0.2.254")));
        assert!(!subnet("192.0.2.2", 24).contains(ip("192.0.3.1")));
        assert!(subnet("2001:db8::1", 64).contains(ip("2001:db8::ffff")));
        assert!(!subnet("2001:db8::1", 64).contains(ip("192.0.2.1")));
        assert!(subnet("192.0.2.2", 0).contains(ip("8.8.8.8")));
        assert!(subnet("2001:db8::1", 0).contains(ip("fe80::1")));
        assert!(!subnet("192.0.2.2", 32).contains(ip("192.0.2.3")));
    }

    #[test]
    fn hints_at_third_parties_are_not_followed() {
        let subnets = [subnet("203.0.113.5", 24)];
        let origin = HintOrigin { from: ip("203.0.113.9"), subnets: &subnets };
        for fine in ["203.0.113.77", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1"] {
            assert!(may_follow_hint(ip(fine), origin), "{fine}");
        }
        for lie in [
            "8.8.8.8",
            "203.0.114.1",
            "2001:db8::1",
            "127.0.0.1",
            "::1",
            "169.254.1.1",
            "fe80::1",
            "224.0.0.1",
            "ff02::1",
            "0.0.0.0",
            "::",
            "255.255.255.255",
            "0.1.2.3",
            "240.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::10.0.0.1",
        ] {
            assert!(!may_follow_hint(ip(lie), origin), "{lie}");
        }
    }

    #[test]
    fn loopback_and_link_local_count_only_where_they_were_heard() {
        let heard = |from| HintOrigin { from: ip(from), subnets: &[] };
        assert!(may_follow_hint(ip("127.0.0.2"), heard("127.0.0.1")));
        assert!(may_follow_hint(ip("fe80::1"), heard("fe80::2")));
        assert!(!may_follow_hint(ip("127.0.0.2"), heard("10.0.0.1")));
        assert!(!may_follow_hint(ip("169.254.0.1"), heard("fe80::2")));
        assert!(may_be_source(ip("127.0.0.1"), true));
        assert!(!may_be_source(ip("127.0.0.1"), false));
        assert!(!may_be_source(ip("224.0.0.1"), true));
        assert!(!may_hint(ip("fe80::1"), true));
        assert!(!may_hint(ip("127.0.0.1"), false));
    }
}
