//! What a view is made of.

use std::sync::Arc;

use identity::{Announcement, Description, Network, NodeId};
use proto::log::v1::How;

use crate::{Epoch, Hlc, NoRoute, Policy};

/// A bridge as its log describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct BridgeView {
    /// Its id.
    pub id: NodeId,
    /// Its verified description.
    pub description: Option<Arc<Description>>,
    /// The network it serves.
    pub network: Option<Network>,
    /// Its latest epoch.
    pub epoch: Epoch,
    /// The last folded event.
    pub head: u64,
    /// That event's time.
    pub last_event: Hlc,
    /// How it is now.
    pub state: BridgeState,
    /// Its links that are up on both sides.
    pub links: Vec<NodeId>,
    /// The bridges on the way to it, itself the last; empty where no way leads there, and for this bridge.
    pub way: Vec<NodeId>,
    /// The peers whose claims count.
    pub peers: usize,
    /// Its policy.
    pub policy: Policy,
    /// It signed two histories of its latest epoch; the log ends before this sequence.
    pub forked_at: Option<u64>,
    /// Events of kinds that this version does not know.
    pub unknown_events: u64,
    /// The last checkpoint that did not match.
    pub bad_checkpoint: Option<u64>,
}

/// How a bridge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BridgeState {
    /// This one.
    Own,
    /// Reachable over links that are up.
    Reachable,
    /// Reachable, and about to stop.
    Draining,
    /// It stopped in an orderly way.
    Stopped,
    /// No confirmed link leads to it.
    Unreachable,
    /// Introduced by one end of a link only.
    Candidate,
}

/// A peer as the logs describe it.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerView {
    /// Its id.
    pub id: NodeId,
    /// Its verified description, the newest one.
    pub description: Arc<Description>,
    /// Its verified announcement, the newest one.
    pub announcement: Arc<Announcement>,
    /// Its homes, those that count.
    pub homes: Vec<HomeView>,
    /// How it is now.
    pub state: PeerState,
}

/// One home of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeView {
    /// The bridge.
    pub bridge: NodeId,
    /// The network it serves.
    pub network: Option<Network>,
    /// How it knows the peer.
    pub how: How,
    /// The time of the claim, by that bridge's clock.
    pub since: Hlc,
}

/// How a peer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerState {
    /// In the own network.
    Local,
    /// Reachable by [`Core::route`](crate::Core::route).
    Remote,
    /// Asleep; this dispatcher wakes it.
    Asleep(NodeId),
    /// No way leads to it now: unknown since its home's last event.
    Unknown {
        /// By the home's clock.
        since: Hlc,
        /// Why there is no way to it.
        why: NoRoute,
    },
}

/// A connection to a neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// The neighbour.
    pub bridge: NodeId,
    /// The logged cost, microseconds.
    pub cost_us: u64,
    /// The other's wall clock minus ours, milliseconds, once probed.
    pub skew_ms: Option<i64>,
    /// Both logs say up.
    pub confirmed: bool,
    /// Its coming up is not logged for now: it came and went too often.
    pub damped: bool,
    /// Bytes of frames sent and not yet dealt with by the other side.
    pub outstanding_bytes: u64,
    /// Durable own events that the other side does not have and that are not on their way to it.
    pub lag_events: u64,
}

/// A network: its name, its id and its bridges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkView {
    /// Name and id. Same name and other id: another network.
    pub network: Network,
    /// Its bridges.
    pub bridges: Vec<NodeId>,
}

/// The own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnView {
    /// The epoch of this run.
    pub epoch: Epoch,
    /// The last event.
    pub head: u64,
    /// The last durable event.
    pub durable: u64,
}
