//! Everything that enters the core.

use identity::{Announcement, Description, NodeId};
use proto::{
    link::v1::Frame,
    log::v1::{How, LeftReason},
};

use crate::{Epoch, LogId, Policy};

/// One gossip connection to a neighbour: a number that the IO layer never uses twice in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// What happened. The core changes only through these, so a recorded sequence of them replays exactly.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "inputs are handed over once and never stored in numbers")]
pub enum Input {
    /// The process runs; stored logs were loaded before. The first input, once.
    Start(Start),
    /// A peer of the own network is present: on each verified announcement (also those that merely renew a lease;
    /// what changes nothing is not logged).
    PeerSeen(PeerSeen),
    /// A local peer is gone.
    PeerGone {
        /// Which.
        id: NodeId,
        /// Why.
        reason: LeftReason,
    },
    /// A local peer does not run but can be woken.
    PeerAsleep {
        /// Which; it was seen before.
        id: NodeId,
        /// The dispatcher that wakes it.
        waker: NodeId,
    },
    /// A gossip connection to a trusted bridge is up. A further one to the same bridge replaces the earlier.
    LinkUp {
        /// The connection.
        link: LinkId,
        /// Authenticated and on the trust list.
        bridge: NodeId,
        /// Whether this side dialled.
        dialled: bool,
        /// The other's address, for the journal.
        address: String,
    },
    /// A gossip connection ended.
    LinkDown {
        /// The connection; an unknown or replaced one is ignored.
        link: LinkId,
        /// For people.
        reason: String,
    },
    /// A measurement on a link, about once a second.
    LinkSample {
        /// The connection.
        link: LinkId,
        /// Smoothed round-trip time, microseconds.
        rtt_us: u32,
        /// Packets lost per million in the time since the last sample.
        loss_ppm: u32,
    },
    /// A bridge could not be reached. Only journaled.
    DialFailed {
        /// If known.
        bridge: Option<NodeId>,
        /// What was dialled.
        address: String,
        /// For people.
        reason: String,
    },
    /// A frame came, decoded by [`frame::decode`](crate::frame::decode).
    Frame {
        /// Over this connection.
        link: LinkId,
        /// The frame.
        frame: Frame,
    },
    /// The own log is durable.
    Appended {
        /// The epoch of the own log.
        epoch: Epoch,
        /// Up to and with this sequence.
        through: u64,
    },
    /// A foreign log is durable.
    Stored {
        /// Which.
        log: LogId,
        /// Up to and with this sequence.
        through: u64,
    },
    /// Storing failed: whatever was handed over of this log and not reported durable was not stored. The own log's
    /// entries stay with the IO layer, which retries them in order; foreign ones are asked for again.
    StoreFailed {
        /// Which.
        log: LogId,
        /// For people.
        reason: String,
    },
    /// A bridge was put on the trust list or taken off it.
    TrustChanged {
        /// Which.
        bridge: NodeId,
        /// On the list now.
        trusted: bool,
    },
    /// The bridge's own policy changed.
    PolicyChanged(Policy),
    /// Prepare to stop: tell others first.
    Drain {
        /// How long open streams may go on, milliseconds.
        grace_ms: u32,
    },
    /// The last input: after its outputs are durable the process ends.
    Stop,
    /// [`Core::next_deadline`](crate::Core::next_deadline) has come.
    Tick,
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Fresh random bytes: the source of all of the core's randomness.
    pub seed: [u8; 32],
    /// The trust list.
    pub trusted: Vec<NodeId>,
    /// The policy.
    pub policy: Policy,
}

/// A sighting of a local peer, its records verified.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerSeen {
    /// Its description; `None` while unknown. The peer enters the log once it is known.
    pub description: Option<Description>,
    /// Its announcement.
    pub announcement: Announcement,
    /// Registered over the control port, or merely heard.
    pub how: How,
    /// `multicast`, `register`, ...: for the journal.
    pub source: String,
    /// The interface's name, for the journal.
    pub interface: String,
    /// The sender's address, for the journal.
    pub address: String,
}
