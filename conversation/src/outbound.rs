//! Own messages to one peer: their numbering, those that wait, and what became of the others.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    Epoch, Head, MessageId,
    limits::{CLAIMED_EPOCHS, HOLDINGS_PER_HELLO, WINDOW_BYTES, WINDOW_MESSAGES},
};

mod kept;

/// Every so many messages the position in the log is remembered, so that one can be found again without reading all.
const MARK_EVERY: u64 = 256;

/// Everything sent to one peer.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    /// In the order of their first message.
    epochs: Vec<OutEpoch>,
    /// Durable here, not acknowledged.
    outbox: VecDeque<Waiting>,
    bytes: usize,
    /// How many of the outbox, from its front, are under way on the running session.
    under_way: usize,
    bytes_under_way: usize,
}

#[derive(Debug)]
struct OutEpoch {
    epoch: Epoch,
    written: Head,
    durable: Head,
    delivered: u64,
    read: u64,
    /// What the peer holds beyond `durable`, as already told.
    ahead: u64,
    /// Positions of the messages 1, 257, 513, ...
    marks: Vec<u64>,
}

/// A message that waits for its peer.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) id: MessageId,
    pub(crate) head: Head,
    pub(crate) envelope: Bytes,
    pub(crate) position: u64,
}

/// What a peer's claim to hold something means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Known,
    News,
    /// It holds another content than ours.
    Contradicts,
    /// It holds more than we have.
    Ahead {
        ours: u64,
    },
}

impl Outbound {
    /// Where the next message of `epoch` goes on.
    pub(crate) fn written(&self, epoch: Epoch) -> Head {
        self.find(epoch).map_or(Head::START, |found| found.written)
    }

    /// A message was handed over for storing.
    pub(crate) fn write(&mut self, epoch: Epoch, head: Head) {
        self.find_or_add(epoch).written = head;
    }

    /// A message is durable. `replaces` is its number before.
    pub(crate) fn stored(&mut self, message: Waiting, replaces: Option<(Epoch, u64)>) {
        let epoch = self.find_or_add(message.id.epoch);
        epoch.durable = message.head;
        if epoch.written.through < message.head.through {
            epoch.written = message.head;
        }
        if message.head.through % MARK_EVERY == 1 {
            epoch.marks.push(message.position);
        }
        if let Some((epoch, sequence)) = replaces {
            self.remove(|waiting| waiting.id.epoch == epoch && waiting.id.sequence == sequence);
        }
        self.bytes += message.envelope.len();
        self.outbox.push_back(message);
    }

    /// What was written and not stored never happened.
    pub(crate) fn revert(&mut self) {
        for epoch in &mut self.epochs {
            epoch.written = epoch.durable;
        }
        self.epochs.retain(|epoch| epoch.durable.through > 0);
    }

    /// Judges what the peer says to hold.
    pub(crate) fn judge(&self, epoch: Epoch, claimed: Head) -> Claim {
        let Some(known) = self.find(epoch) else {
            let claimed_only = self.epochs.iter().filter(|epoch| epoch.durable.through == 0).count();
            let known = claimed.through == 0 || claimed_only >= CLAIMED_EPOCHS;
            return if known { Claim::Known } else { Claim::Ahead { ours: 0 } };
        };
        if claimed.through > known.durable.through {
            // Told once: how much more it holds changes nothing.
            return if known.ahead > 0 { Claim::Known } else { Claim::Ahead { ours: known.durable.through } };
        }
        let waiting = self
            .outbox
            .iter()
            .find(|waiting| waiting.id.epoch == epoch && waiting.id.sequence == claimed.through);
        match waiting {
            Some(waiting) if waiting.head == claimed => Claim::News,
            Some(_) => Claim::Contradicts,
            None => Claim::Known,
        }
    }

    /// The peer holds everything of `epoch` up to `through`. Says whether that was news.
    pub(crate) fn delivered(&mut self, epoch: Epoch, through: u64) -> bool {
        let Some(found) = self.find_mut(epoch) else { return false };
        let news = through > found.delivered;
        found.delivered = found.delivered.max(through.min(found.durable.through));
        let gone = |waiting: &Waiting| waiting.id.epoch == epoch && waiting.id.sequence <= through;
        // Nearly always the acknowledged ones are at the front, and the rest need not be looked at.
        let mut last = 0;
        while let Some(waiting) = self.outbox.front().filter(|waiting| gone(waiting)).cloned() {
            last = waiting.id.sequence;
            self.outbox.pop_front();
            self.forget(&waiting, 0);
        }
        if last < through {
            self.remove(gone);
        }
        news
    }

    /// The peer holds more than we have, and that was told.
    pub(crate) fn ahead(&mut self, epoch: Epoch, theirs: u64) {
        let found = self.find_or_add(epoch);
        found.ahead = found.ahead.max(theirs);
    }

    /// The person there has read up to `through`; gives what of it is news.
    pub(crate) fn read(&mut self, epoch: Epoch, through: u64) -> Option<u64> {
        let found = self.find_mut(epoch)?;
        let through = through.min(found.delivered);
        (through > found.read).then(|| {
            found.read = through;
            through
        })
    }

    /// Takes out a message that the peer will never take.
    pub(crate) fn refused(&mut self, epoch: Epoch, sequence: u64) {
        self.remove(|waiting| waiting.id.epoch == epoch && waiting.id.sequence == sequence);
    }

    /// Nothing is under way: a session began, or goes on after a refusal.
    pub(crate) fn rewind(&mut self) {
        self.under_way = 0;
        self.bytes_under_way = 0;
    }

    /// The next message to send, if the window has room.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        if self.under_way >= WINDOW_MESSAGES || self.bytes_under_way >= WINDOW_BYTES {
            return None;
        }
        let envelope = self.outbox.get(self.under_way)?.envelope.clone();
        self.under_way += 1;
        self.bytes_under_way += envelope.len();
        Some(envelope)
    }

    /// Everything that waits, in order.
    pub(crate) fn outbox(&self) -> &VecDeque<Waiting> {
        &self.outbox
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where in the log the first message lies that the peer once acknowledged and does not hold any more.
    pub(crate) fn lost(&self, held: &[(Epoch, u64)]) -> Option<u64> {
        let all_listed = held.len() < HOLDINGS_PER_HELLO;
        let first = |epoch: &OutEpoch| {
            let listed = held.iter().find(|(listed, _)| *listed == epoch.epoch).map(|(_, through)| *through);
            let through = listed.unwrap_or(if all_listed { 0 } else { epoch.delivered });
            (through < epoch.delivered).then(|| epoch.mark(through + 1)).flatten()
        };
        self.epochs.iter().filter_map(first).min()
    }

    /// Whether the peer acknowledged this message.
    pub(crate) fn is_delivered(&self, epoch: Epoch, sequence: u64) -> bool {
        self.find(epoch).is_some_and(|found| sequence <= found.delivered)
    }

    /// Whether this number stands: neither replaced nor given up.
    pub(crate) fn is_current(&self, epoch: Epoch, sequence: u64) -> bool {
        let waits = |waiting: &Waiting| waiting.id.epoch == epoch && waiting.id.sequence == sequence;
        self.is_delivered(epoch, sequence) || self.outbox.iter().any(waits)
    }

    /// How many messages were sent, waiting ones included.
    pub(crate) fn count(&self) -> u64 {
        self.epochs.iter().map(|epoch| epoch.durable.through).sum()
    }

    fn find(&self, epoch: Epoch) -> Option<&OutEpoch> {
        self.epochs.iter().rev().find(|found| found.epoch == epoch)
    }

    fn find_mut(&mut self, epoch: Epoch) -> Option<&mut OutEpoch> {
        self.epochs.iter_mut().rev().find(|found| found.epoch == epoch)
    }

    fn find_or_add(&mut self, epoch: Epoch) -> &mut OutEpoch {
        let index = match self.epochs.iter().rposition(|found| found.epoch == epoch) {
            Some(index) => index,
            None => {
                self.epochs.push(OutEpoch::new(epoch));
                self.epochs.len() - 1
            }
        };
        &mut self.epochs[index]
    }

    /// Removes messages from the outbox, and keeps count of what is under way.
    fn remove(&mut self, gone: impl Fn(&Waiting) -> bool) {
        let mut index = 0;
        while index < self.outbox.len() {
            if !gone(&self.outbox[index]) {
                index += 1;
            } else if let Some(waiting) = self.outbox.remove(index) {
                self.forget(&waiting, index);
            }
        }
    }

    fn forget(&mut self, waiting: &Waiting, index: usize) {
        let bytes = waiting.envelope.len();
        self.bytes = self.bytes.saturating_sub(bytes);
        if index < self.under_way {
            self.under_way -= 1;
            self.bytes_under_way = self.bytes_under_way.saturating_sub(bytes);
        }
    }
}

impl OutEpoch {
    fn new(epoch: Epoch) -> Self {
        let (written, durable) = (Head::START, Head::START);
        Self { epoch, written, durable, delivered: 0, read: 0, ahead: 0, marks: Vec::new() }
    }

    /// A position at or before that of message `sequence`.
    fn mark(&self, sequence: u64) -> Option<u64> {
        let index = usize::try_from((sequence - 1) / MARK_EVERY).ok()?;
        self.marks.get(index).copied()
    }
}
