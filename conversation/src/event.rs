//! How stored events are encoded. The encoding is `causeway.history.v1`.

use bytes::Bytes;
use identity::NodeId;
use prost::Message as _;
use proto::history::v1::{Event, event::Kind};

/// The form of events that this version writes.
pub const FORMAT: u32 = 1;

/// A record that cannot be read: the disk, or a newer version, is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// Not an encoded event.
    #[error("the record is not an event of the history")]
    Undecodable,
    /// Written by a newer version.
    #[error("the record has form {0}, this version reads up to {FORMAT}: use the newer version")]
    Newer(u32),
}

/// Reads a stored record.
///
/// # Errors
/// [`InvalidEvent`].
pub fn decode(record: Bytes) -> Result<Event, InvalidEvent> {
    let event = Event::decode(record).map_err(|_| InvalidEvent::Undecodable)?;
    match event.format {
        0 => Err(InvalidEvent::Undecodable),
        form if form > FORMAT => Err(InvalidEvent::Newer(form)),
        _ => Ok(event),
    }
}

pub(crate) fn new(at_ms: u64, kind: Kind) -> Event {
    Event { format: FORMAT, at_ms, kind: Some(kind) }
}

pub(crate) fn encode(event: &Event) -> Bytes {
    event.encode_to_vec().into()
}

pub(crate) fn nodes(ids: &[NodeId]) -> Vec<Bytes> {
    ids.iter().map(|id| id.to_bytes()).collect()
}

pub(crate) fn parse_nodes(ids: &[Bytes]) -> Vec<NodeId> {
    ids.iter().filter_map(|id| NodeId::try_from(id).ok()).collect()
}
