//! Ways to a peer, and why there is none.

use std::{fmt, sync::Arc};

use identity::NodeId;
use proto::bridge::v1::Refusal;

use crate::{Hlc, limits::MAX_HOPS};

/// The way to a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The bridges on the way: this one first, the home last. One entry: the peer is in the own network.
    pub bridges: Arc<[NodeId]>,
    /// Expected delay of the links, microseconds.
    pub cost_us: u64,
    /// The peer registered with its home; otherwise its home merely heard it.
    pub registered: bool,
    /// The peer sleeps; this dispatcher wakes it.
    pub asleep: Option<NodeId>,
}

/// Why there is no way to a peer. As text it is a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoRoute {
    /// No known bridge ever named it.
    UnknownPeer {
        /// The peer.
        peer: NodeId,
    },
    /// It left.
    Left {
        /// The peer.
        peer: NodeId,
        /// By the clock of the bridge that it left.
        since: Hlc,
        /// Said goodbye, rather than fell silent.
        goodbye: bool,
    },
    /// Bridges name it, but its own announcement does not confirm any of them.
    Unconfirmed {
        /// The peer.
        peer: NodeId,
        /// A bridge that claims it.
        bridge: NodeId,
    },
    /// No chain of links that are up leads to a home of it.
    Unreachable {
        /// The peer.
        peer: NodeId,
        /// One of its homes.
        home: NodeId,
        /// When the last way to that home was lost, by this bridge's clock; if there was none since the start, the last
        /// time of the home's log.
        since: Hlc,
    },
    /// All ways are longer than [`MAX_HOPS`] links.
    TooFar {
        /// The peer.
        peer: NodeId,
        /// One of its homes.
        home: NodeId,
    },
    /// Every home, or every way to one, is draining.
    Draining {
        /// The peer.
        peer: NodeId,
        /// The bridge that drains.
        bridge: NodeId,
    },
    /// A bridge's policy forbids it.
    Policy {
        /// The peer.
        peer: NodeId,
        /// The bridge whose policy it is.
        bridge: NodeId,
    },
}

impl NoRoute {
    /// The refusal to answer with.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::UnknownPeer { .. } => Refusal::UnknownPeer,
            Self::Left { .. } => Refusal::PeerLeft,
            Self::Unconfirmed { .. } | Self::Unreachable { .. } => Refusal::NoRoute,
            Self::TooFar { .. } => Refusal::Hops,
            Self::Draining { .. } => Refusal::Draining,
            Self::Policy { .. } => Refusal::Policy,
        }
    }
}

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPeer { peer } => write!(
                f,
                "no bridge known here has named {}: check the id, and that the peer runs and its network's bridge is \
                 linked",
                peer.short()
            ),
            Self::Left { peer, goodbye: true, .. } => {
                write!(f, "{} said goodbye to its bridge and has not come back", peer.short())
            }
            Self::Left { peer, .. } => {
                write!(f, "{} fell silent in its network and has not come back", peer.short())
            }
            Self::Unconfirmed { peer, bridge } => write!(
                f,
                "bridge {} claims {}, but the peer's own announcement does not name that bridge or its network",
                bridge.short(),
                peer.short()
            ),
            Self::Unreachable { peer, home, .. } => write!(
                f,
                "no chain of links that are up leads to bridge {}, the home of {}: see `causeway links` on the \
                 bridges between",
                home.short(),
                peer.short()
            ),
            Self::TooFar { peer, home } => write!(
                f,
                "bridge {}, the home of {}, is more than {MAX_HOPS} links away: link a nearer bridge",
                home.short(),
                peer.short()
            ),
            Self::Draining { peer, bridge } => write!(
                f,
                "bridge {} on the way to {} is stopping and no other way is known",
                bridge.short(),
                peer.short()
            ),
            Self::Policy { peer, bridge } => {
                write!(
                    f,
                    "the policy of bridge {} does not let {} through; its operator can change that (`causeway policy`)",
                    bridge.short(),
                    peer.short()
                )
            }
        }
    }
}
