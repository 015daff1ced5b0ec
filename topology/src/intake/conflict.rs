//! Two histories of one log.

use proto::log::v1;

use crate::{
    Core, LinkId, LogId, Output, Warning,
    fork::{self, ForkPoint},
    limits::MAX_SEGMENT_EVENTS,
    logs::LogKey,
    segment::Run,
};

impl Core {
    /// Two signed histories: the proof goes into the own log, and both are cut. If the rate allows no event now, the
    /// next comparison of heads will show them again.
    pub(super) fn on_conflict(&mut self, link: LinkId, key: LogKey, run: &Run, sequence: u64) {
        let Some(previous) = run.hash_at(sequence - 1) else { return };
        let ours = self.entries(key, sequence, MAX_SEGMENT_EVENTS);
        let theirs = &run.entries[usize::try_from(sequence - run.first).unwrap_or_default()..];
        let Some(proof) = fork::prove(&run.log, sequence, previous, [&ours, theirs]) else { return };
        if self.logs[key].fork.is_some() {
            self.offence(link, &format!("log {} forks again at event {sequence}", run.log));
        }
        // Nobody would take over what exceeds the bound: it must not be acted upon here alone.
        if !self.may_accuse() || !self.may_write(0) {
            return;
        }
        let point = ForkPoint { sequence, previous };
        if self.apply_fork(run.log, point, proof.clone()) {
            self.accuse(&proof);
        }
    }

    /// Takes over a verified proof. Gives whether it was news.
    pub(crate) fn apply_fork(&mut self, log: LogId, point: ForkPoint, proof: v1::ForkProof) -> bool {
        let is_own = self.own.as_ref().is_some_and(|own| own.log == log);
        // The log that is being written is cut only once it is not written any more.
        if is_own && !self.reopen(log) {
            self.postpone_fork(point, proof);
            return false;
        }
        let owners = &self.owners;
        if !self.forks.insert(log, point, proof, |owner| owners.contains_key(owner)) {
            return false;
        }
        let Some(point) = self.forks.point(&log) else { return false };
        self.warn(Warning::Fork { log, sequence: point.sequence });
        self.changed_bridges.insert(log.owner);
        if let Some(key) = self.logs.key(&log) {
            self.cut(key, point);
        }
        if point.sequence == 1 {
            self.overtake(log);
        }
        true
    }

    /// Nothing of an epoch counts, and it may never come here: the ones before it must not be taken for the latest.
    fn overtake(&mut self, log: LogId) {
        if let Some(owner) = self.owners.get(&log.owner)
            && owner.folded.is_some_and(|folded| folded < log.epoch)
        {
            self.refold(log.owner);
        }
    }

    /// Cuts a log before the fork; what was folded beyond it is folded anew.
    fn cut(&mut self, key: LogKey, point: ForkPoint) {
        let keep = point.sequence - 1;
        let log = &mut self.logs[key];
        log.fork = Some(point);
        if log.last > keep {
            (log.last, log.hash) = (keep, point.previous);
            for run in &mut log.unstored {
                let stay = point.sequence.saturating_sub(run.first);
                run.entries.truncate(usize::try_from(stay).unwrap_or(usize::MAX));
            }
            let id = log.id;
            self.out.push(Output::Truncate { log: id, keep });
        }
        if self.logs[key].stored > keep {
            self.logs.set_stored(key, keep, point.previous);
        }
        self.refold(self.logs[key].id.owner);
        self.settle_cut(key);
    }

    /// After a cut, runs that lost all their entries are no longer waited for.
    fn settle_cut(&mut self, key: LogKey) {
        let (empty, rest): (Vec<_>, Vec<_>) =
            self.logs[key].unstored.drain(..).partition(|run| run.entries.is_empty());
        self.logs[key].unstored.extend(rest);
        for run in empty {
            self.release(run.link, run.bytes);
        }
        let owner = self.logs[key].id.owner;
        let links: Vec<_> =
            self.owners.get(&owner).map_or_else(Vec::new, |it| it.fold.links.keys().copied().collect());
        self.routes.dirty = true;
        for other in links {
            self.on_edge(owner, other);
        }
    }
}
