//! What discovery tells its owner.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use identity::{Description, Network, NodeId};

use crate::neighbour::{BridgeEnd, Neighbour};

/// A change. Changes of one node that its reader was too slow for are merged: the last state is never missed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A node is there that was not.
    Appeared(Arc<Neighbour>),
    /// Its announcement, description, addresses or routes changed.
    Updated(Arc<Neighbour>),
    /// It is not there any more, neither directly nor through a bridge.
    Gone {
        /// The node.
        id: NodeId,
        /// Why.
        reason: GoneReason,
    },
    /// The registration with a bridge changed.
    Bridge(Arc<BridgeStatus>),
    /// The id of this node's network became known; the announcement names it from now on.
    NetworkLearned(Network),
    /// A network with this one's name and another id is on the same wire. Its nodes are no neighbours.
    OtherNetwork(Network),
    /// Another machine announces this node's own identity: one of the two must stop.
    Twin {
        /// From where it was heard.
        from: IpAddr,
    },
}

/// Why a node is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GoneReason {
    /// Its lease ran out in silence.
    Expired,
    /// It said so.
    Goodbye,
    /// It started anew, or it is in another network now.
    Replaced,
    /// The bridge that led to it says that it left.
    Left,
    /// No way leads to it any more: the bridge that led to it says so, or is itself gone.
    Unreachable,
}

/// How a registration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BridgeState {
    /// Being dialled.
    Connecting,
    /// Registered, and its remote peers are followed.
    Registered,
    /// It stops soon: its routes are not used any more.
    Draining,
    /// Not reached, or refused; tried again after a while.
    Waiting {
        /// What happened, for a person.
        reason: String,
    },
    /// Nobody wants it any more: it was only heard, and is gone.
    Left,
}

/// The registration with one bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct BridgeStatus {
    /// As configured, `HOST:PORT`, or the address where it was heard.
    pub target: String,
    /// The bridge, once it is known.
    pub id: Option<NodeId>,
    /// The id was not given but taken from the first connection.
    pub first_use: bool,
    /// How it stands.
    pub state: BridgeState,
    /// Its ports, once registered.
    pub end: Option<Arc<BridgeEnd>>,
    /// Its network, once registered.
    pub network: Option<Network>,
    /// Its description, once registered.
    pub description: Option<Description>,
    /// This node's address as the bridge sees it.
    pub observed: Option<IpAddr>,
}

/// Another network on the same wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardNetwork {
    /// Its name and id.
    pub network: Network,
    /// Announcements heard.
    pub announcements: u64,
    /// From where the last one came.
    pub from: IpAddr,
    /// When the last one came.
    pub last: Instant,
}

/// An address of this node, learned by hearing itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnAddress {
    /// The interface.
    pub interface: Arc<str>,
    /// The address.
    pub address: SocketAddr,
}

/// Everything known at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// This node's network.
    pub network: Network,
    /// All known nodes but this one, local and remote.
    pub neighbours: BTreeMap<NodeId, Arc<Neighbour>>,
    /// The registrations.
    pub bridges: Vec<BridgeStatus>,
    /// Other networks on the same wire, those with this one's name included.
    pub other_networks: Vec<HeardNetwork>,
    /// This node's addresses on which multicast works, with the port of its datagrams.
    pub own_addresses: Vec<OwnAddress>,
}

impl Snapshot {
    pub(crate) const fn empty(network: Network) -> Self {
        Self {
            network,
            neighbours: BTreeMap::new(),
            bridges: Vec::new(),
            other_networks: Vec::new(),
            own_addresses: Vec::new(),
        }
    }
}
