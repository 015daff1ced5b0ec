//! How far logs have come: reports up the tree of each log, and at its root what they say of the own one.
//!
//! Whoever holds all that its parent pushed, and hears the same of all that follow it, says so to the parent with the
//! number of bridges that it speaks for. At the owner they add up. Nothing but metrics depends on it.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use proto::link::v1::{Reached, ReachedLog};

use super::neighbour::Come;
use crate::{
    Core, LinkId,
    admission::Standing,
    limits::{MAX_BRIDGES, MAX_UNREACHED, REACH_DELAY},
    logs::LogKey,
    timers::Timer,
};

/// What is to be reported, and which own events wait for everybody.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    due: BTreeSet<LogKey>,
    /// The last sequence of own events that became durable together, and when.
    waiting: VecDeque<(u64, Duration)>,
    converged: Vec<Duration>,
}

impl Reach {
    /// The log's place in the table will be another log's.
    pub(crate) fn forget(&mut self, key: LogKey) {
        self.due.remove(&key);
    }

    pub(crate) fn take_converged(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.converged)
    }

    /// Since when some own event waits that not everybody holds.
    pub(crate) fn waiting_since(&self) -> Option<Duration> {
        self.waiting.front().map(|(_, since)| *since)
    }

    /// The own log goes on in another epoch, whose first events say again what is waited for.
    pub(crate) fn restart(&mut self, restates: u64) {
        if let Some((_, since)) = self.waiting.front().copied() {
            self.waiting = VecDeque::from([(restates.max(1), since)]);
        }
    }

    fn wait_for(&mut self, sequence: u64, now: Duration) {
        let full = self.waiting.len() >= MAX_UNREACHED;
        match self.waiting.back_mut() {
            // Beyond the bound they count as if they had been durable earlier: too long rather than too short.
            Some(last) if full || last.0 >= sequence => last.0 = last.0.max(sequence),
            _ => self.waiting.push_back((sequence, now)),
        }
    }

    fn held(&mut self, since: Duration, now: Duration) {
        self.waiting.pop_front();
        if self.converged.len() < MAX_UNREACHED {
            self.converged.push(now.saturating_sub(since));
        }
    }
}

impl Core {
    /// More of the own log is durable.
    pub(crate) fn await_everybody(&mut self, key: LogKey) {
        self.reach.wait_for(self.logs[key].stored, self.now.mono);
    }

    /// Something changed of how far a log has come here and below.
    pub(crate) fn note_reach(&mut self, key: LogKey) {
        if self.is_latest(key) {
            self.reach.due.insert(key);
            self.timers.arm(Timer::Reach, self.now.mono + REACH_DELAY);
        }
    }

    fn is_latest(&self, key: LogKey) -> bool {
        let owner = self.owners.get(&self.logs[key].id.owner);
        owner.and_then(|owner| owner.epochs.values().last()) == Some(&key)
    }

    /// The same for all logs of which a link was part.
    pub(super) fn note_reach_of_all(&mut self) {
        let keys: Vec<LogKey> = self.logs.keys().collect();
        for key in keys {
            self.note_reach(key);
        }
    }

    /// Reports what has come to everybody below.
    pub(crate) fn tell_reach(&mut self) {
        for key in std::mem::take(&mut self.reach.due) {
            let log = &self.logs[key];
            let Some(parent) = log.parent.filter(|_| log.id.owner != self.me) else { continue };
            let through = log.stored;
            let below = self.below(key, through);
            let (Some(below), Some(neighbour)) = (below, self.links.get_mut(&parent)) else { continue };
            let come = Come { through, bridges: 1 + below };
            if through > 0 && neighbour.told.insert(key, come) != Some(come) {
                neighbour.reports.insert(key);
                neighbour.busy = true;
            }
        }
        self.converge();
    }

    /// Whether all reachable bridges hold what waits for them.
    pub(crate) fn converge(&mut self) {
        let Some(key) = self.own.as_ref().map(|own| own.key) else { return };
        while let Some((sequence, since)) = self.reach.waiting.front().copied() {
            // A bridge that stopped in good order gets nothing any more.
            let mut others =
                self.owners.values().filter(|it| it.standing == Standing::Reachable && !it.fold.stopped);
            let Some(_) = others.next() else { return self.reach.waiting.clear() };
            let followers = self.links.values().filter_map(|it| it.come(key));
            let held: usize =
                followers.filter(|come| come.through >= sequence).map(|come| come.bridges as usize).sum();
            // Whether there are more than these; how many more is a long way to count, for a look at each report.
            if held == 0 || others.nth(held - 1).is_some() {
                return;
            }
            self.reach.held(since, self.now.mono);
        }
    }

    /// The bridges below that hold a log up to here; `None` unless all who follow do.
    fn below(&self, key: LogKey, through: u64) -> Option<u32> {
        let parent = self.logs[key].parent;
        let others = self.links.iter().filter(|(link, _)| Some(**link) != parent);
        others
            .filter_map(|(_, it)| it.come(key))
            .try_fold(0_u32, |sum, come| (come.through >= through).then(|| sum.saturating_add(come.bridges)))
    }

    pub(super) fn on_reached(&mut self, link: LinkId, reached: &Reached) {
        for reached in &reached.logs {
            let Some((_, key)) = self.known(&reached.owner, &reached.epoch) else {
                return self.offence(link, "a report that names no log");
            };
            let Some(key) = key.filter(|key| self.is_latest(*key)) else { continue };
            let come = Come { through: reached.through, bridges: reached.bridges.min(MAX_BRIDGES as u32) };
            if let Some(neighbour) = self.links.get_mut(&link) {
                neighbour.reached.insert(key, come);
                self.note_reach(key);
            }
        }
    }

    /// The next reports for a neighbour.
    pub(super) fn reached_page(&mut self, link: LinkId) -> Option<Reached> {
        let neighbour = self.links.get_mut(&link)?;
        let mut logs = Vec::new();
        let keys: Vec<LogKey> = super::send::drain(&mut neighbour.reports).collect();
        for key in keys {
            let id = self.logs[key].id;
            let Come { through, bridges } = neighbour.told.get(&key).copied().unwrap_or_default();
            let (owner, epoch) = (id.owner.to_bytes(), id.epoch.to_bytes());
            logs.push(ReachedLog { owner, epoch, through, bridges });
        }
        (!logs.is_empty()).then_some(Reached { logs })
    }
}
