//! How a message is encoded, checked and read.

use bytes::Bytes;
use identity::NodeId;
use prost::Message as _;
use proto::chat::v1::{Envelope, Text, envelope::Content};

use crate::{
    Epoch, MessageId,
    limits::{MAX_ENVELOPE_BYTES, MAX_TEXT_BYTES},
};

/// A message that breaks the protocol. Its sender is at fault; nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEnvelope {
    /// Larger than any honest one.
    #[error("the message has {0} bytes, at most {MAX_ENVELOPE_BYTES} are allowed")]
    TooLarge(usize),
    /// Not an envelope.
    #[error("the message cannot be decoded")]
    Undecodable,
    /// A field is missing or of a wrong length.
    #[error("the message's {0} is missing or malformed")]
    Field(&'static str),
    /// Written by or to somebody else than the two of the session.
    #[error("the message is not between the two peers of this session")]
    Foreign,
    /// More text than allowed.
    #[error("the message's text has {0} bytes, at most {MAX_TEXT_BYTES} are allowed")]
    TextTooLong(usize),
}

/// Encodes a text message.
pub(crate) fn encode_text(id: &MessageId, text: String, now_ms: u64) -> Bytes {
    let envelope = Envelope {
        sender: id.sender.to_bytes(),
        recipient: id.recipient.to_bytes(),
        epoch: id.epoch.to_bytes(),
        sequence: id.sequence,
        sent_at_ms: now_ms,
        conversation: Bytes::new(),
        content: Some(Content::Text(Text { text })),
    };
    envelope.encode_to_vec().into()
}

/// The same content under another number.
pub(crate) fn renumber(envelope: &Bytes, id: &MessageId) -> Bytes {
    let mut message = Envelope::decode(envelope.clone()).unwrap_or_default();
    message.epoch = id.epoch.to_bytes();
    message.sequence = id.sequence;
    message.encode_to_vec().into()
}

/// Reads the numbering of an envelope, and its message, without looking at who sent it.
///
/// # Errors
/// [`InvalidEnvelope`] says what is wrong with it.
pub fn decode(bytes: &Bytes) -> Result<(MessageId, Envelope), InvalidEnvelope> {
    if bytes.len() > MAX_ENVELOPE_BYTES {
        return Err(InvalidEnvelope::TooLarge(bytes.len()));
    }
    let envelope = Envelope::decode(bytes.clone()).map_err(|_| InvalidEnvelope::Undecodable)?;
    let node = |name, bytes: &Bytes| NodeId::try_from(bytes).map_err(|_| InvalidEnvelope::Field(name));
    let id = MessageId {
        sender: node("sender", &envelope.sender)?,
        recipient: node("recipient", &envelope.recipient)?,
        epoch: Epoch::parse(&envelope.epoch).ok_or(InvalidEnvelope::Field("epoch"))?,
        sequence: envelope.sequence,
    };
    if id.sequence == 0 {
        return Err(InvalidEnvelope::Field("sequence"));
    }
    if let Some(Content::Text(Text { text })) = &envelope.content
        && text.len() > MAX_TEXT_BYTES
    {
        return Err(InvalidEnvelope::TextTooLong(text.len()));
    }
    Ok((id, envelope))
}

/// What a message is called, without reading what it says: histories are long.
#[derive(Clone, PartialEq, prost::Message)]
struct Heading {
    #[prost(bytes = "bytes", tag = "1")]
    sender: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    recipient: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    epoch: Bytes,
    #[prost(uint64, tag = "4")]
    sequence: u64,
}

/// The name of a message that was checked when it was stored.
pub(crate) fn id_of(bytes: &Bytes) -> Option<MessageId> {
    let heading = Heading::decode(bytes.clone()).ok()?;
    Some(MessageId {
        sender: NodeId::try_from(&heading.sender).ok()?,
        recipient: NodeId::try_from(&heading.recipient).ok()?,
        epoch: Epoch::parse(&heading.epoch)?,
        sequence: heading.sequence,
    })
}

/// Checks what a session brought: written by its peer, to us.
pub(crate) fn check(bytes: &Bytes, sender: NodeId, me: NodeId) -> Result<MessageId, InvalidEnvelope> {
    let (id, _) = decode(bytes)?;
    if id.sender != sender || id.recipient != me {
        return Err(InvalidEnvelope::Foreign);
    }
    Ok(id)
}

/// 64 bits of a hash of the content, to tell a repetition from another content of the same sender.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    let hash = blake3::hash(bytes);
    hash.as_bytes()[..8].iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
