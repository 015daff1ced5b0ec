//! Which messages were asked for under which `once`: asked for again, it is the same message.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::{
    MessageId,
    limits::{MAX_ONCE_BYTES, ONCE_REMEMBERED},
};

mod kept;

/// The last ones.
#[derive(Debug, Default)]
pub(crate) struct Onces {
    order: VecDeque<Bytes>,
    known: HashMap<Bytes, Sent>,
}

#[derive(Debug)]
struct Sent {
    id: MessageId,
    position: u64,
    at_ms: u64,
}

impl Onces {
    /// A message that was sent under `once` is durable.
    pub(crate) fn remember(&mut self, once: &Bytes, (id, at_ms): (MessageId, u64), position: u64) {
        if once.is_empty() || once.len() > MAX_ONCE_BYTES {
            return;
        }
        if self.order.len() == ONCE_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        // A copy: a record is not kept in memory for it.
        let once = Bytes::copy_from_slice(once);
        self.order.push_back(once.clone());
        self.known.insert(once, Sent { id, position, at_ms });
    }

    /// A message goes under another number from now on.
    pub(crate) fn rename(&mut self, from: MessageId, to: MessageId, position: u64) {
        if let Some(sent) = self.known.values_mut().find(|sent| sent.id == from) {
            (sent.id, sent.position) = (to, position);
        }
    }

    /// The message that was sent under it: its name, its position, and when it was written.
    pub(crate) fn find(&self, once: &Bytes) -> Option<(MessageId, u64, u64)> {
        self.known.get(once).map(|sent| (sent.id, sent.position, sent.at_ms))
    }
}
