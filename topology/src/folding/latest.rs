//! Which of a bridge's epochs counts.
//!
//! A start of a bridge closes at once what the run before left open. An epoch that a running bridge began because of its
//! age says again what held before; until all of that is here the epoch before counts, so nothing vanishes meanwhile.
//! Which one counts follows from what is held, whatever came first.

use identity::NodeId;

use crate::{
    Core, Entry, Epoch, LogId,
    event::{Event, Fact},
    fold::{Fold, Touched},
    limits::MAX_SEGMENT_BYTES,
};

/// Entries that are read at once when a log is folded anew.
const REFOLD_ENTRIES: usize = 256;

impl Core {
    /// The greatest epoch of which all that it says again is here, or else the greatest. Never one before an epoch that
    /// counts for nothing.
    pub(super) fn latest_epoch(&self, id: &NodeId) -> Option<Epoch> {
        let owner = self.owners.get(id)?;
        // One that is not held any more, or never was.
        let gone = owner.folded.filter(|epoch| !owner.epochs.contains_key(epoch));
        let held = owner.epochs.iter().filter(|(epoch, key)| {
            let log = &self.logs[**key];
            log.stored > 0 && gone.is_none_or(|gone| gone < **epoch) && !self.forks.is_overtaken(&log.id)
        });
        let best = held.map(|(epoch, key)| (self.logs[*key].is_whole(), *epoch)).max();
        let nothing = self.forks.overtaking(id).filter(|_| owner.folded.is_some());
        best.map(|(_, epoch)| epoch).or(gone).max(nothing)
    }

    /// Whether a log that is not here yet may become the one that counts.
    pub(super) fn may_be_latest(&self, log: &LogId) -> bool {
        let Some(folded) = self.owners.get(&log.owner).and_then(|owner| owner.folded) else {
            return !self.forks.is_overtaken(log);
        };
        let whole = self.logs.find(&LogId { epoch: folded, ..*log }).is_none_or(|log| log.is_whole());
        (folded < log.epoch || !whole) && !self.forks.is_overtaken(log)
    }

    /// Reads off a log's first event how much of what held before it says again.
    pub(super) fn note_restates(&mut self, log: &LogId, entries: &[Entry]) {
        let restates = entries.first().map_or(0, restates);
        if let Some(key) = self.logs.key(log) {
            self.logs[key].restates = restates;
        }
    }

    /// Folds the epoch of a bridge that counts again from its first event on, if it is another one or was cut.
    pub(crate) fn refold(&mut self, id: NodeId) {
        let Some(epoch) = self.latest_epoch(&id) else { return };
        let Some(owner) = self.owners.get(&id).filter(|owner| owner.folded.is_some()) else { return };
        let log = LogId { owner: id, epoch };
        let stored = self.logs.find(&log).map_or(0, |log| log.stored);
        let is_same = owner.folded == Some(epoch);
        if is_same && owner.fold.through <= stored {
            return;
        }
        let mut touched = Touched { bridge: true, ..Touched::default() };
        let fold = self.fold_of(&log, stored, &mut touched);
        // What cannot be read now must not make a bridge forget what it knows.
        if !is_same && fold.through < stored {
            return;
        }
        let Some(owner) = self.owners.get_mut(&id) else { return };
        owner.folded = Some(epoch);
        let before = std::mem::replace(&mut owner.fold, fold);
        touched.peers.extend(before.peers.into_keys());
        touched.links.extend(before.links.into_keys());
        self.after_fold(id, touched);
    }

    fn fold_of(&self, log: &LogId, stored: u64, touched: &mut Touched) -> Fold {
        let mut fold = Fold::default();
        while fold.through < stored {
            let first = fold.through + 1;
            let entries = self.history.read(log, first, REFOLD_ENTRIES, MAX_SEGMENT_BYTES);
            let events = entries.iter().filter_map(|entry| Event::decode(&entry.event).ok());
            events.filter(|event| event.sequence <= stored).for_each(|event| fold.apply(&event, touched));
            if fold.through < first {
                break;
            }
        }
        fold
    }
}

/// The events at a log's beginning that say again what held before, as its first entry says.
pub(super) fn restates(first: &Entry) -> u64 {
    match Event::decode(&first.event).ok().and_then(|event| event.fact()) {
        Some(Fact::Started(started)) => started.restates,
        _ => 0,
    }
}
