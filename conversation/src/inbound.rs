//! Messages of one peer: what is stored of each of its epochs.

use std::collections::VecDeque;

use crate::{
    ChainHash, Epoch, Head,
    envelope::fingerprint,
    limits::{EPOCHS_PER_SENDER, HOLDINGS_PER_HELLO, RECENT_MESSAGES},
};

mod kept;

/// Of this many epochs, the newest, recent contents are remembered.
const MAX_EPOCHS_REMEMBERED: usize = 2;

/// Everything received from one peer.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    /// In the order of their first message.
    epochs: VecDeque<InEpoch>,
    /// Messages in epochs that are not kept any more.
    forgotten: u64,
}

#[derive(Debug)]
struct InEpoch {
    epoch: Epoch,
    written: Head,
    durable: Head,
    read: u64,
    /// What was deleted is not unread.
    hidden: u64,
    /// Fingerprints of the last contents, up to `written`.
    recent: VecDeque<u64>,
    conflict_told: bool,
}

/// Where a message belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the next one; this is its chain hash.
    Next(ChainHash),
    /// Written already.
    Repeated,
    /// Its number is taken by another content.
    Taken,
    /// Older than what can be compared.
    TooOld,
    /// Messages before it are missing.
    Gap,
}

impl Inbound {
    /// Finds the place of a message.
    pub(crate) fn place(&self, epoch: Epoch, sequence: u64, envelope: &[u8]) -> Place {
        let Some(known) = self.find(epoch) else {
            return if sequence == 1 { Place::Next(ChainHash::START.next(envelope)) } else { Place::Gap };
        };
        if sequence == known.written.through + 1 {
            return Place::Next(known.written.hash.next(envelope));
        }
        if sequence > known.written.through {
            return Place::Gap;
        }
        let age = known.written.through - sequence;
        let index = usize::try_from(age).ok().and_then(|age| known.recent.len().checked_sub(age + 1));
        match index.map(|index| known.recent[index]) {
            Some(recent) if recent == fingerprint(envelope) => Place::Repeated,
            Some(_) => Place::Taken,
            None => Place::TooOld,
        }
    }

    /// A message was handed over for storing.
    pub(crate) fn write(&mut self, epoch: Epoch, head: Head, envelope: &[u8]) {
        let fingerprint = fingerprint(envelope);
        let known = self.find_or_add(epoch);
        if head.through <= known.written.through {
            return;
        }
        known.written = head;
        known.recent.push_back(fingerprint);
        if known.recent.len() > RECENT_MESSAGES {
            known.recent.pop_front();
        }
    }

    /// A message is durable.
    pub(crate) fn stored(&mut self, epoch: Epoch, head: Head, envelope: &[u8]) {
        self.write(epoch, head, envelope);
        self.find_or_add(epoch).durable = head;
    }

    /// What was written and not stored never happened.
    pub(crate) fn revert(&mut self) {
        for epoch in &mut self.epochs {
            let lost = epoch.written.through - epoch.durable.through;
            let keep = epoch.recent.len().saturating_sub(usize::try_from(lost).unwrap_or(usize::MAX));
            epoch.recent.truncate(keep);
            epoch.written = epoch.durable;
        }
        self.epochs.retain(|epoch| epoch.durable.through > 0);
    }

    /// What is durable of an epoch.
    pub(crate) fn durable(&self, epoch: Epoch) -> Head {
        self.find(epoch).map_or(Head::START, |known| known.durable)
    }

    /// The newest holdings, newest last.
    pub(crate) fn holdings(&self) -> Vec<(Epoch, Head)> {
        let held = self.epochs.iter().filter(|epoch| epoch.durable.through > 0);
        let mut newest: Vec<_> =
            held.rev().take(HOLDINGS_PER_HELLO).map(|epoch| (epoch.epoch, epoch.durable)).collect();
        newest.reverse();
        newest
    }

    /// What the person has read, per epoch, newest last.
    pub(crate) fn reads(&self) -> Vec<(Epoch, u64)> {
        let read = self.epochs.iter().filter(|epoch| epoch.read > 0);
        let mut newest: Vec<_> =
            read.rev().take(HOLDINGS_PER_HELLO).map(|epoch| (epoch.epoch, epoch.read)).collect();
        newest.reverse();
        newest
    }

    /// What is stored and not read, all of it or of one epoch up to a number: epoch, read so far, stored.
    pub(crate) fn unread(&self, only: Option<(Epoch, u64)>) -> impl Iterator<Item = (Epoch, u64, u64)> {
        let stored = self.epochs.iter().filter_map(move |known| match only {
            None => Some((known.epoch, known.read.max(known.hidden), known.durable.through)),
            Some((epoch, through)) if epoch == known.epoch => {
                Some((epoch, known.read.max(known.hidden), through.min(known.durable.through)))
            }
            Some(_) => None,
        });
        stored.filter(|(_, read, stored)| stored > read)
    }

    /// The person has read up to `through`.
    pub(crate) fn read(&mut self, epoch: Epoch, through: u64) {
        if let Some(known) = self.epochs.iter_mut().rev().find(|known| known.epoch == epoch) {
            known.read = known.read.max(through);
        }
    }

    /// What is stored so far is not shown any more.
    pub(crate) fn hide(&mut self) {
        for epoch in &mut self.epochs {
            epoch.hidden = epoch.durable.through;
        }
    }

    /// Whether a conflict in this epoch is to be told: once.
    pub(crate) fn tell_conflict(&mut self, epoch: Epoch) -> bool {
        let known = self.epochs.iter_mut().rev().find(|known| known.epoch == epoch);
        known.is_some_and(|known| !std::mem::replace(&mut known.conflict_told, true))
    }

    /// How many messages were received.
    pub(crate) fn count(&self) -> u64 {
        self.forgotten + self.epochs.iter().map(|epoch| epoch.durable.through).sum::<u64>()
    }

    fn find(&self, epoch: Epoch) -> Option<&InEpoch> {
        self.epochs.iter().rev().find(|known| known.epoch == epoch)
    }

    fn find_or_add(&mut self, epoch: Epoch) -> &mut InEpoch {
        let index = self.epochs.iter().rposition(|known| known.epoch == epoch);
        let index = index.unwrap_or_else(|| self.add(epoch));
        &mut self.epochs[index]
    }

    fn add(&mut self, epoch: Epoch) -> usize {
        if self.epochs.len() == EPOCHS_PER_SENDER {
            self.forgotten += self.epochs.pop_front().map_or(0, |oldest| oldest.durable.through);
        }
        let (written, durable) = (Head::START, Head::START);
        let recent = VecDeque::new();
        self.epochs.push_back(InEpoch {
            epoch,
            written,
            durable,
            read: 0,
            hidden: 0,
            recent,
            conflict_told: false,
        });
        if let Some(old) = self.epochs.len().checked_sub(MAX_EPOCHS_REMEMBERED + 1) {
            self.epochs[old].recent = VecDeque::new();
        }
        self.epochs.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(messages: u64) -> (Inbound, Epoch) {
        let epoch = Epoch::derive(&[1; 32], 0);
        let mut inbound = Inbound::default();
        for number in 1..=messages {
            let content = number.to_le_bytes();
            let Place::Next(hash) = inbound.place(epoch, number, &content) else { panic!("not next") };
            inbound.stored(epoch, Head { through: number, hash }, &content);
        }
        (inbound, epoch)
    }

    #[test]
    fn a_repetition_a_lie_and_a_gap_are_told_apart() {
        let (inbound, epoch) = filled(5);
        assert_eq!(inbound.place(epoch, 3, &3_u64.to_le_bytes()), Place::Repeated);
        assert_eq!(inbound.place(epoch, 3, b"another"), Place::Taken);
        assert_eq!(inbound.place(epoch, 7, b"later"), Place::Gap);
        assert_eq!(inbound.place(Epoch::derive(&[2; 32], 0), 2, b"later"), Place::Gap);
    }

    #[test]
    fn memory_is_bounded_and_what_is_too_old_is_never_taken_for_a_repetition() {
        let (inbound, epoch) = filled(RECENT_MESSAGES as u64 + 10);
        assert_eq!(inbound.epochs[0].recent.len(), RECENT_MESSAGES);
        assert_eq!(inbound.place(epoch, 10, &10_u64.to_le_bytes()), Place::TooOld);
        assert_eq!(inbound.place(epoch, 11, &11_u64.to_le_bytes()), Place::Repeated);
    }

    #[test]
    fn the_number_of_epochs_is_bounded_and_the_count_stays_right() {
        let mut inbound = Inbound::default();
        for count in 0..EPOCHS_PER_SENDER as u64 + 5 {
            let head = Head { through: 1, hash: ChainHash::START.next(b"x") };
            inbound.stored(Epoch::derive(&[1; 32], count), head, b"x");
        }
        assert_eq!(inbound.epochs.len(), EPOCHS_PER_SENDER);
        assert_eq!(inbound.count(), EPOCHS_PER_SENDER as u64 + 5);
        assert_eq!(inbound.holdings().len(), HOLDINGS_PER_HELLO);
        let remembered = inbound.epochs.iter().filter(|epoch| !epoch.recent.is_empty()).count();
        assert_eq!(remembered, MAX_EPOCHS_REMEMBERED);
    }

    #[test]
    fn what_was_not_stored_is_forgotten_again() {
        let (mut inbound, epoch) = filled(2);
        let Place::Next(hash) = inbound.place(epoch, 3, b"third") else { panic!("not next") };
        inbound.write(epoch, Head { through: 3, hash }, b"third");
        assert_eq!(inbound.place(epoch, 3, b"third"), Place::Repeated);
        inbound.revert();
        assert_eq!(inbound.place(epoch, 3, b"third"), Place::Next(hash));
        assert_eq!(inbound.place(epoch, 2, &2_u64.to_le_bytes()), Place::Repeated);
    }
}
