//! Whose logs are taken: neighbours, and whoever confirmed links lead to.

mod owner;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use identity::NodeId;

use crate::{
    Core, Epoch, LogId, Output, Warning,
    limits::{
        CANDIDATE_PAUSE, CANDIDATE_TIME, MAX_BRIDGES, MAX_CANDIDATE_BYTES, MAX_CANDIDATES_PER_INTRODUCER,
        MAX_EPOCHS_PER_BRIDGE, MAX_UNREACHABLE_PER_INTRODUCER,
    },
    logs::LogKey,
    timers::Timer,
};

pub(crate) use owner::{Owner, Standing};

/// How long after a lost edge it is looked at who is still reachable.
const REVIEW_DELAY: Duration = Duration::from_secs(1);

impl Core {
    /// Whether a log of this id may be begun here.
    pub(crate) fn admits(&self, log: &LogId) -> bool {
        self.owners.get(&log.owner).is_some_and(|owner| {
            owner.epochs.len() < MAX_EPOCHS_PER_BRIDGE
                || self.oldest_epoch(owner).is_some_and(|oldest| oldest < log.epoch)
        })
    }

    /// The epoch that goes first. The one that is being written stays, however many later ones come back.
    fn oldest_epoch(&self, owner: &Owner) -> Option<Epoch> {
        let running = self.own.as_ref().map(|own| own.key);
        owner.epochs.iter().find(|(_, key)| Some(**key) != running).map(|(epoch, _)| *epoch)
    }

    /// Whether that much more of a log may be taken now.
    pub(crate) fn allows(&mut self, id: &NodeId, held: u64, bytes: u64) -> bool {
        let now = self.now.mono;
        self.owners.get_mut(id).is_some_and(|owner| match owner.standing {
            Standing::Own => true,
            Standing::Candidate(_) if held + bytes > MAX_CANDIDATE_BYTES => false,
            _ => owner.allowance.take(bytes, now),
        })
    }

    /// Begins an empty log; the oldest epoch of its owner goes if there are too many.
    pub(crate) fn insert_log(&mut self, log: LogId) -> LogKey {
        let key = self.logs.insert(log, self.forks.point(&log));
        let owner = self
            .owners
            .entry(log.owner)
            .or_insert_with(|| Box::new(Owner::new(Standing::Unreachable(Duration::ZERO), None)));
        owner.epochs.insert(log.epoch, key);
        let owner = &self.owners[&log.owner];
        let excess = owner.epochs.len() > MAX_EPOCHS_PER_BRIDGE;
        if let Some(oldest) = self.oldest_epoch(owner).filter(|_| excess)
            && let Some(oldest) = self.owners.get_mut(&log.owner).and_then(|it| it.epochs.remove(&oldest))
        {
            self.forget_log(oldest);
        }
        key
    }

    /// A neighbour is linked: its logs are taken from now on.
    pub(crate) fn admit_neighbour(&mut self, bridge: NodeId) {
        if !self.owners.contains_key(&bridge) {
            self.make_room();
            self.owners.insert(bridge, Box::new(Owner::new(Standing::Candidate(Duration::ZERO), None)));
        }
        self.promote(bridge, None);
    }

    /// A link claim of `one` about `other` changed.
    pub(crate) fn on_edge(&mut self, one: NodeId, other: NodeId) {
        self.routes.dirty = true;
        if !self.claims(&one, &other) {
            self.timers.arm(Timer::Admission, self.now.mono + REVIEW_DELAY);
            return;
        }
        let reachable = |id: &NodeId| self.owners.get(id).is_some_and(|owner| owner.is_reachable());
        match (reachable(&one), reachable(&other), self.claims(&other, &one)) {
            (true, false, true) => self.promote(other, Some(one)),
            (false, true, true) => self.promote(one, Some(other)),
            (true, false, false) => self.introduce(one, other),
            _ => {}
        }
    }

    /// Whether a bridge's log says that it is linked with another.
    pub(crate) fn claims(&self, one: &NodeId, other: &NodeId) -> bool {
        self.owners
            .get(one)
            .is_some_and(|owner| owner.fold.links.contains_key(other) && !self.is_forked(owner, one))
    }

    /// Whether the latest epoch was cut.
    pub(crate) fn is_forked(&self, owner: &Owner, id: &NodeId) -> bool {
        let log = owner.folded.map(|epoch| LogId { owner: *id, epoch });
        log.is_some_and(|log| self.forks.point(&log).is_some())
    }

    /// A bridge, and all that confirmed links lead to from it, are reachable from now on.
    fn promote(&mut self, bridge: NodeId, introducer: Option<NodeId>) {
        let mut work = vec![(bridge, introducer)];
        while let Some((id, introducer)) = work.pop() {
            let Some(owner) = self.owners.get_mut(&id) else { continue };
            if owner.is_reachable() {
                continue;
            }
            let before = owner.introducer;
            (owner.standing, owner.introducer) = (Standing::Reachable, introducer);
            let links: Vec<NodeId> = owner.fold.links.keys().copied().collect();
            self.changed_bridges.insert(id);
            self.routes.dirty = true;
            if let Some(before) = before.and_then(|before| self.owners.get_mut(&before)) {
                before.candidates.remove(&id);
            }
            for other in links {
                if self.claims(&other, &id) {
                    work.push((other, Some(id)));
                } else {
                    self.introduce(id, other);
                }
            }
        }
        self.timers.arm(Timer::Routes, self.routes.due(self.now.mono, self.config.route_interval));
    }

    /// One end of a link names the other, of which nothing is known: ask for its log, to see whether it confirms.
    fn introduce(&mut self, introducer: NodeId, candidate: NodeId) {
        if self.owners.contains_key(&candidate) {
            return;
        }
        let now = self.now.mono;
        let Some(owner) = self.owners.get_mut(&introducer) else { return };
        owner.paused.retain(|_, until| *until > now);
        if owner.candidates.len() >= MAX_CANDIDATES_PER_INTRODUCER || owner.paused.contains_key(&candidate) {
            self.timers.arm(Timer::Admission, now + CANDIDATE_TIME);
            return;
        }
        owner.candidates.insert(candidate);
        if !self.make_room() {
            self.owners.entry(introducer).and_modify(|owner| {
                owner.candidates.remove(&candidate);
            });
            self.warn(Warning::TooManyBridges { introducer });
            return;
        }
        let until = now + CANDIDATE_TIME;
        self.owners.insert(candidate, Box::new(Owner::new(Standing::Candidate(until), Some(introducer))));
        self.timers.arm(Timer::Admission, until);
        self.seek(candidate, introducer);
    }

    /// Place for one more bridge; the one that has been unreachable longest goes if need be.
    fn make_room(&mut self) -> bool {
        if self.owners.len() < MAX_BRIDGES {
            return true;
        }
        let oldest = self.unreachable().min().map(|(_, id)| id);
        oldest.is_some_and(|id| {
            self.forget_owner(id);
            true
        })
    }

    fn unreachable(&self) -> impl Iterator<Item = (Duration, NodeId)> {
        self.owners.iter().filter_map(|(id, owner)| match owner.standing {
            Standing::Unreachable(since) => Some((since, *id)),
            _ => None,
        })
    }

    /// Looks anew who is reachable, and lets go of candidates that had their time.
    pub(crate) fn review_admission(&mut self) {
        self.review_reachable();
        self.review_unreachable();
        let now = self.now.mono;
        let over: Vec<_> = self
            .owners
            .iter()
            .filter_map(|(id, owner)| match (owner.standing, owner.introducer) {
                (Standing::Candidate(until), Some(introducer)) => {
                    let stale = until <= now || !self.claims(&introducer, id);
                    stale.then_some((*id, introducer))
                }
                _ => None,
            })
            .collect();
        for (candidate, introducer) in over {
            self.forget_owner(candidate);
            if let Some(owner) = self.owners.get_mut(&introducer) {
                owner.candidates.remove(&candidate);
                owner.paused.insert(candidate, now + CANDIDATE_PAUSE);
            }
        }
        self.introduce_waiting();
    }

    fn review_reachable(&mut self) {
        let now = self.now.mono;
        let mut seen: BTreeSet<NodeId> = self.neighbours.keys().copied().collect();
        let mut work: Vec<NodeId> = seen.iter().copied().collect();
        while let Some(id) = work.pop() {
            let Some(owner) = self.owners.get(&id) else { continue };
            for other in owner.fold.links.keys() {
                if *other != self.me
                    && self.claims(&id, other)
                    && self.claims(other, &id)
                    && seen.insert(*other)
                {
                    work.push(*other);
                }
            }
        }
        for (id, owner) in &mut self.owners {
            match owner.standing {
                Standing::Reachable if !seen.contains(id) => owner.standing = Standing::Unreachable(now),
                Standing::Unreachable(_) if seen.contains(id) => owner.standing = Standing::Reachable,
                _ => continue,
            }
            self.changed_bridges.insert(*id);
            self.routes.dirty = true;
        }
        self.timers.arm(Timer::Routes, self.routes.due(now, self.config.route_interval));
    }

    /// Of each introducer, only so many bridges are kept that nothing leads to any more.
    fn review_unreachable(&mut self) {
        let mut by_introducer: BTreeMap<NodeId, BTreeSet<(Duration, NodeId)>> = BTreeMap::new();
        for (since, id) in self.unreachable() {
            // Those without one are neighbours and what was loaded from disk.
            if let Some(introducer) = self.owners[&id].introducer {
                by_introducer.entry(introducer).or_default().insert((since, id));
            }
        }
        for mut kept in by_introducer.into_values() {
            while kept.len() > MAX_UNREACHABLE_PER_INTRODUCER
                && let Some((_, id)) = kept.pop_first()
            {
                self.forget_owner(id);
            }
        }
    }

    /// Gives places of candidates to those that wait.
    fn introduce_waiting(&mut self) {
        let waiting: Vec<(NodeId, NodeId)> = self
            .owners
            .iter()
            .filter(|(_, owner)| owner.is_reachable())
            .flat_map(|(id, owner)| owner.fold.links.keys().map(|other| (*id, *other)))
            .filter(|(id, other)| !self.owners.contains_key(other) && self.claims(id, other))
            .collect();
        for (introducer, candidate) in waiting {
            self.introduce(introducer, candidate);
        }
        let soonest = self.owners.values().filter_map(|owner| match owner.standing {
            Standing::Candidate(until) => Some(until),
            _ => owner.paused.values().copied().min(),
        });
        if let Some(at) = soonest.min() {
            self.timers.arm(Timer::Admission, at.max(self.now.mono + REVIEW_DELAY));
        }
    }

    fn forget_owner(&mut self, id: NodeId) {
        let Some(owner) = self.owners.remove(&id) else { return };
        for key in owner.epochs.into_values() {
            self.forget_log(key);
        }
        self.unname(&id, owner.fold.peers.into_keys());
        self.changed_bridges.insert(id);
        self.routes.dirty = true;
    }

    fn forget_log(&mut self, key: LogKey) {
        let Some(log) = self.logs.remove(key) else { return };
        self.timers.cancel(Timer::Check(key));
        for run in &log.unstored {
            self.release(run.link, run.bytes);
        }
        self.links.values_mut().for_each(|neighbour| neighbour.forget(key));
        self.out.push(Output::Forget { log: log.id });
    }
}
