//! Looking anew who is reachable, who had their time, and who waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use identity::NodeId;

use super::{REVIEW_DELAY, Standing};
use crate::{
    Core,
    limits::{CANDIDATE_PAUSE, MAX_UNREACHABLE_PER_INTRODUCER},
    timers::Timer,
};

impl Core {
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
                    && self.owners.get(other).is_some_and(|owner| owner.through.is_some())
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
        // Looking for a place is work: once for each neighbour whose share is full.
        let mut full = BTreeSet::new();
        for (introducer, candidate) in waiting {
            let root = self.root(Some(introducer), candidate);
            if !full.contains(&root) && !self.introduce(introducer, candidate) {
                full.insert(root);
            }
        }
        let soonest = self.owners.values().filter_map(|owner| match owner.standing {
            Standing::Candidate(until) => Some(until),
            _ => owner.paused.values().copied().min(),
        });
        if let Some(at) = soonest.min() {
            self.timers.arm(Timer::Admission, at.max(self.now.mono + REVIEW_DELAY));
        }
    }
}
