//! One simulated bridge, and its peers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use identity::{Announcement, Description, Network, NetworkId, NodeId, NodeKey};
use proto::{
    log::v1::{How, LeftReason},
    node::v1::{self as node, NodeKind, Ports},
};

use super::{Disk, Remembering, Settings, Simulation};
use crate::{Config, Core, Counts, Input, PeerSeen, Policy, Start, past::Archive as _};

/// A bridge.
#[derive(Debug)]
pub struct Node {
    /// Its key.
    pub key: NodeKey,
    /// Its core while it runs.
    pub core: Option<Core>,
    /// Its logs.
    pub disk: Disk,
    /// Its journal, if kept.
    pub journal: Vec<Bytes>,
    /// Its wall clock minus the true one, milliseconds.
    pub skew_ms: i64,
    /// What it had counted whenever its power failed.
    pub counted: Vec<Counts>,
    /// How often it was started.
    pub runs: u32,
    pub(super) tick_at: Option<Duration>,
    config: Config,
    seed: u64,
    index: usize,
}

/// The key of a peer or bridge: kind of number, seed, number.
pub fn peer_key(seed: u64, number: u64) -> NodeKey {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes[8..16].copy_from_slice(&number.to_be_bytes());
    NodeKey::from_seed(*blake3::hash(&bytes).as_bytes())
}

/// The records of a peer that names these homes.
///
/// # Panics
/// Never: the fields are within bounds.
pub fn peer(key: &NodeKey, network: &Network, homes: &[NodeId]) -> (Description, Announcement) {
    let description = description(key, NodeKind::Peer);
    let announcement = node::Announcement {
        sequence: 1,
        kind: NodeKind::Peer.into(),
        network: Some(network.to_proto()),
        ports: Some(Ports { secure: 30_000, greeting: 30_001, ..Ports::default() }),
        homes: homes.iter().map(|home| home.to_bytes()).collect(),
        description_hash: Bytes::copy_from_slice(&description.hash()),
        ..node::Announcement::default()
    };
    let announcement = Announcement::sign(key, announcement).expect("the fields are within bounds");
    (description, announcement)
}

/// The description of a bridge.
pub(super) fn bridge(key: &NodeKey) -> Description {
    description(key, NodeKind::Bridge)
}

fn description(key: &NodeKey, kind: NodeKind) -> Description {
    let message = node::Description {
        kind: kind.into(),
        name: format!("node {}", key.node_id().short()),
        sequence: 1,
        certificate: Bytes::from_static(&[7; 380]),
        ..node::Description::default()
    };
    Description::sign(key, message).expect("the fields are within bounds")
}

impl Node {
    pub(super) fn new(seed: u64, index: usize, settings: &Settings, verifier: Arc<Remembering>) -> Self {
        let key = peer_key(seed, index as u64);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(index as u64).to_be_bytes());
        let network = Network { name: format!("net{index}"), id: Some(NetworkId::from_bytes(id)) };
        let mut config = Config::new(bridge(&key), network, key.clone());
        config.verifier = verifier;
        config.journal = settings.journals;
        config.snapshot_every = settings.snapshot_every;
        config.route_interval = settings.route_interval;
        config.retention = (settings.retention)(index);
        Self {
            key,
            core: None,
            disk: Disk::default(),
            journal: Vec::new(),
            skew_ms: 0,
            counted: Vec::new(),
            runs: 0,
            tick_at: None,
            config,
            seed,
            index,
        }
    }

    /// The network it serves.
    pub fn network(&self) -> &Network {
        &self.config.network
    }

    /// The records of one of its peers, which names it as home.
    pub fn local_peer(&self, number: u64) -> (Description, Announcement) {
        let key = peer_key(self.seed, 1_000_000 + self.index as u64 * 10_000 + number);
        peer(&key, &self.config.network, &[self.key.node_id()])
    }

    fn load(&self) -> Core {
        let mut core = Core::new(self.config.clone(), Box::new(self.disk.clone()));
        for (log, entries) in self.disk.logs() {
            let length = entries.len() as u64;
            let snapshot = self.disk.snapshot(&log, length).filter(|snapshot| core.takes(snapshot));
            let outcome = match snapshot {
                Some(snapshot) => {
                    let behind = usize::try_from(snapshot.head.sequence).unwrap_or(usize::MAX);
                    core.load_from(snapshot, entries.into_iter().skip(behind))
                }
                None => core.load(log, entries),
            };
            let good = outcome.unwrap_or_else(|damaged| damaged.good);
            if good < length {
                self.disk.truncate(&log, good);
            }
        }
        core
    }
}

impl Simulation {
    /// Starts a bridge with what is on its disk.
    pub fn start(&mut self, index: usize) {
        let seed = std::array::from_fn(|_| self.below(256) as u8);
        let node = &mut self.nodes[index];
        node.runs += 1;
        node.tick_at = None;
        node.core = Some(node.load());
        self.input(index, Input::Start(Start { seed, trusted: Vec::new(), policy: Policy::default() }));
    }

    /// The power of a bridge fails: what is not durable is lost, its neighbours notice after a while.
    pub fn crash(&mut self, index: usize) {
        for (one, other) in self.wires_of(index) {
            self.cut(one, other);
        }
        let core = self.nodes[index].core.take();
        self.nodes[index].counted.extend(core.map(|core| core.counts()));
        self.nodes[index].disk.crash();
    }

    /// Starts a crashed bridge, its first peer joins, and its links come up again.
    pub fn recover(&mut self, index: usize) {
        self.start(index);
        let peer = self.nodes[index].local_peer(0);
        self.join(index, peer, How::Registered);
        for (one, other) in self.wires_of(index) {
            self.heal(one, other);
        }
    }

    /// A peer is seen in a bridge's network.
    pub fn join(&mut self, index: usize, (description, announcement): (Description, Announcement), how: How) {
        let seen = PeerSeen {
            description: Some(description),
            announcement,
            how,
            source: "simulated".to_owned(),
            interface: "sim0".to_owned(),
            address: "192.0.2.1:30000".to_owned(),
        };
        self.input(index, Input::PeerSeen(seen));
    }

    /// A peer of a bridge's network leaves.
    pub fn leave(&mut self, index: usize, id: NodeId) {
        self.input(index, Input::PeerGone { id, reason: LeftReason::Goodbye });
    }
}
