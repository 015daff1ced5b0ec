//! What links tell.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use identity::{Description, Network, NodeId};

/// What a link tells its bridge. The events of one connection come in order: `Up`, then `Frame` and `Sample`, then
/// `Down`; the `Up` of the next one follows.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a queue of events grows by a few at a time, so the room is not kept"
)]
pub enum LinkEvent {
    /// Both connections are up and both sides have introduced themselves.
    Up(LinkUp),
    /// A frame of the gossip came.
    Frame {
        /// From whom.
        bridge: NodeId,
        /// Over which run of the link.
        connection: u64,
        /// The encoded frame, at most 64 KiB.
        frame: Bytes,
    },
    /// The link is down.
    Down {
        /// The other bridge.
        bridge: NodeId,
        /// Which run of the link ended.
        connection: u64,
        /// Why, for people.
        reason: String,
    },
    /// A dial failed. It is repeated by itself.
    DialFailed {
        /// Whom the dial was for.
        bridge: NodeId,
        /// The address as configured.
        address: String,
        /// Why, for people.
        reason: String,
    },
    /// How the link is, once a second.
    Sample(LinkSample),
}

/// A link came up.
#[derive(Debug, Clone)]
pub struct LinkUp {
    /// The other bridge.
    pub bridge: NodeId,
    /// The number of this run of the link, never used twice in a process.
    pub connection: u64,
    /// Where the other side is.
    pub remote: SocketAddr,
    /// What the other side says it is; verified, and of the id that TLS proved.
    pub description: Description,
    /// The network the other side says it serves.
    pub network: Network,
    /// This side dialled.
    pub dialled: bool,
}

/// The quality of a link, as QUIC sees it.
#[derive(Debug, Clone, Copy)]
pub struct LinkSample {
    /// The other bridge.
    pub bridge: NodeId,
    /// The run of the link.
    pub connection: u64,
    /// The smoothed round trip.
    pub rtt: Duration,
    /// Packets sent since the link came up, over both connections.
    pub sent: u64,
    /// Those of them that were lost.
    pub lost: u64,
}
