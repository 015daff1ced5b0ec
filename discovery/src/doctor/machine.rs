//! What kind of interfaces this machine has, and whether it is a container.

use std::{fs, net::IpAddr, path::Path};

/// What kind of interface it is, as far as its name and the system tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InterfaceNature {
    /// An ordinary one.
    Ordinary,
    /// Only this machine itself.
    Loopback,
    /// A bridge of Docker's on the host: containers of this machine are behind it.
    DockerBridge,
    /// One end of a container's cable, on the host.
    ContainerCable,
    /// An overlay network (VXLAN) as Docker's swarm makes them: multicast does not cross machines there.
    Overlay,
    /// A tunnel: WireGuard, Tailscale, tun, PPP. Multicast does not cross most of them.
    Tunnel,
}

/// The MTU that Docker gives to interfaces in overlay networks: 50 bytes less than Ethernet's, for VXLAN.
const OVERLAY_MTU: u32 = 1_450;

/// Looks at one interface.
pub(super) fn nature(name: &str, address: IpAddr) -> InterfaceNature {
    if address.is_loopback() {
        return InterfaceNature::Loopback;
    }
    let overlay = in_container() && mtu(name) == Some(OVERLAY_MTU);
    if overlay { InterfaceNature::Overlay } else { nature_of_name(name) }
}

fn nature_of_name(name: &str) -> InterfaceNature {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if begins(&["docker", "br-"]) {
        InterfaceNature::DockerBridge
    } else if begins(&["veth"]) {
        InterfaceNature::ContainerCable
    } else if begins(&["vxlan", "flannel", "cilium", "weave"]) {
        InterfaceNature::Overlay
    } else if begins(&["tun", "tap", "wg", "tailscale", "ppp", "utun", "zt"]) {
        InterfaceNature::Tunnel
    } else {
        InterfaceNature::Ordinary
    }
}

/// True within a container of Docker's or Podman's.
pub(super) fn in_container() -> bool {
    Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists()
}

fn mtu(name: &str) -> Option<u32> {
    fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_told_apart_by_name() {
        let natures =
            ["docker0", "docker_gwbridge", "br-0123", "vethab", "flannel.1", "wg0", "eth0", "wlp2s0"]
                .map(nature_of_name);
        use InterfaceNature::{ContainerCable, DockerBridge, Ordinary, Overlay, Tunnel};
        let expected =
            [DockerBridge, DockerBridge, DockerBridge, ContainerCable, Overlay, Tunnel, Ordinary, Ordinary];
        assert_eq!(natures, expected);
        assert_eq!(nature("lo", [127, 0, 0, 1].into()), InterfaceNature::Loopback);
    }
}
