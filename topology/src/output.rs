//! Everything that the core wants done.

use std::fmt;

use bytes::Bytes;
use identity::NodeId;
use proto::link::v1::{Close, Frame};

use crate::{Entry, LinkId, LogId, Snapshot};

/// What must be done, in this order. Writes (`Journal` to `Forget`) go to storage in order; the core is told of
/// durability by [`Input::Appended`](crate::Input::Appended) and [`Input::Stored`](crate::Input::Stored).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// Append this record to the journal. It always comes before what it caused.
    Journal(Bytes),
    /// Append to the own log; report `Appended`.
    Append {
        /// The own log; a new epoch begins with `first` 1.
        log: LogId,
        /// Sequence of the first entry.
        first: u64,
        /// The entries.
        entries: Vec<Entry>,
    },
    /// Append to a foreign log (or one of the own earlier epochs); report `Stored`.
    Store {
        /// Which.
        log: LogId,
        /// Sequence of the first entry; always one more than the last stored.
        first: u64,
        /// The entries.
        entries: Vec<Entry>,
    },
    /// Remove a log's entries above `keep`: they lie beyond a proven fork. Takes effect for
    /// [`History::read`](crate::History::read) at once.
    Truncate {
        /// Which.
        log: LogId,
        /// The last sequence that stays.
        keep: u64,
    },
    /// Remove a log altogether.
    Forget {
        /// Which.
        log: LogId,
    },
    /// Keep a snapshot of a log's fold, if there is room: a later start, and looks back, begin there. Losing it loses
    /// nothing.
    Snapshot(Box<Snapshot>),
    /// Send a frame, encoded by [`frame::encode`](crate::frame::encode). What is under way on a link is bounded by
    /// [`LINK_WINDOW_BYTES`](crate::limits::LINK_WINDOW_BYTES).
    Send {
        /// Over this connection.
        link: LinkId,
        /// The frame.
        frame: Frame,
    },
    /// Close a connection, and report `LinkDown` as for any other end of it.
    Close {
        /// Which.
        link: LinkId,
        /// The application error code.
        code: Close,
        /// A sentence for people on both sides.
        reason: String,
    },
    /// These peers (local or remote) came, went, changed or are reached otherwise: ask
    /// [`View::peer`](crate::View::peer) and [`Core::route`](crate::Core::route) again.
    PeersChanged(Vec<NodeId>),
    /// Something about these bridges changed.
    BridgesChanged(Vec<NodeId>),
    /// Somebody should know.
    Warn(Warning),
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A bridge signed two histories.
    Fork {
        /// The log that was cut back.
        log: LogId,
        /// The first sequence that does not count.
        sequence: u64,
    },
    /// A neighbour sent what does not verify.
    Invalid {
        /// The neighbour.
        neighbour: NodeId,
        /// What was wrong.
        what: String,
    },
    /// A bridge claims more links than it may.
    TooManyLinks {
        /// The bridge.
        bridge: NodeId,
    },
    /// The table of bridges is full; one that this bridge introduced was not taken.
    TooManyBridges {
        /// The bridge that introduced it.
        introducer: NodeId,
    },
    /// Another process signs with this bridge's key, or this machine was set back to an earlier state.
    OwnKeyElsewhere {
        /// The log that this process did not write.
        log: LogId,
    },
    /// Storing failed.
    Storage {
        /// Why.
        reason: String,
    },
    /// A checkpoint does not match the history before it.
    Checkpoint {
        /// The log.
        log: LogId,
        /// The checkpoint's sequence.
        sequence: u64,
    },
    /// A neighbour's clock differs by more than [`SKEW_WARNING_MS`](crate::limits::SKEW_WARNING_MS).
    Skew {
        /// The neighbour.
        bridge: NodeId,
        /// Its clock minus ours.
        skew_ms: i64,
    },
    /// A table of local things is full.
    Full {
        /// What the table holds.
        what: &'static str,
        /// Its bound.
        most: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fork { log, sequence } => {
                write!(f, "bridge {} signed two different histories: ", log.owner)?;
                match sequence {
                    1 => write!(f, "nothing of its log of this run counts"),
                    _ => write!(f, "its log counts only up to event {}", sequence - 1),
                }?;
                write!(f, "; its operator should find out whether its key is used twice")
            }
            Self::Invalid { neighbour, what } => {
                write!(f, "neighbour {neighbour} sent what does not verify: {what}; it was not taken over")
            }
            Self::TooManyLinks { bridge } => write!(
                f,
                "bridge {bridge} claims more than {} links; the others are ignored; ask its operator",
                crate::limits::MAX_LINKS_PER_BRIDGE
            ),
            Self::TooManyBridges { introducer } => write!(
                f,
                "no place for a further bridge that {introducer} introduced; it is not reachable from here"
            ),
            Self::OwnKeyElsewhere { log } => write!(
                f,
                "a log of this bridge that this process did not write exists elsewhere (epoch {}): the data directory \
                 was restored from a backup, or a second process uses the same key; stop it if so",
                log.epoch
            ),
            Self::Storage { reason } => {
                write!(f, "storing failed ({reason}); the bridge goes on with what is stored and tries again")
            }
            Self::Checkpoint { log, sequence } => write!(
                f,
                "checkpoint {sequence} of bridge {} does not match the events before it; its software or disk may be \
                 faulty",
                log.owner
            ),
            Self::Skew { bridge, skew_ms } => write!(
                f,
                "the clock of bridge {bridge} differs from ours by {:.1} s; nothing is refused for it, but times are \
                 shown wrongly: set the clocks",
                *skew_ms as f64 / 1_000.0
            ),
            Self::Full { what, most } => {
                write!(
                    f,
                    "the table of {what} is full ({most}); further ones are not taken until others leave"
                )
            }
        }
    }
}
