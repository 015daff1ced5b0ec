//! From durable events to the state: loading, folding, and what follows from a change.

mod latest;
mod snapshots;

use identity::NodeId;

use crate::{
    Core, Entry, Head, Hlc, LogId, NO_HASH, Output, Snapshot, Warning,
    event::Event,
    fold::{Fold, Touched},
    fork,
    segment::Chain,
    timers::Timer,
};

/// A stored log that does not hold together. Nothing of it above `good` was taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("log {log} is damaged after event {good}: {what}; cut it there, and the rest will be fetched again")]
pub struct Damaged {
    /// Which.
    pub log: LogId,
    /// The last good event.
    pub good: u64,
    /// What is wrong with what comes after it.
    pub what: String,
}

impl Core {
    /// Takes over a log as it lies on disk, from its first entry on: own ones and foreign ones, in any order. Checks
    /// the hash chain; signatures were checked before it was stored. What lies beyond a fork that is known by then is not
    /// taken over; the outputs of the first input remove it. Gives the number of events taken over.
    ///
    /// # Errors
    /// [`Damaged`] when an entry does not fit, or the end is not signed (a write that was cut off). What comes before is
    /// loaded; cut the stored log after `good`, and tell a person if it is not just the end.
    pub fn load(&mut self, log: LogId, entries: impl IntoIterator<Item = Entry>) -> Result<u64, Damaged> {
        let (good, what) = self.load_until(log, None, entries, |entry, _| !entry.signature.is_empty());
        what.map_or(Ok(good), |what| Err(Damaged { log, good, what }))
    }

    /// The same from a snapshot on, which [`takes`](Self::takes) it and whose hash is that of the stored entry: the
    /// entries are those behind it. The chain before it is not checked again.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_from(
        &mut self,
        snapshot: Snapshot,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<u64, Damaged> {
        let log = snapshot.head.log;
        let (good, what) =
            self.load_until(log, Some(snapshot), entries, |entry, _| !entry.signature.is_empty());
        what.map_or(Ok(good), |what| Err(Damaged { log, good, what }))
    }

    /// Whether a log may be loaded from this snapshot: not beyond a fork that is known by now.
    pub fn takes(&self, snapshot: &Snapshot) -> bool {
        let fork = self.forks.point(&snapshot.head.log);
        fork.is_none_or(|fork| snapshot.head.sequence < fork.sequence)
    }

    /// Loads a log of a replay, whose heads may be unsigned, up to a head that was loaded back then.
    pub(crate) fn load_unsigned(&mut self, head: Head, entries: impl IntoIterator<Item = Entry>) {
        self.load_until(head.log, None, entries, |_, sequence| sequence == head.sequence);
    }

    /// Loads a log up to the last entry that `is_end` accepts. Gives that and what was wrong afterwards.
    fn load_until(
        &mut self,
        log: LogId,
        snapshot: Option<Snapshot>,
        entries: impl IntoIterator<Item = Entry>,
        is_end: impl Fn(&Entry, u64) -> bool,
    ) -> (u64, Option<String>) {
        let mut chain = Chain { log, sequence: 0, hash: NO_HASH, time: Hlc::default() };
        let (mut fold, mut bytes) = (Fold::default(), 0);
        if let Some(snapshot) = snapshot {
            (chain.sequence, chain.hash, chain.time) =
                (snapshot.head.sequence, snapshot.head.hash, snapshot.time);
            (fold, bytes) = (snapshot.fold, snapshot.bytes);
        }
        let mut good = chain.clone();
        let mut waiting = Vec::new();
        let folds = self.may_be_latest(&log);
        let mut touched = Touched::default();
        touched.forks.extend(self.proofs_in(&log, &fold));
        let mut what = None;
        let fork = self.forks.point(&log);
        let at_edge = |chain: &Chain| fork.is_some_and(|fork| chain.sequence + 1 == fork.sequence);
        let mut beyond = false;
        for entry in entries {
            if at_edge(&chain) {
                beyond = true;
                break;
            }
            match chain.push(&entry.event) {
                Ok(event) if chain.hash == entry.hash => waiting.push(event),
                Ok(_) => what = Some("its hash does not match".to_owned()),
                Err(bad) => what = Some(bad.to_string()),
            }
            if what.is_some() {
                break;
            }
            bytes += entry.event.len() as u64;
            let vouched = at_edge(&chain) && fork.is_some_and(|fork| fork.previous == chain.hash);
            if vouched || is_end(&entry, chain.sequence) {
                good = chain.clone();
                let before = fold.through;
                waiting.drain(..).filter(|_| folds).for_each(|event| fold.apply(&event, &mut touched));
                if folds && self.is_place(before, fold.through) {
                    self.keep_snapshot(&good, bytes, &fold);
                }
                // The result says who is there; what was touched on the way would grow without bound.
                touched.peers.clear();
                touched.links.clear();
            }
        }
        if what.is_none() && !waiting.is_empty() {
            what = Some("its end is not signed".to_owned());
        }
        if beyond {
            // The proof became durable before the cut did.
            self.out.push(Output::Truncate { log, keep: good.sequence });
        }
        self.take_loaded(&good, (bytes, fold.restates), folds.then_some(fold), touched);
        (good.sequence, what)
    }

    fn take_loaded(
        &mut self,
        end: &Chain,
        (bytes, restates): (u64, u64),
        fold: Option<Fold>,
        touched: Touched,
    ) {
        let known = self.owners.contains_key(&end.log.owner);
        if end.sequence == 0 {
            return;
        }
        if known && !self.admits(&end.log) {
            return self.out.push(Output::Forget { log: end.log });
        }
        let key = self.insert_log(end.log);
        let log = &mut self.logs[key];
        (log.last, log.hash, log.time, log.bytes) = (end.sequence, end.hash, end.time, bytes);
        (log.stored_time, log.restates) = (end.time, restates);
        self.take_share(&end.log.owner, bytes);
        self.logs.set_stored(key, end.sequence, end.hash);
        self.clock.resume(if end.log.owner == self.me { end.time } else { Hlc::default() });
        if let Some(fold) = fold
            && self.latest_epoch(&end.log.owner) == Some(end.log.epoch)
            && let Some(owner) = self.owners.get_mut(&end.log.owner)
        {
            let before = std::mem::replace(&mut owner.fold, fold);
            owner.folded = Some(end.log.epoch);
            let mut touched = touched;
            touched.peers.extend(before.peers.into_keys());
            touched.peers.extend(owner.fold.peers.keys());
            touched.links.extend(owner.fold.links.keys());
            self.after_fold(end.log.owner, touched);
        }
    }

    /// Folds entries that became durable.
    pub(crate) fn fold_run(&mut self, log: LogId, first: u64, entries: &[Entry]) {
        let mut touched = Touched::default();
        if first == 1 {
            self.note_restates(&log, entries);
        }
        let Some(folded) = self.owners.get(&log.owner).map(|owner| owner.folded) else { return };
        if folded != Some(log.epoch) {
            if self.latest_epoch(&log.owner) != Some(log.epoch) {
                return;
            } else if first > 1 {
                return self.refold(log.owner);
            }
        }
        let Some(owner) = self.owners.get_mut(&log.owner) else { return };
        if folded != Some(log.epoch) {
            owner.folded = Some(log.epoch);
            let before = std::mem::take(&mut owner.fold);
            touched.peers.extend(before.peers.into_keys());
            touched.links.extend(before.links.into_keys());
            touched.bridge = true;
        }
        let before = owner.fold.through;
        for event in entries.iter().filter_map(|entry| Event::decode(&entry.event).ok()) {
            if event.sequence == owner.fold.through + 1 {
                owner.fold.apply(&event, &mut touched);
            }
        }
        self.snapshot_after(log, before);
        self.after_fold(log.owner, touched);
    }

    /// What follows from a changed fold.
    fn after_fold(&mut self, id: NodeId, touched: Touched) {
        if touched.substance && self.neighbours.contains_key(&id) {
            self.plan_witness();
        }
        if touched.bad_checkpoint {
            self.warn_checkpoint(id);
        }
        if touched.bridge {
            self.changed_bridges.insert(id);
            self.routes.dirty = true;
            self.name_excess(id);
        }
        for peer in touched.peers {
            let named = self.owners.get(&id).is_some_and(|owner| owner.fold.peers.contains_key(&peer));
            if named {
                self.homes.entry(peer).or_default().insert(id);
                self.changed_peers.insert(peer);
            } else {
                self.unname(&id, [peer]);
            }
        }
        if let Some(before) = &touched.policy {
            self.after_policy(&id, before);
        }
        for other in touched.links {
            self.on_edge(id, other);
        }
        for proof in touched.forks {
            let news =
                fork::subject(&proof).is_some_and(|(log, sequence)| self.forks.is_news(&log, sequence));
            if news && let Some((log, point)) = fork::verify(&proof, &*self.config.verifier) {
                self.apply_fork(log, point, proof);
            }
        }
        self.plan_routes();
    }

    /// Has what changed told soon.
    pub(crate) fn plan_routes(&mut self) {
        if !self.changed_peers.is_empty() || self.routes.dirty || !self.changed_bridges.is_empty() {
            let at = self.routes.due(self.now.mono, self.config.route_interval);
            self.timers.arm(Timer::Routes, at);
        }
    }

    /// A bridge does not name these peers any more.
    pub(crate) fn unname(&mut self, bridge: &NodeId, peers: impl IntoIterator<Item = NodeId>) {
        for peer in peers {
            if let Some(homes) = self.homes.get_mut(&peer) {
                homes.remove(bridge);
                if homes.is_empty() {
                    self.homes.remove(&peer);
                }
            }
            self.changed_peers.insert(peer);
        }
    }

    fn warn_checkpoint(&mut self, id: NodeId) {
        let owner = self.owners.get(&id);
        let at = owner.and_then(|owner| owner.folded.zip(owner.fold.bad_checkpoint));
        if let Some((epoch, sequence)) = at {
            self.warn(Warning::Checkpoint { log: LogId { owner: id, epoch }, sequence });
        }
    }

    /// Warns, once, of a bridge that claims too many links.
    fn name_excess(&mut self, id: NodeId) {
        let Some(owner) = self.owners.get_mut(&id) else { return };
        if owner.fold.excess_links > 0 && !std::mem::replace(&mut owner.named, true) {
            self.warn(Warning::TooManyLinks { bridge: id });
        }
    }
}
