//! One message, as people are shown it.

use identity::NodeId;
use proto::{
    chat::v1::{Text, envelope::Content},
    history::v1::MessageIn,
};

use crate::{MessageId, envelope, event};

/// Whose message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Received.
    In,
    /// Own.
    Out,
}

/// How far a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ItemState {
    /// Stored here, not at the peer.
    Queued,
    /// Stored by the peer.
    AtPeer,
    /// Seen by the person there.
    Read,
    /// An incoming message, stored here.
    Received,
    /// The peer will not take it, and said why.
    Refused(String),
}

/// A message of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub id: MessageId,
    /// Where it lies in the log.
    pub position: u64,
    /// Whose.
    pub direction: Direction,
    /// The text, if its content is of a kind that this version knows.
    pub text: Option<String>,
    /// Bytes of content of another kind.
    pub unknown_content: usize,
    /// By the sender's clock, milliseconds since the Unix epoch.
    pub sent_at_ms: u64,
    /// How far it is.
    pub state: ItemState,
    /// Since when, by the clock of the side that said so.
    pub state_at_ms: u64,
    /// The bridges that it crossed.
    pub via: Vec<NodeId>,
}

impl Item {
    /// With whom.
    pub fn peer(&self) -> NodeId {
        match self.direction {
            Direction::In => self.id.sender,
            Direction::Out => self.id.recipient,
        }
    }
}

pub(super) fn incoming(position: u64, at_ms: u64, message: &MessageIn) -> Option<Item> {
    let (id, envelope) = envelope::decode(&message.envelope).ok()?;
    let (text, unknown_content) = content(envelope.content, &message.envelope);
    Some(Item {
        id,
        position,
        direction: Direction::In,
        text,
        unknown_content,
        sent_at_ms: envelope.sent_at_ms,
        state: ItemState::Received,
        state_at_ms: at_ms,
        via: event::parse_nodes(&message.via),
    })
}

/// The text, or how many bytes of something else.
pub(super) fn content(content: Option<Content>, envelope: &[u8]) -> (Option<String>, usize) {
    match content {
        Some(Content::Text(Text { text })) => (Some(text), 0),
        None => (None, envelope.len()),
    }
}
