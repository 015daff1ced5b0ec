//! When a peer is dialled, over which ways, and when a session moves.

use std::time::Instant;

use conversation::Input;
use discovery::{Event as Discovered, GoneReason, Neighbour};
use identity::NodeId;
use runtime::Backoff;

use super::Actor;
use crate::{
    away::Away,
    dial,
    limits::{MAX_DIALS, MAX_LAST_SEEN, REDIAL},
    path::{self, Candidate, Path},
    wall,
};

/// The tries to reach one peer.
#[derive(Debug)]
pub(super) struct Dial {
    backoff: Backoff,
    not_before: Option<Instant>,
    running: bool,
    /// Why the last try failed.
    pub(super) error: Option<String>,
    /// The way of a session that just died.
    doubtful: Option<Path>,
    /// The ways that were known at the last sign of the peer.
    ways: Vec<Candidate>,
}

/// What came of a try.
#[derive(Debug)]
pub(super) struct DialOutcome {
    peer: NodeId,
    moves: bool,
    outcome: Result<dial::Dialled, String>,
}

impl Default for Dial {
    fn default() -> Self {
        Self {
            backoff: Backoff::new(REDIAL.0, REDIAL.1),
            not_before: None,
            running: false,
            error: None,
            doubtful: None,
            ways: Vec::new(),
        }
    }
}

impl Dial {
    fn is_due(&self) -> bool {
        !self.running && self.not_before.is_none_or(|at| at <= Instant::now())
    }

    fn wait(&mut self) {
        self.not_before = Some(Instant::now() + self.backoff.next());
    }
}

impl Actor {
    pub(super) fn handle_discovered(&mut self, event: Discovered) {
        self.changed = true;
        match event {
            Discovered::Appeared(node) | Discovered::Updated(node) => self.on_sign_of(&node),
            Discovered::Gone { id, reason } => {
                if self.away.len() < MAX_LAST_SEEN || self.away.contains_key(&id) {
                    let cut_off = reason == GoneReason::Unreachable;
                    self.away.insert(id, Away { since_ms: wall::now_ms(), cut_off });
                }
                if let Some(dial) = self.dials.get_mut(&id) {
                    dial.ways.clear();
                    dial.error = None;
                }
            }
            Discovered::Bridge(_) => {
                let peers: Vec<_> = self.core.waiting().chain(self.active.keys().copied()).collect();
                self.dirty.extend(peers);
            }
            Discovered::Twin { from } => {
                let text = format!(
                    "another machine ({from}) uses this identity at the same time: stop one of the two, or messages may be lost to either"
                );
                if self.twins.len() < 8 && self.twins.insert(text.clone()) {
                    tracing::warn!("{text}");
                }
            }
            _ => {}
        }
    }

    /// A peer is there, or reachable in another way: what was waited for may work now.
    fn on_sign_of(&mut self, node: &Neighbour) {
        let id = node.id();
        if let Some(name) = node.name() {
            self.feed(Input::PeerNamed { id, name: name.to_owned() });
        }
        self.away.remove(&id);
        self.correct_path(node);
        let mut ways = path::candidates(node, None);
        for way in &mut ways {
            // Which address was heard last says nothing new.
            way.secure.sort_unstable();
            way.greeting.sort_unstable();
        }
        let wanted = self.active.contains_key(&id) || self.core.contact(id).is_some();
        if wanted {
            let dial = self.dials.entry(id).or_default();
            if dial.ways != ways {
                dial.ways = ways;
                dial.backoff.reset();
                dial.not_before = None;
            }
            self.dirty.push(id);
        }
    }

    /// Dials a peer if something waits for it, or if there is a better way than the one in use.
    pub(super) fn consider(&mut self, peer: NodeId) {
        if !self.active.contains_key(&peer) && self.core.contact(peer).is_none() {
            // A stranger that came and went leaves nothing behind.
            if self.dials.get(&peer).is_some_and(|dial| !dial.running) {
                self.dials.remove(&peer);
            }
            return;
        }
        if self.dials.get(&peer).is_some_and(|dial| !dial.is_due()) {
            return;
        }
        if self.dialling >= MAX_DIALS {
            self.postponed.insert(peer);
            return;
        }
        let snapshot = self.discovery.snapshot();
        let Some(neighbour) = snapshot.neighbours.get(&peer) else { return };
        match self.active_path(peer) {
            Some(current) => {
                let better = path::better(neighbour, current);
                self.dial(peer, better, true);
            }
            None if self.core.contact(peer).is_some_and(|it| it.queued > 0 && !it.blocked) => {
                let doubtful = self.dials.get(&peer).and_then(|dial| dial.doubtful.as_ref());
                self.dial(peer, path::candidates(neighbour, doubtful), false);
            }
            None => {}
        }
    }

    fn dial(&mut self, peer: NodeId, candidates: Vec<Candidate>, moves: bool) {
        if candidates.is_empty() {
            return;
        }
        self.dials.entry(peer).or_default().running = true;
        self.dialling += 1;
        let (own, dialled) = (self.announcer.clone(), self.dialled.clone());
        let token = self.group.token().clone();
        self.group.spawn(tracing::debug_span!("dial", peer = %peer.short(), moves), async move {
            tokio::select! {
                biased;
                () = token.cancelled() => {}
                outcome = dial::dial(peer, candidates, own) => {
                    let _ = dialled.send(DialOutcome { peer, moves, outcome }).await;
                }
            }
        });
    }

    pub(super) fn handle_dialled(&mut self, DialOutcome { peer, moves, outcome }: DialOutcome) {
        let dial = self.dials.entry(peer).or_default();
        dial.running = false;
        self.dialling -= 1;
        self.changed = true;
        self.dirty.extend(std::mem::take(&mut self.postponed));
        // Also after a success: should the peer refuse the session, the next try waits.
        dial.wait();
        match outcome {
            Ok(_) if !moves && self.active.contains_key(&peer) => {
                // Meanwhile the peer came by itself.
                self.metrics.dial("superfluous");
                dial.not_before = None;
                self.dirty.push(peer);
            }
            Ok(connection) => {
                self.metrics.dial("connected");
                // Should the session that was to move have died meanwhile, this one just takes its place.
                self.open_session(peer, connection, moves);
            }
            Err(reason) => {
                self.metrics.dial("failed");
                tracing::debug!(peer = %peer.short(), reason, moves, "not reached");
                dial.error = (!moves).then_some(reason);
            }
        }
    }

    /// The peer said hello.
    pub(super) fn on_reached(&mut self, peer: NodeId) {
        let dial = self.dials.entry(peer).or_default();
        dial.backoff.reset();
        (dial.error, dial.not_before, dial.doubtful) = (None, None, None);
    }

    pub(super) fn on_session_lost(&mut self, peer: NodeId, path: Path, reason: String, was_active: bool) {
        let dial = self.dials.entry(peer).or_default();
        dial.error = Some(reason);
        if was_active {
            dial.doubtful = Some(path);
            dial.not_before = None;
        }
        self.dirty.push(peer);
    }

    pub(super) fn next_dial(&self) -> Option<Instant> {
        let waiting = self.dials.values().filter(|dial| !dial.running);
        waiting.filter_map(|dial| dial.not_before).min()
    }

    /// Peers whose wait is over.
    pub(super) fn due_dials(&mut self) -> Vec<NodeId> {
        let due: Vec<_> = self
            .dials
            .iter()
            .filter(|(_, dial)| dial.not_before.is_some() && dial.is_due())
            .map(|(peer, _)| *peer)
            .collect();
        for peer in &due {
            if let Some(dial) = self.dials.get_mut(peer) {
                dial.not_before = None;
            }
        }
        due
    }

    pub(super) fn is_dialling(&self, peer: NodeId) -> bool {
        self.dials.get(&peer).is_some_and(|dial| dial.running)
    }
}
