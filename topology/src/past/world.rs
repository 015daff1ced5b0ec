//! The folds of all bridges as of an instant, and the ways between them.

use std::collections::{BTreeMap, BTreeSet};

use identity::NodeId;
use proto::log::v1::{self, LeftReason};

use crate::{
    Epoch, Event, Hash, Hlc, LogId, NoRoute, Route, Verifier,
    event::Fact,
    fold::{Claim, Fold, Touched},
    fork::{self, Forks},
    limits::MAX_CLAIMS_PER_PEER,
    routes::{Graph, Table, best_of},
};

use super::archive::{Archive, BATCH_BYTES, BATCH_EVENTS, event_at, events_until, restates_of, time_of};

/// What all logs together said at some instant. Unlike a bridge's core it takes nobody's side: who can reach whom is
/// asked for a bridge.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) at: Hlc,
    pub(super) bridges: BTreeMap<NodeId, Past>,
    pub(super) events: u64,
    forks: Forks,
}

/// One bridge: the fold of its latest epoch.
#[derive(Debug, Default)]
pub(super) struct Past {
    pub(super) epoch: Option<Epoch>,
    pub(super) fold: Fold,
    /// A later epoch that has not said again all that held before: until then it does not count.
    next: Option<(Epoch, Fold)>,
}

/// What an event changed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Effect {
    /// Bridges, links or policies: ways may differ.
    pub(super) ways: bool,
    /// Nothing: it says again what held before.
    pub(super) again: bool,
}

impl Past {
    /// Folds an event, if it is the next of an epoch that counts or is going to. Gives whether it says again what held
    /// before.
    fn take(&mut self, epoch: Epoch, event: &Event, touched: &mut Touched) -> Option<bool> {
        let latest = self.next.as_ref().map(|(epoch, _)| *epoch).max(self.epoch);
        if event.sequence == 1 && latest.is_none_or(|latest| latest < epoch) {
            self.next = Some((epoch, Fold::default()));
        }
        let is_next = self.next.as_ref().is_some_and(|(next, _)| *next == epoch);
        let fold = match &mut self.next {
            Some((_, fold)) if is_next => fold,
            _ if self.epoch == Some(epoch) => &mut self.fold,
            _ => return None,
        };
        if event.sequence != fold.through + 1 {
            return None;
        }
        fold.apply(event, touched);
        let again = self.epoch.is_some() && is_next && event.sequence <= fold.restates;
        if is_next && (self.epoch.is_none() || fold.through >= fold.restates) {
            let (epoch, fold) = self.next.take()?;
            (self.epoch, self.fold) = (Some(epoch), fold);
        }
        Some(again)
    }
}

impl World {
    /// Folds each bridge's latest epoch that had begun by then, up to then. Events at the instant itself count if their
    /// log does not come after `log` in the order of all events; all of them without it.
    pub(super) fn at(archive: &dyn Archive, verifier: &dyn Verifier, at: Hlc, log: Option<LogId>) -> Self {
        let includes = |it: &LogId| log.is_none_or(|log| *it <= log);
        let mut latest: BTreeMap<NodeId, (Epoch, u64)> = BTreeMap::new();
        for (log, last) in archive.logs() {
            let begin = time_of(archive, &log, 1);
            if begin.is_some_and(|begin| begin < at || (begin == at && includes(&log))) {
                let through = events_until(archive, &log, last, at, includes(&log));
                // Logs come by id, so a later epoch of the same owner comes later.
                if through >= restates_of(archive, &log) || !latest.contains_key(&log.owner) {
                    latest.insert(log.owner, (log.epoch, through));
                }
            }
        }
        let parts = latest.into_iter().map(|(owner, (epoch, through))| (LogId { owner, epoch }, through));
        Self::folded(archive, verifier, at, parts)
    }

    /// Folds the first events of logs, of one epoch for each bridge.
    pub(super) fn folded(
        archive: &dyn Archive,
        verifier: &dyn Verifier,
        at: Hlc,
        parts: impl IntoIterator<Item = (LogId, u64)>,
    ) -> Self {
        let mut world = Self { at, ..Self::default() };
        for (log, through) in parts {
            world.begin(archive, &log, through, verifier);
            while world.position(&log) < through {
                let before = world.position(&log);
                let left = usize::try_from(through - before).unwrap_or(usize::MAX);
                let entries = archive.read(&log, before + 1, BATCH_EVENTS.min(left), BATCH_BYTES);
                for event in entries.iter().filter_map(|entry| Event::decode(&entry.event).ok()) {
                    world.apply(&log, &event, verifier);
                }
                if world.position(&log) == before {
                    break;
                }
            }
        }
        world
    }

    /// Begins with the last snapshot of a log up to `through`, if there is one.
    fn begin(&mut self, archive: &dyn Archive, log: &LogId, through: u64, verifier: &dyn Verifier) {
        let Some(snapshot) = archive.snapshot(log, through) else { return };
        let past = self.bridges.entry(log.owner).or_default();
        if past.epoch.is_some_and(|epoch| epoch >= log.epoch) {
            return;
        }
        *past = Past { epoch: Some(log.epoch), fold: snapshot.fold, next: None };
        self.events += past.fold.through;
        self.at = self.at.max(past.fold.time);
        let proofs: Vec<_> = past.fold.forks.iter().filter_map(|at| event_at(archive, log, *at)).collect();
        for event in proofs {
            if let Some(Fact::Fork(proof)) = event.fact() {
                self.note_fork(&proof, verifier);
            }
        }
    }

    fn note_fork(&mut self, proof: &v1::ForkProof, verifier: &dyn Verifier) {
        if let Some((log, point)) = fork::verify(proof, verifier) {
            let bridges = &self.bridges;
            self.forks.insert(log, point, proof.clone(), |id| bridges.contains_key(id));
        }
    }

    /// Takes an event of a log: one of an earlier epoch than that which is folded, or out of its order, changes nothing.
    pub(super) fn apply(&mut self, log: &LogId, event: &Event, verifier: &dyn Verifier) -> Effect {
        let past = self.bridges.entry(log.owner).or_default();
        let mut touched = Touched::default();
        let Some(again) = past.take(log.epoch, event, &mut touched) else { return Effect::default() };
        self.events += 1;
        self.at = self.at.max(event.time);
        touched.forks.iter().for_each(|proof| self.note_fork(proof, verifier));
        let policy = touched.policy.is_some();
        let ways = touched.bridge || policy || !touched.links.is_empty() || !touched.forks.is_empty();
        Effect { ways: ways && !again, again }
    }

    fn position(&self, log: &LogId) -> u64 {
        let past = self.bridges.get(&log.owner).filter(|past| past.epoch == Some(log.epoch));
        past.map_or(0, |past| past.fold.through)
    }

    /// Whether a bridge signed two histories of the epoch that is folded.
    pub(super) fn is_forked(&self, bridge: &NodeId) -> bool {
        let epoch = self.bridges.get(bridge).and_then(|past| past.epoch);
        epoch.is_some_and(|epoch| self.forks.point(&LogId { owner: *bridge, epoch }).is_some())
    }

    /// Where a log is cut by a proven fork: the first sequence that does not count, and the hash before it.
    pub(super) fn edge(&self, log: &LogId) -> Option<(u64, Hash)> {
        self.forks.point(log).map(|point| (point.sequence, point.previous))
    }

    /// Whether the log of `from` calls the link to `to` up.
    pub(super) fn says_up(&self, from: &NodeId, to: &NodeId) -> bool {
        self.bridges.get(from).is_some_and(|past| past.fold.links.contains_key(to))
    }

    /// Whether a link counts: both ends call it up, and neither is forked.
    pub(super) fn joined(&self, one: &NodeId, other: &NodeId) -> bool {
        self.says_up(one, other) && self.says_up(other, one) && !self.is_forked(one) && !self.is_forked(other)
    }

    /// Finds out whether the claims about a peer count.
    pub(super) fn check(&mut self, peer: &NodeId, verifier: &dyn Verifier) {
        for (owner, past) in &mut self.bridges {
            past.fold.check(owner, peer, verifier);
        }
    }

    /// The same for all peers.
    pub(super) fn check_all(&mut self, verifier: &dyn Verifier) {
        for (owner, past) in &mut self.bridges {
            let peers: Vec<NodeId> = past.fold.peers.keys().copied().collect();
            for peer in peers {
                past.fold.check(owner, &peer, verifier);
            }
        }
    }

    /// The claims about a peer that were checked and count, with their homes.
    pub(super) fn claims<'w>(&'w self, peer: &'w NodeId) -> impl Iterator<Item = (NodeId, &'w Claim)> + 'w {
        let claims =
            self.bridges.iter().filter_map(|(id, past)| Some((*id, past.fold.peers.get(peer)?.as_ref())));
        claims.filter(|(_, claim)| claim.records().is_some()).take(MAX_CLAIMS_PER_PEER)
    }

    /// Everybody whom a claim that counts names.
    pub(super) fn peers(&self) -> BTreeSet<NodeId> {
        let all = self.bridges.values().flat_map(|past| &past.fold.peers);
        all.filter(|(_, claim)| claim.records().is_some()).map(|(peer, _)| *peer).collect()
    }

    /// The ways from a bridge to all others.
    pub(super) fn table(&self, from: &NodeId) -> Table {
        let mut ids = vec![*from];
        ids.extend(self.bridges.keys().filter(|id| *id != from));
        let index: BTreeMap<NodeId, usize> = ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
        let edges = ids.iter().map(|id| {
            let links = self.bridges.get(id).into_iter().flat_map(|past| &past.fold.links);
            let joined = links.filter(|(to, _)| self.joined(id, to));
            joined
                .filter_map(|(to, link)| Some((*index.get(to)?, link.cost_us.max(self.cost(to, id)?))))
                .collect()
        });
        let stops =
            |id: &NodeId| self.bridges.get(id).is_some_and(|past| past.fold.draining || past.fold.stopped);
        let (edges, stopping) = (edges.collect(), ids.iter().map(stops).collect());
        Table::of(&Graph { ids, edges, stopping })
    }

    fn cost(&self, from: &NodeId, to: &NodeId) -> Option<u64> {
        self.bridges.get(from)?.fold.links.get(to).map(|link| link.cost_us)
    }

    /// The way from a bridge to a peer, whose claims were checked.
    pub(super) fn route(&self, from: &NodeId, table: &Table, peer: &NodeId) -> Result<Route, NoRoute> {
        let way = |home: &NodeId| {
            let since = || self.bridges.get(home).map(|past| past.fold.time).unwrap_or_default();
            let way = table.way_to(peer, home, since)?;
            match self.forbids(from, home, peer) {
                Some(bridge) => Err(NoRoute::Policy { peer: *peer, bridge }),
                None => Ok(way),
            }
        };
        best_of(self.claims(peer), way, |_| true).map_err(|why| why.unwrap_or_else(|| self.why_unknown(peer)))
    }

    /// The bridge whose policy keeps streams of its neighbour's network from a peer.
    fn forbids(&self, from: &NodeId, home: &NodeId, peer: &NodeId) -> Option<NodeId> {
        let policy = |bridge: &NodeId| self.bridges.get(bridge).map(|past| &past.fold.policy);
        if from == home {
            None
        } else if policy(from).is_some_and(|policy| !policy.import.allows(peer)) {
            Some(*from)
        } else {
            policy(home).is_some_and(|policy| !policy.export.allows(peer)).then_some(*home)
        }
    }

    fn why_unknown(&self, peer: &NodeId) -> NoRoute {
        let peer = *peer;
        if let Some((bridge, _)) = self.bridges.iter().find(|(_, past)| past.fold.peers.contains_key(&peer)) {
            return NoRoute::Unconfirmed { peer, bridge: *bridge };
        }
        let left =
            self.bridges.values().filter_map(|past| past.fold.left.get(&peer)).max_by_key(|(at, _)| *at);
        left.map_or(NoRoute::UnknownPeer { peer }, |(since, reason)| NoRoute::Left {
            peer,
            since,
            goodbye: reason == LeftReason::Goodbye,
        })
    }
}
