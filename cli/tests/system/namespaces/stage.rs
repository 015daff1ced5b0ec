//! The usual stage: a home LAN behind a router with NAT, and a cloud LAN whose bridge is on the net between them.
//!
//! ```text
//!  anna  attic --- home 10.1.0.0/24 --- [router, NAT] --- net 198.51.100.0/24 --- tower --- cloud 10.9.0.0/24 --- carla
//! ```

use tempfile::TempDir;

use crate::support::{Cable, Host, Lan, Node, World};

/// See the module. Nodes come first: they end before their world does.
pub(super) struct Stage {
    pub(super) attic: Node,
    pub(super) tower: Node,
    pub(super) anna: Node,
    pub(super) carla: Node,
    pub(super) router: Host,
    pub(super) hosts: Hosts,
    pub(super) home: Lan,
    pub(super) cloud: Lan,
    /// Anna's cable to her LAN.
    pub(super) annas_cable: Cable,
    pub(super) world: World,
    pub(super) folder: TempDir,
}

/// What the nodes run on.
pub(super) struct Hosts {
    pub(super) attic: Host,
    pub(super) tower: Host,
    pub(super) anna: Host,
    pub(super) carla: Host,
}

/// The address of the tower that the home can dial.
pub(super) const TOWER: &str = "198.51.100.9";

impl Stage {
    /// Everything is up, linked, and Anna and Carla know each other; none without privileges.
    pub(super) fn set(test: &str) -> Option<Self> {
        let world = World::new(test)?;
        let folder = TempDir::new().expect("there is room");
        let (home, net, cloud) = (world.lan("home"), world.lan("net"), world.lan("cloud"));
        let router = world.host("router");
        router.plug("in", &home, &["10.1.0.1/24"]);
        router.plug("out", &net, &["198.51.100.1/24"]);
        router.become_nat("out");
        let (annas, annas_cable) = at_home(&world, &home, "anna", "10.1.0.3/24");
        let (attics, _) = at_home(&world, &home, "attic", "10.1.0.2/24");
        let towers = world.host("tower");
        towers.plug("eth0", &net, &["198.51.100.9/24"]);
        towers.plug("eth1", &cloud, &["10.9.0.2/24"]);
        let carlas = world.host("carla");
        carlas.plug("eth0", &cloud, &["10.9.0.3/24"]);
        let hosts = Hosts { attic: attics, tower: towers, anna: annas, carla: carlas };

        let attic = Node::bridge("attic", "home", folder.path()).on(&hosts.attic);
        let tower = Node::bridge("tower", "cloud", folder.path()).on(&hosts.tower);
        let tower = tower.with(&["--trust", &attic.id()]).start();
        let attic = attic.with(&["--link", &tower.link_url(TOWER)]).start();
        attic.wait_links(1);
        let anna = Node::peer("anna", "home", folder.path()).on(&hosts.anna).start();
        let carla = Node::peer("carla", "cloud", folder.path()).on(&hosts.carla).start();
        anna.wait_online("carla");
        carla.wait_online("anna");
        Some(Self { attic, tower, anna, carla, router, hosts, home, cloud, annas_cable, world, folder })
    }

    /// One more host on the home LAN.
    pub(super) fn host_at_home(&self, name: &str, address: &str) -> Host {
        at_home(&self.world, &self.home, name, address).0
    }

    /// One more host on the cloud's LAN.
    pub(super) fn host_in_cloud(&self, name: &str, address: &str) -> Host {
        let host = self.world.host(name);
        host.plug("eth0", &self.cloud, &[address]);
        host
    }

    /// A message each way arrives.
    pub(super) fn assert_talk(&self, what: &str) {
        self.anna.deliver("carla", &format!("{what}, says Anna"));
        self.carla.deliver("anna", &format!("{what}, says Carla"));
    }
}

fn at_home(world: &World, home: &Lan, name: &str, address: &str) -> (Host, Cable) {
    let host = world.host(name);
    let cable = host.plug("eth0", home, &[address]);
    host.default_route("10.1.0.1");
    (host, cable)
}
