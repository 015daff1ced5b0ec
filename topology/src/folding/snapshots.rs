//! Snapshots of folds: when one is kept, and what a load that begins with one has to read again.

use proto::log::v1;

use crate::{
    Core, Head, LogId, Output, Snapshot,
    event::{Event, Fact},
    fold::Fold,
    limits::MAX_SEGMENT_BYTES,
    segment::Chain,
};

impl Core {
    /// Has a snapshot kept when the fold of a log has passed the place for one since `before`.
    pub(super) fn snapshot_after(&mut self, id: LogId, before: u64) {
        let (Some(owner), Some(log)) = (self.owners.get(&id.owner), self.logs.find(&id)) else { return };
        if owner.fold.through != log.stored || !self.is_place(before, owner.fold.through) {
            return;
        }
        let fold = owner.fold.clone();
        let unstored: usize = log.unstored.iter().map(|run| run.bytes).sum();
        let bytes = log.bytes.saturating_sub(unstored as u64);
        let end = Chain { log: id, sequence: log.stored, hash: log.stored_hash, time: fold.time };
        self.keep_snapshot(&end, bytes, &fold);
    }

    /// Whether the place for a snapshot lies between two positions.
    pub(super) fn is_place(&self, before: u64, through: u64) -> bool {
        let every = self.config.snapshot_every;
        every > 0 && before / every != through / every
    }

    pub(super) fn keep_snapshot(&mut self, end: &Chain, bytes: u64, fold: &Fold) {
        let head = Head { log: end.log, sequence: end.sequence, hash: end.hash };
        let snapshot = Snapshot { head, time: end.time, bytes, fold: fold.clone() };
        self.out.push(Output::Snapshot(Box::new(snapshot)));
    }

    /// The proofs of forks that a log's events hold.
    pub(super) fn proofs_in(&self, log: &LogId, fold: &Fold) -> Vec<v1::ForkProof> {
        let entries = fold.forks.iter().flat_map(|at| self.history.read(log, *at, 1, MAX_SEGMENT_BYTES));
        let events = entries.filter_map(|entry| Event::decode(&entry.event).ok());
        let proofs = events.filter_map(|event| match event.fact() {
            Some(Fact::Fork(proof)) => Some(proof),
            _ => None,
        });
        proofs.collect()
    }
}
