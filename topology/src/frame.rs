//! Frames between neighbours: encoding, decoding, bounds.

use bytes::Bytes;
use prost::Message as _;
use proto::link::v1::{Frame, frame::Kind};

use crate::limits::{MAX_ASKED_PER_FRAME, MAX_FRAME_BYTES, MAX_HELD_PER_FRAME, MAX_SEGMENT_EVENTS};

/// A frame that the protocol does not allow. The sender is at fault; the link is to be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Longer than [`MAX_FRAME_BYTES`].
    #[error("a frame of {0} bytes, at most {MAX_FRAME_BYTES} are allowed")]
    TooLong(usize),
    /// Not a frame.
    #[error("a frame that cannot be decoded")]
    Undecodable,
    /// More entries than a frame of its kind may have.
    #[error("a frame with {0} entries, more than its kind may have")]
    TooMany(usize),
}

/// The bytes of a frame, without the length before them.
pub fn encode(frame: &Frame) -> Bytes {
    frame.encode_to_vec().into()
}

/// Reads a frame. Events are copied out of `bytes`, so that keeping one does not keep the whole frame. A kind that is
/// not known comes out as a frame without kind, which the core ignores.
///
/// # Errors
/// [`FrameError`] says what is wrong.
pub fn decode(bytes: Bytes) -> Result<Frame, FrameError> {
    if bytes.len() > MAX_FRAME_BYTES {
        return Err(FrameError::TooLong(bytes.len()));
    }
    let mut frame = Frame::decode(bytes).map_err(|_| FrameError::Undecodable)?;
    let (entries, most) = count(&frame);
    if entries > most {
        return Err(FrameError::TooMany(entries));
    }
    if let Some(Kind::Segment(segment)) = &mut frame.kind {
        for event in &mut segment.events {
            *event = Bytes::copy_from_slice(event);
        }
        segment.signature = Bytes::copy_from_slice(&segment.signature);
    }
    Ok(frame)
}

/// Entries of a frame and the most it may have.
fn count(frame: &Frame) -> (usize, usize) {
    match &frame.kind {
        Some(Kind::Digest(digest)) => (digest.held.len(), MAX_HELD_PER_FRAME),
        Some(Kind::Have(have)) => (have.held.len(), MAX_HELD_PER_FRAME),
        Some(Kind::Seek(seek)) => (seek.owners.len(), MAX_ASKED_PER_FRAME),
        Some(Kind::Want(want)) => (want.logs.len(), MAX_ASKED_PER_FRAME),
        Some(Kind::Prune(prune)) => (prune.logs.len(), MAX_ASKED_PER_FRAME),
        Some(Kind::Segment(segment)) => (segment.events.len(), MAX_SEGMENT_EVENTS),
        Some(Kind::Reached(reached)) => (reached.logs.len(), MAX_ASKED_PER_FRAME),
        Some(Kind::Compare(_) | Kind::Ack(_) | Kind::Probe(_) | Kind::ProbeReply(_)) | None => (0, 0),
    }
}
