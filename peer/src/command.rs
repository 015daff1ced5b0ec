//! What the local control asks of the actor.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use conversation::{ContactView, Decision, Epoch, MessageId, Totals};
use discovery::Snapshot;
use identity::NodeId;
use tokio::sync::oneshot;

use crate::{away::Away, path::Path};

/// A request with the way back for its answer.
#[derive(Debug)]
pub(crate) enum Command {
    Send {
        to: String,
        text: String,
        /// The same again is the same message; empty: every one is another.
        once: Bytes,
        reply: oneshot::Sender<Result<Sent, CommandError>>,
    },
    /// Answered once the decision is durable.
    Decide {
        peer: NodeId,
        decision: Decision,
        reply: oneshot::Sender<Result<(), CommandError>>,
    },
    /// Answered once the message is at the peer, with its name then, or refused for good, with none.
    AwaitDelivery {
        id: MessageId,
        reply: oneshot::Sender<Option<MessageId>>,
    },
    MarkRead {
        peer: String,
        through: Option<(Epoch, u64)>,
        reply: oneshot::Sender<Result<u64, CommandError>>,
    },
    Typing {
        to: String,
        active: bool,
        reply: oneshot::Sender<Result<(), CommandError>>,
    },
    Resolve {
        peer: String,
        reply: oneshot::Sender<Result<NodeId, CommandError>>,
    },
    /// Answered with the first number that was not read, of each epoch that has any.
    Unread {
        peer: NodeId,
        reply: oneshot::Sender<BTreeSet<(Epoch, u64)>>,
    },
    Faces {
        peers: Vec<NodeId>,
        reply: oneshot::Sender<BTreeMap<NodeId, Face>>,
    },
    Overview {
        reply: oneshot::Sender<Overview>,
    },
}

/// A message that was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) id: MessageId,
    /// Where it lies in the history.
    pub(crate) position: u64,
    /// When it was written, as the message itself says: milliseconds since 1970.
    pub(crate) sent_at_ms: u64,
}

/// Why a request failed. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("{0}")]
    Unknown(String),
    #[error("{0}")]
    Forbidden(String),
    #[error("{0}")]
    Ambiguous(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Exhausted(String),
}

/// How a peer is shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Face {
    pub(crate) name: String,
    /// Why messages to it wait.
    pub(crate) reason: String,
    /// The way of its session.
    pub(crate) via: Vec<NodeId>,
}

/// Everything that status and the list of peers show.
#[derive(Debug)]
pub(crate) struct Overview {
    pub(crate) totals: Totals,
    /// Everybody one has talked to or decided about.
    pub(crate) known: Vec<ContactView>,
    /// Contacts, each with another key under its name.
    pub(crate) namesakes: Vec<(NodeId, NodeId)>,
    pub(crate) sessions: Vec<SessionView>,
    pub(crate) warnings: Vec<String>,
    /// Why nothing can be stored.
    pub(crate) trouble: Option<String>,
    pub(crate) snapshot: Arc<Snapshot>,
    /// Peers that are not there now.
    pub(crate) away: BTreeMap<NodeId, Away>,
    /// Why those that wait for something are not reached.
    pub(crate) reasons: BTreeMap<NodeId, String>,
}

/// A running session.
#[derive(Debug, Clone)]
pub(crate) struct SessionView {
    pub(crate) peer: NodeId,
    pub(crate) name: String,
    pub(crate) path: Path,
    pub(crate) round_trip_us: u32,
    pub(crate) since_ms: u64,
    pub(crate) key_exchange: String,
    pub(crate) skew_ms: i64,
    pub(crate) typing: bool,
}
