//! The nodes of the demo and the folder they live in.

use std::{
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tempfile::TempDir;

use super::node::{LOOK_EVERY, Node};

/// Free ports, on the loopback interface alone.
const PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--greeting-port", "0"];
const BRIDGE_PORTS: [&str; 6] = ["--proxy-port", "0", "--control-port", "0", "--metrics-port", "0"];

/// How long a process may take from its last word to its end.
const ENDING: Duration = Duration::from_secs(2);

/// Two networks, `home` and `cloud`, each with a bridge and two peers.
pub(super) struct World {
    folder: TempDir,
    /// A port of its own, so that two demos at once, and the nodes of this machine, do not meet.
    discovery_port: String,
    nodes: Vec<Node>,
}

impl World {
    /// Nothing runs yet.
    pub(super) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("causeway-demo-")
            .tempdir()
            .context("cannot make a folder for the demo")?;
        let free = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| socket.local_addr());
        let discovery_port = free.context("there is no free UDP port")?.port().to_string();
        Ok(Self { folder, discovery_port, nodes: Vec::new() })
    }

    /// Where the nodes store their things.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a bridge.
    pub(super) fn start_bridge(&mut self, name: &'static str, network: &str) -> anyhow::Result<()> {
        let mut options =
            vec!["--network", network, "--discovery-port", &self.discovery_port, "--grace", "1"];
        options.extend(PORTS);
        options.extend(BRIDGE_PORTS);
        let node = Node::start(self.folder.path(), "bridge", name, &options)?;
        self.nodes.push(node);
        Ok(())
    }

    /// Starts a peer.
    pub(super) fn start_peer(&mut self, name: &'static str, network: &str) -> anyhow::Result<()> {
        let mut options = vec!["--network", network, "--discovery-port", &self.discovery_port];
        options.extend(PORTS);
        let node = Node::start(self.folder.path(), "peer", name, &options)?;
        self.nodes.push(node);
        Ok(())
    }

    /// Starts a dispatcher that keeps one peer ready.
    pub(super) fn start_dispatcher(&mut self, name: &'static str, network: &str) -> anyhow::Result<()> {
        let options = ["--network", network, "--discovery-port", &self.discovery_port];
        let options = [&options[..], &["--pool", "1", "--peer-listen", "127.0.0.1"]].concat();
        let node = Node::start(self.folder.path(), "dispatcher", name, &options)?;
        self.nodes.push(node);
        Ok(())
    }

    /// Waits until every node answers.
    pub(super) async fn ready(&mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            node.ready().await?;
        }
        Ok(())
    }

    /// Tells on stderr which nodes have ended by themselves: what failed may be their doing. The connections of a process
    /// break before it is known to have ended, so it is looked for a while.
    pub(super) async fn tell_who_ended(&mut self) {
        let deadline = Instant::now() + ENDING;
        loop {
            let ended: Vec<_> = self.nodes.iter_mut().filter_map(Node::ended).collect();
            for told in &ended {
                eprintln!("causeway: {told}");
            }
            if !ended.is_empty() || Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A node by name.
    pub(super) fn node(&self, name: &str) -> anyhow::Result<&Node> {
        self.nodes.iter().find(|node| node.name == name).with_context(|| format!("there is no {name}"))
    }

    /// Stops the dispatcher with the peers that it keeps, the other peers, then the bridges.
    pub(super) async fn stop(&mut self) {
        while let Some(node) = self.nodes.pop() {
            node.stop().await;
        }
    }
}
