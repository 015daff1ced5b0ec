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

impl NoRoute {
    /// The sentence for people, with nodes as `call` names them, and with what to do.
    pub fn sentence(&self, call: impl Fn(&NodeId) -> String) -> String {
        let fact = self.fact(call);
        self.advice().map_or_else(|| fact.clone(), |advice| format!("{fact}{advice}"))
    }

    /// What to do about it now.
    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::UnknownPeer { .. } => {
                Some(": check the id, and that the peer runs and its network's bridge is linked")
            }
            Self::Unreachable { .. } => Some(": see `causeway links` on the bridges between"),
            Self::TooFar { .. } => Some(": link a nearer bridge"),
            Self::Policy { .. } => Some("; its operator can change that (`causeway policy`)"),
            Self::Left { .. } | Self::Unconfirmed { .. } | Self::Draining { .. } => None,
        }
    }

    /// The same without what to do: also of a past that nobody can change.
    pub fn fact(&self, call: impl Fn(&NodeId) -> String) -> String {
        match self {
            Self::UnknownPeer { peer } => format!("no bridge known here has named {}", call(peer)),
            Self::Left { peer, goodbye: true, .. } => {
                format!("{} said goodbye to its bridge and has not come back", call(peer))
            }
            Self::Left { peer, .. } => {
                format!("{} fell silent in its network and has not come back", call(peer))
            }
            Self::Unconfirmed { peer, bridge } => format!(
                "bridge {} claims {}, but the peer's own announcement does not name that bridge or its network",
                call(bridge),
                call(peer)
            ),
            Self::Unreachable { peer, home, .. } => format!(
                "no chain of links that are up leads to bridge {}, the home of {}",
                call(home),
                call(peer)
            ),
            Self::TooFar { peer, home } => format!(
                "bridge {}, the home of {}, is more than {MAX_HOPS} links away",
                call(home),
                call(peer)
            ),
            Self::Draining { peer, bridge } => format!(
                "bridge {} on the way to {} is stopping and no other way is known",
                call(bridge),
                call(peer)
            ),
            Self::Policy { peer, bridge } => {
                format!("the policy of bridge {} does not let {} through", call(bridge), call(peer))
            }
        }
    }
}

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(|id| format!("{}", id.short())))
    }
}
