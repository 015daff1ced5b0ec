//! Whose logs are taken: neighbours, and whoever confirmed links lead to.

mod owner;
mod review;
mod shares;

use std::time::Duration;

use identity::NodeId;

use crate::{
    Core, Epoch, LogId, Output, Warning,
    limits::{
        CANDIDATE_TIME, MAX_BRIDGES, MAX_BRIDGES_PER_NEIGHBOUR, MAX_CANDIDATE_BYTES,
        MAX_CANDIDATES_PER_INTRODUCER, MAX_EPOCHS_PER_BRIDGE,
    },
    logs::LogKey,
    timers::Timer,
};

pub(crate) use owner::{Owner, Standing};
pub(crate) use shares::Shares;

/// How long after a lost edge it is looked at who is still reachable.
const REVIEW_DELAY: Duration = Duration::from_secs(1);

impl Core {
    /// Whether a log of this id may be begun here.
    pub(crate) fn admits(&self, log: &LogId) -> bool {
        let has_place = self.owners.get(&log.owner).is_some_and(|owner| {
            owner.epochs.len() < MAX_EPOCHS_PER_BRIDGE
                || self.oldest_epoch(owner).is_some_and(|oldest| oldest < log.epoch)
        });
        has_place && !self.is_expired(log)
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

    /// Whether there is room on the disk for that much more of a bridge's logs, in all and in its neighbour's share.
    pub(crate) fn has_share(&self, id: &NodeId, bytes: u64) -> bool {
        let through = self.owners.get(id).and_then(|owner| owner.through);
        *id == self.me || self.shares.fits(through, bytes)
    }

    /// That much of a bridge's logs was taken.
    pub(crate) fn take_share(&mut self, id: &NodeId, bytes: u64) {
        if *id != self.me {
            let through = self.owners.get(id).and_then(|owner| owner.through);
            self.shares.take(through, bytes);
        }
    }

    /// That much of a bridge's logs is not here after all.
    pub(crate) fn return_share(&mut self, id: &NodeId, bytes: u64) {
        if *id != self.me {
            let through = self.owners.get(id).and_then(|owner| owner.through);
            self.shares.give_back(through, bytes);
        }
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
        if let Some(epoch) = self.oldest_epoch(owner).filter(|_| excess) {
            self.forget_epoch(&LogId { epoch, ..log });
        }
        key
    }

    /// Lets go of one log of a bridge that stays.
    pub(crate) fn forget_epoch(&mut self, log: &LogId) {
        let Some(owner) = self.owners.get_mut(&log.owner) else { return };
        let through = owner.through;
        if let Some(key) = owner.epochs.remove(&log.epoch) {
            self.forget_log(key, through);
            self.refold(log.owner);
        }
    }

    /// A neighbour is linked: its logs are taken from now on.
    pub(crate) fn admit_neighbour(&mut self, bridge: NodeId) {
        if !self.owners.contains_key(&bridge) {
            self.make_room(&bridge);
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
            (true, false, false) => {
                self.introduce(one, other);
            }
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
            if owner.through.is_none() {
                let root = self.root(introducer, id);
                if !self.join_share(id, root) {
                    self.refuse_bridge(root, introducer.unwrap_or(root));
                    continue;
                }
            }
            let Some(owner) = self.owners.get_mut(&id) else { continue };
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

    /// One end of a link names the other, of which nothing is known: ask for its log, to see whether it confirms. Gives
    /// false if there is no place for it.
    fn introduce(&mut self, introducer: NodeId, candidate: NodeId) -> bool {
        if self.owners.contains_key(&candidate) {
            return true;
        }
        let now = self.now.mono;
        let root = self.root(Some(introducer), candidate);
        let Some(owner) = self.owners.get_mut(&introducer) else { return true };
        owner.paused.retain(|_, until| *until > now);
        if owner.candidates.len() >= MAX_CANDIDATES_PER_INTRODUCER || owner.paused.contains_key(&candidate) {
            self.timers.arm(Timer::Admission, now + CANDIDATE_TIME);
            return true;
        }
        owner.candidates.insert(candidate);
        if !self.make_room(&root) {
            self.owners.entry(introducer).and_modify(|owner| {
                owner.candidates.remove(&candidate);
            });
            self.refuse_bridge(root, introducer);
            return false;
        }
        let until = now + CANDIDATE_TIME;
        let owner = Owner::new(Standing::Candidate(until), Some(introducer));
        self.owners.insert(candidate, Box::new(owner));
        self.join_share(candidate, root);
        self.timers.arm(Timer::Admission, until);
        self.seek(candidate, introducer);
        true
    }

    /// Names, once for each neighbour, who introduces more than there is place for.
    fn refuse_bridge(&mut self, root: NodeId, introducer: NodeId) {
        if self.shares.is_news(root) {
            self.warn(Warning::TooManyBridges { introducer });
        }
    }

    /// The neighbour whose share a bridge takes that this one introduces.
    fn root(&self, introducer: Option<NodeId>, bridge: NodeId) -> NodeId {
        introducer.and_then(|id| self.owners.get(&id)?.through).unwrap_or(bridge)
    }

    /// Place for one more bridge in all and in this neighbour's share; the one that has been unreachable longest goes if
    /// need be.
    fn make_room(&mut self, root: &NodeId) -> bool {
        let share_is_full = self.shares.bridges(root) >= MAX_BRIDGES_PER_NEIGHBOUR;
        if !share_is_full && self.owners.len() < MAX_BRIDGES {
            return true;
        }
        let counts = |id: &NodeId| !share_is_full || self.owners[id].through == Some(*root);
        let oldest = self.unreachable().filter(|(_, id)| counts(id)).min().map(|(_, id)| id);
        oldest.is_some_and(|id| {
            self.forget_owner(id);
            true
        })
    }

    /// Counts a bridge that was loaded, or has just become a neighbour, to a share. Gives false if that is full.
    fn join_share(&mut self, bridge: NodeId, root: NodeId) -> bool {
        let full = self.shares.bridges(&root) >= MAX_BRIDGES_PER_NEIGHBOUR && bridge != root;
        let Some(owner) = self.owners.get_mut(&bridge).filter(|_| !full) else { return false };
        owner.through = Some(root);
        let bytes = owner.epochs.values().map(|key| self.logs[*key].bytes).sum();
        self.shares.join(root, bytes);
        true
    }

    fn unreachable(&self) -> impl Iterator<Item = (Duration, NodeId)> {
        self.owners.iter().filter_map(|(id, owner)| match owner.standing {
            Standing::Unreachable(since) => Some((since, *id)),
            _ => None,
        })
    }

    fn forget_owner(&mut self, id: NodeId) {
        let Some(owner) = self.owners.remove(&id) else { return };
        for key in owner.epochs.into_values() {
            self.forget_log(key, owner.through);
        }
        self.shares.leave(owner.through);
        self.unname(&id, owner.fold.peers.into_keys());
        self.changed_bridges.insert(id);
        self.routes.dirty = true;
    }

    fn forget_log(&mut self, key: LogKey, through: Option<NodeId>) {
        let Some(log) = self.logs.remove(key) else { return };
        if log.id.owner != self.me {
            self.shares.give_back(through, log.bytes);
        }
        self.timers.cancel(Timer::Check(key));
        self.reach.forget(key);
        for run in &log.unstored {
            self.release(run.link, run.bytes);
        }
        self.links.values_mut().for_each(|neighbour| neighbour.forget(key, &log.id));
        self.out.push(Output::Forget { log: log.id });
    }
}
