//! The usual stage on this machine alone: two networks on loopback, a bridge in each, linked.

use std::{
    net::{Ipv4Addr, TcpListener},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

use super::{Node, raw::Control};

/// A network name that no other test, and no other run on this machine, has.
pub(crate) fn network(name: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A port of this test for a page that is to stay where it is over a restart: those that nobody asks for may be taken
/// meanwhile by nodes of other tests. Neither a default of ours nor one that the system gives out by itself.
fn lasting_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = process::id().wrapping_mul(37).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = 12_000 + u16::try_from(number % 17_000).expect("it is below");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Two networks and their bridges; peers are added by the tests.
#[derive(Debug)]
pub(crate) struct Towns {
    /// The bridge at home; it dials.
    pub(crate) attic: Node,
    /// The bridge in the cloud.
    pub(crate) tower: Node,
    home: String,
    cloud: String,
    // Last: what runs in it is dropped before.
    folder: TempDir,
}

impl Towns {
    /// Starts both bridges and waits for their link.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with further arguments for both bridges.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        Self::start_each(arguments, arguments)
    }

    /// The same, with a page of the bridge at home that stays where it is when the bridge is started again.
    pub(crate) fn start_with_a_lasting_page() -> Self {
        Self::start_each(&["--metrics-port", &lasting_port().to_string()], &[])
    }

    fn start_each(of_attic: &[&str], of_tower: &[&str]) -> Self {
        let folder = TempDir::new().expect("there is room");
        let (home, cloud) = (network("home"), network("cloud"));
        let local = ["--listen", "127.0.0.1"];
        let attic = Node::bridge("attic", &home, folder.path()).with(&local).with(of_attic);
        let tower = Node::bridge("tower", &cloud, folder.path()).with(&local).with(of_tower);
        let tower = tower.with(&["--trust", &attic.id()]).start();
        let attic = attic.with(&["--link", &tower.link_url("127.0.0.1")]).start();
        attic.wait_links(1);
        Self { attic, tower, home, cloud, folder }
    }

    /// A running peer at home.
    pub(crate) fn at_home(&self, name: &str) -> Node {
        Node::peer(name, &self.home, self.folder.path()).with(&["--listen", "127.0.0.1"]).start()
    }

    /// A running peer at home of another name than the one that the test calls it by.
    pub(crate) fn at_home_called(&self, label: &str, name: &str) -> Node {
        let folder = self.folder.path();
        let node = Node::peer(name, &self.home, folder).keeping(folder.join(label));
        node.with(&["--listen", "127.0.0.1"]).start()
    }

    /// A running peer at home that keeps its data in a folder.
    pub(crate) fn at_home_on(&self, name: &str, folder: &std::path::Path) -> Node {
        Node::peer(name, &self.home, folder).with(&["--listen", "127.0.0.1"]).start()
    }

    /// A peer at home that was not started yet.
    pub(crate) fn stopped_at_home(&self, name: &str) -> Node {
        Node::peer(name, &self.home, self.folder.path()).with(&["--listen", "127.0.0.1"])
    }

    /// A running peer at home whose page stays where it is when the peer is started again.
    pub(crate) fn at_home_with_a_lasting_page(&self, name: &str) -> Node {
        self.stopped_at_home(name).with(&["--ui", &format!("127.0.0.1:{}", lasting_port())]).start()
    }

    /// A running peer in the cloud.
    pub(crate) fn in_cloud(&self, name: &str) -> Node {
        Node::peer(name, &self.cloud, self.folder.path()).with(&["--listen", "127.0.0.1"]).start()
    }

    /// Where nodes of the cloud register with its bridge.
    pub(crate) fn control_in_cloud(&self) -> Control {
        Control::of(&self.tower, "127.0.0.1", &self.cloud)
    }

    /// A running peer at home under a name that somebody has already; its data lies in a folder of its own.
    pub(crate) fn another_at_home(&self, name: &str) -> Node {
        let folder = self.folder.path().join(network("another"));
        std::fs::create_dir(&folder).expect("there is room");
        Node::peer(name, &self.home, &folder).with(&["--listen", "127.0.0.1"]).start()
    }

    /// Where everything of this stage lies.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}
