//! What goes into the core and what comes out.

use bytes::Bytes;
use identity::NodeId;
use proto::chat::v1::{Frame, close::Reason};

use crate::{
    Epoch, MessageId, SessionId,
    limits::{MAX_TEXT_BYTES, OUTBOX_MESSAGES},
};

/// A session as this process numbers it: growing, in the order of opening.
pub type SessionKey = u64;

/// What happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// The person writes. Answered by [`Output::Queued`] or [`Output::Rejected`] with the same `request`.
    Send {
        /// Chosen by the caller.
        request: u64,
        /// For whom.
        to: NodeId,
        /// What.
        text: String,
        /// The same again is the same message; empty: every one is another. At most
        /// [`MAX_ONCE_BYTES`](crate::limits::MAX_ONCE_BYTES).
        once: Bytes,
    },
    /// The person decides something about a peer. Answered by [`Output::Decided`] or [`Output::Rejected`] with the same
    /// `request`.
    Decide {
        /// Chosen by the caller.
        request: u64,
        /// About whom.
        peer: NodeId,
        /// What.
        decision: Decision,
    },
    /// The person has seen what this peer sent. Answered by [`Output::Marked`].
    MarkRead {
        /// Chosen by the caller.
        request: u64,
        /// Whose messages.
        peer: NodeId,
        /// Of this epoch, up to this number; `None` for everything that is stored.
        through: Option<(Epoch, u64)>,
    },
    /// The person is writing, or stopped.
    Typing {
        /// To whom.
        peer: NodeId,
        /// Writing.
        active: bool,
    },
    /// A verified description names this peer.
    PeerNamed {
        /// Who.
        id: NodeId,
        /// The name it gives itself.
        name: String,
    },
    /// A session's stream is open and its peer proven.
    SessionOpened {
        /// New for each.
        session: SessionKey,
        /// Who is at the other end.
        peer: NodeId,
        /// Set when this side opened it.
        dialled: Option<Dialled>,
        /// The bridges on the way; empty for a direct one.
        via: Vec<NodeId>,
    },
    /// The bridges on a session's way turn out to be others than was thought.
    Rerouted {
        /// Which session.
        session: SessionKey,
        /// The bridges.
        via: Vec<NodeId>,
    },
    /// A frame arrived.
    Frame {
        /// On which session.
        session: SessionKey,
        /// The frame.
        frame: Frame,
    },
    /// A session's stream ended, however.
    SessionClosed {
        /// Which.
        session: SessionKey,
    },
    /// The oldest `records` handed over by [`Output::Append`] are durable, the first of them at position `first`.
    Stored {
        /// Position in the log.
        first: u64,
        /// How many.
        records: usize,
    },
    /// Storing failed: nothing that was handed over and not reported as stored is or will be in the log. Nothing more
    /// is handed over until [`Input::StoreReady`].
    StoreFailed {
        /// For people.
        reason: String,
    },
    /// The store works again.
    StoreReady,
    /// The answer to [`Output::Fetch`].
    Fetched {
        /// As asked.
        peer: NodeId,
        /// Own messages to that peer, in the order of the log.
        messages: Vec<Fetched>,
        /// Where to go on; `None` when everything asked for was read.
        next: Option<u64>,
    },
}

/// What a person may decide about a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The safety number was compared, or that does not count any more.
    Verified(bool),
    /// Nothing is taken from it and sent to it, or that is over.
    Blocked(bool),
    /// What was said so far is not shown any more.
    DeleteConversation,
}

/// An opened session, as its opener knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialled {
    /// Random.
    pub id: SessionId,
    /// It is opened to replace the running one, for a better path.
    pub moves: bool,
}

/// A message read back from the log.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The encoded envelope.
    pub envelope: Bytes,
}

/// What must be done.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// Append this record to the log. Order matters.
    Append(Bytes),
    /// Send this frame.
    Transmit {
        /// On which session.
        session: SessionKey,
        /// The frame.
        frame: Frame,
    },
    /// Send `Close` after everything before it, and end the session.
    Close {
        /// Which.
        session: SessionKey,
        /// Why.
        reason: Reason,
        /// For people.
        detail: String,
    },
    /// The session is the one of its peer now.
    Active {
        /// The peer.
        peer: NodeId,
        /// Which.
        session: SessionKey,
        /// The other's clock minus ours, milliseconds.
        skew_ms: i64,
    },
    /// The peer has no session any more.
    Inactive {
        /// The peer.
        peer: NodeId,
        /// Messages wait for it.
        queued: usize,
    },
    /// The message is durable.
    Queued {
        /// As in [`Input::Send`].
        request: u64,
        /// Its name.
        id: MessageId,
        /// Its position in the log.
        position: u64,
        /// When it was written, as the message itself says: milliseconds since 1970.
        sent_at_ms: u64,
    },
    /// Nothing of the request is stored, and nothing will be done.
    Rejected {
        /// As in [`Input::Send`] and [`Input::Decide`].
        request: u64,
        /// Why.
        error: SendError,
    },
    /// The decision is durable, and in force.
    Decided {
        /// As in [`Input::Decide`].
        request: u64,
    },
    /// Messages were marked as read.
    Marked {
        /// As in [`Input::MarkRead`].
        request: u64,
        /// How many.
        messages: u64,
    },
    /// A message of this peer is durable here.
    Received {
        /// Its name.
        id: MessageId,
        /// Its position in the log.
        position: u64,
    },
    /// Own messages are durable at the peer, and so is its word for it here, if anything can be stored.
    Delivered {
        /// The peer.
        peer: NodeId,
        /// The epoch.
        epoch: Epoch,
        /// Up to this number.
        through: u64,
    },
    /// An own message goes by another name now.
    Renumbered {
        /// The name before.
        from: MessageId,
        /// The name now.
        to: MessageId,
    },
    /// The peer will not take this message.
    Refused {
        /// Its name.
        id: MessageId,
    },
    /// The person at the peer is writing, or stopped.
    Typing {
        /// Who.
        peer: NodeId,
        /// Writing.
        active: bool,
    },
    /// Read own messages to this peer from the log, at most [`FETCH_MESSAGES`](crate::limits::FETCH_MESSAGES).
    Fetch {
        /// To whom.
        peer: NodeId,
        /// First position to look at.
        from: u64,
    },
    /// There is a new warning; see [`Conversation::warnings`](crate::Conversation::warnings).
    Warned,
}

/// Why a message was not taken. Nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No text.
    #[error("the message is empty; write something")]
    Empty,
    /// Too much text.
    #[error("the message has {0} bytes, at most {MAX_TEXT_BYTES} are allowed; send it in parts")]
    TooLong(usize),
    /// To oneself.
    #[error("this is your own id; name somebody else")]
    Oneself,
    /// Too many messages wait already.
    #[error(
        "the outbox is full ({OUTBOX_MESSAGES} messages, or 32 MiB, wait for their peers); try again once some are delivered"
    )]
    OutboxFull,
    /// The recipient is blocked.
    #[error("you blocked this peer; unblock it before you write to it")]
    Blocked,
    /// Too many contacts.
    #[error("there are too many contacts already")]
    TooManyContacts,
    /// The store does not take it.
    #[error("the message could not be stored: {0}")]
    Store(String),
}
