//! A LAN: a bridge device with a cable to each host.

use std::sync::atomic::{AtomicU32, Ordering};

use super::world::ip;

/// See the module. The device lives in the world's namespace of switches.
#[derive(Debug)]
pub(crate) struct Lan {
    switches: String,
    device: String,
    ports: AtomicU32,
}

impl Lan {
    pub(super) fn new(switches: String, name: &str) -> Self {
        let lan = Self { switches, device: format!("lan-{name}"), ports: AtomicU32::new(0) };
        // Multicast is flooded to all ports, and forwarding starts at once.
        ip(&[
            "-n",
            &lan.switches,
            "link",
            "add",
            &lan.device,
            "type",
            "bridge",
            "mcast_snooping",
            "0",
            "forward_delay",
            "0",
        ]);
        ip(&["-n", &lan.switches, "link", "set", &lan.device, "up"]);
        lan
    }

    /// Lays a cable from this switch to an interface of a host, and returns the switch's end of it.
    pub(super) fn plug(&self, namespace: &str, interface: &str) -> Cable {
        let port = format!("{}-{}", self.device, self.ports.fetch_add(1, Ordering::Relaxed));
        ip(&[
            "link",
            "add",
            &port,
            "netns",
            &self.switches,
            "type",
            "veth",
            "peer",
            "name",
            interface,
            "netns",
            namespace,
        ]);
        ip(&["-n", &self.switches, "link", "set", &port, "master", &self.device]);
        ip(&["-n", &self.switches, "link", "set", &port, "up"]);
        Cable { switches: self.switches.clone(), port }
    }

    /// Lays a cable from this switch to another one: the two LANs are one from now on, until it is pulled.
    pub(crate) fn join(&self, other: &Self) -> Cable {
        let here = format!("{}-{}", self.device, self.ports.fetch_add(1, Ordering::Relaxed));
        let there = format!("{}-{}", other.device, other.ports.fetch_add(1, Ordering::Relaxed));
        ip(&["-n", &self.switches, "link", "add", &here, "type", "veth", "peer", "name", &there]);
        let cable = Cable { switches: self.switches.clone(), port: here };
        Cable { switches: self.switches.clone(), port: there }.carry_to(other);
        cable.carry_to(self);
        cable
    }
}

/// A cable that can be pulled and plugged in again.
#[derive(Debug, Clone)]
pub(crate) struct Cable {
    switches: String,
    port: String,
}

impl Cable {
    /// Pulls the cable: both ends lose their carrier.
    pub(crate) fn pull(&self) {
        ip(&["-n", &self.switches, "link", "set", &self.port, "down"]);
    }

    /// Plugs this end into another switch of the same world.
    pub(crate) fn carry_to(&self, lan: &Lan) {
        ip(&["-n", &self.switches, "link", "set", &self.port, "master", &lan.device]);
        self.plug_in();
    }

    /// Plugs it in again.
    pub(crate) fn plug_in(&self) {
        ip(&["-n", &self.switches, "link", "set", &self.port, "up"]);
    }
}
