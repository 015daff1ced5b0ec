//! What a whole history folds to, and the checkpoint that saves reading it again.

use bytes::Bytes;
use prost::Message as _;
use proto::history::v1::{Checkpoint, Event};

use crate::{Book, state::State};

/// The form of checkpoints that this version makes, and the only one that it reads. To be raised with every change of the fold
/// or of what is kept of it: a checkpoint of before would say something else than the log.
const FORM: u32 = 1;
/// The first bytes of a checkpoint are the keyed hash of all others.
const SEAL: usize = blake3::OUT_LEN;
const SEAL_CONTEXT: &str = "causeway/checkpoint/1";

/// What a history folds to: the conversations, and the table of contents for people.
#[derive(Debug, Default)]
pub struct Folded {
    pub(crate) state: State,
    pub(crate) book: Book,
}

impl Folded {
    /// Takes over the event at `position` of the log. To be called for all of them, in order.
    pub fn push(&mut self, position: u64, event: &Event) {
        self.state.apply(position, event);
        self.book.push(position, event);
    }

    /// The position of the last event that was taken over; 0: none.
    pub fn through(&self) -> u64 {
        self.book.through()
    }

    /// Everything in bytes. `last` is the record at [`Self::through`].
    pub fn checkpoint(&self, last: &[u8]) -> Vec<u8> {
        let mut checkpoint = Checkpoint { form: FORM, record_hash: hash(last), ..Checkpoint::default() };
        self.state.keep(&mut checkpoint);
        self.book.keep(&mut checkpoint);
        let mut bytes = vec![0; SEAL];
        checkpoint.encode_raw(&mut bytes);
        let seal = seal(&bytes[SEAL..]);
        bytes[..SEAL].copy_from_slice(&seal);
        bytes
    }

    /// What a checkpoint says, if it is whole and of the log in which `record` finds the record at a position. Without
    /// that, the log itself tells the same, only slower.
    pub fn restore(checkpoint: &[u8], record: impl FnOnce(u64) -> Option<Bytes>) -> Option<Self> {
        let (sealed, bytes) = checkpoint.split_at_checked(SEAL)?;
        if sealed != seal(bytes) {
            return None;
        }
        let kept = Checkpoint::decode(bytes).ok().filter(|kept| kept.form == FORM)?;
        if hash(&record(kept.through)?) != kept.record_hash {
            return None;
        }
        Some(Self { state: State::restore(&kept)?, book: Book::restore(&kept)? })
    }
}

fn hash(record: &[u8]) -> Bytes {
    Bytes::copy_from_slice(blake3::hash(record).as_bytes())
}

fn seal(bytes: &[u8]) -> [u8; SEAL] {
    blake3::derive_key(SEAL_CONTEXT, bytes)
}

#[cfg(test)]
mod tests;
