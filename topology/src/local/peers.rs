//! Peers of this bridge's network: joined, updated, asleep, left.

use identity::{Announcement, Description, Network, NodeId};
use prost::Message as _;
use proto::{
    log::v1::{self, How, Kind, LeftReason},
    node::v1::Ports,
};

use super::Local;
use crate::{
    Core, PeerSeen, Warning,
    damping::Penalty,
    limits::{MAX_PEERS_PER_BRIDGE, OWN_RESERVE_EVENTS},
    timers::Timer,
};

/// A local peer, present or lately so.
#[derive(Debug)]
pub(crate) struct LocalPeer {
    pub(crate) present: bool,
    pub(crate) description: Option<Description>,
    pub(crate) announcement: Announcement,
    pub(crate) how: How,
    pub(crate) asleep: Option<NodeId>,
    gone: LeftReason,
    penalty: Penalty,
    logged: Option<Logged>,
}

/// What the log says of a peer. Sequence numbers are left out: a heartbeat is not a change.
#[derive(Debug, PartialEq)]
struct Logged {
    how: How,
    description: [u8; 32],
    network: Network,
    homes: Vec<NodeId>,
    ports: Ports,
    asleep: Option<NodeId>,
}

/// What is to be written of a peer.
enum Step {
    Nothing,
    Wait,
    Leave,
    Sleep(NodeId),
    Claim { joined: bool, with_description: bool },
}

impl LocalPeer {
    pub(crate) fn forget_logged(&mut self) {
        self.logged = None;
    }

    fn new(seen: &PeerSeen) -> Self {
        Self {
            present: false,
            description: None,
            announcement: seen.announcement.clone(),
            how: How::Heard,
            asleep: None,
            gone: LeftReason::Expired,
            penalty: Penalty::default(),
            logged: None,
        }
    }

    fn now_so(&self) -> Option<Logged> {
        let description = self.description.as_ref()?;
        Some(Logged {
            how: self.how,
            description: description.hash(),
            network: self.announcement.network().clone(),
            homes: self.announcement.homes().to_vec(),
            ports: *self.announcement.ports(),
            asleep: self.asleep,
        })
    }

    fn step(&self, damped: bool) -> Step {
        let now = self.now_so().filter(|_| self.present);
        match (&self.logged, now) {
            (None, None) => Step::Nothing,
            (Some(_), None) => Step::Leave,
            (Some(logged), Some(now)) if *logged == now => Step::Nothing,
            (None, Some(_)) if damped => Step::Wait,
            (Some(Logged { asleep: None, .. }), Some(Logged { asleep: Some(waker), .. })) => {
                Step::Sleep(waker)
            }
            (logged, Some(now)) => Step::Claim {
                joined: logged.is_none(),
                with_description: logged.as_ref().is_none_or(|it| it.description != now.description),
            },
        }
    }
}

impl Local {
    /// Says of each peer that the log knows what is so now.
    pub(crate) fn restate_peers(&mut self, facts: &mut Vec<(Kind, Vec<u8>)>) {
        for (id, peer) in &mut self.peers {
            if peer.logged.take().is_none() || !peer.present {
                continue;
            }
            facts.push((Kind::PeerJoined, claim(id, peer, true).encode_to_vec()));
            if let Some(waker) = peer.asleep {
                let asleep = v1::PeerAsleep { node_id: id.to_bytes(), waker: waker.to_bytes() };
                facts.push((Kind::PeerAsleep, asleep.encode_to_vec()));
            }
            peer.logged = peer.now_so();
        }
    }
}

impl Core {
    pub(crate) fn on_peer_seen(&mut self, seen: PeerSeen) {
        let id = seen.announcement.id();
        if id == self.me || !self.has_place(&id) {
            return;
        }
        let (me, now) = (self.me, self.now.mono);
        let peer = self.local.peers.entry(id).or_insert_with(|| LocalPeer::new(&seen));
        let homed = seen.announcement.homes().contains(&me);
        peer.how = match (seen.how, peer.how) {
            (How::Registered, _) if homed => How::Registered,
            (_, How::Registered) if homed && peer.present => How::Registered,
            _ => How::Heard,
        };
        if seen.description.as_ref().is_some_and(|new| {
            new.id() == id && peer.description.as_ref().is_none_or(|old| new.sequence() > old.sequence())
        }) {
            peer.description = seen.description;
        }
        peer.announcement = seen.announcement;
        peer.asleep = None;
        let came_up = !std::mem::replace(&mut peer.present, true);
        self.local.dirty_peers.insert(id);
        if came_up && peer.penalty.hit(now) {
            let reuse_at = peer.penalty.reuse_at();
            self.log_damped(id, reuse_at);
        }
    }

    /// Whoever sleeps is not missed: only its waker can say that it does not come back.
    pub(crate) fn on_peer_gone(&mut self, id: NodeId, reason: LeftReason) {
        if let Some(peer) = self.local.peers.get_mut(&id)
            && (peer.asleep.is_none() || reason == LeftReason::Forgotten)
        {
            (peer.present, peer.gone, peer.asleep) = (false, reason, None);
            self.local.dirty_peers.insert(id);
        }
    }

    pub(crate) fn on_peer_asleep(&mut self, id: NodeId, waker: NodeId) {
        if let Some(peer) = self.local.peers.get_mut(&id) {
            (peer.present, peer.asleep) = (true, Some(waker));
            self.local.dirty_peers.insert(id);
        }
    }

    pub(super) fn reconcile_peers(&mut self) {
        if self.now.mono < self.local.hold_until {
            return;
        }
        for id in self.local.dirty_peers.take() {
            if !self.reconcile_peer(id) {
                self.local.dirty_peers.insert(id);
            }
        }
    }

    /// Writes what differs for one peer. Gives false if that has to wait.
    fn reconcile_peer(&mut self, id: NodeId) -> bool {
        let now = self.now.mono;
        let Some(peer) = self.local.peers.get_mut(&id) else { return true };
        let damped = peer.penalty.is_damped(now);
        let step = peer.step(damped);
        match step {
            Step::Nothing => {
                if !peer.present && peer.penalty.is_forgotten(now) {
                    self.local.peers.remove(&id);
                }
            }
            Step::Wait => {
                let reuse_at = peer.penalty.reuse_at();
                self.timers.arm(Timer::Local, reuse_at);
                return false;
            }
            Step::Leave => {
                let (reason, node_id) = (peer.gone.into(), id.to_bytes());
                peer.logged = None;
                self.append(Kind::PeerLeft, &v1::PeerLeft { node_id, reason });
            }
            Step::Sleep(waker) => {
                if !self.may_write(OWN_RESERVE_EVENTS) {
                    return false;
                }
                self.log_peer(id, |_| {
                    (
                        Kind::PeerAsleep,
                        Message::Asleep(v1::PeerAsleep { node_id: id.to_bytes(), waker: waker.to_bytes() }),
                    )
                });
            }
            Step::Claim { joined, with_description } => {
                if !self.may_write(OWN_RESERVE_EVENTS) {
                    return false;
                }
                let kind = if joined { Kind::PeerJoined } else { Kind::PeerUpdated };
                self.log_peer(id, |peer| (kind, Message::Claim(claim(&id, peer, with_description))));
                return self.reconcile_asleep(id);
            }
        }
        true
    }

    /// A claim says of a peer that it is awake; if it is not, that follows. Gives false if that has to wait.
    fn reconcile_asleep(&mut self, id: NodeId) -> bool {
        let Some(peer) = self.local.peers.get_mut(&id).filter(|peer| peer.asleep.is_some()) else {
            return true;
        };
        if let Some(logged) = &mut peer.logged {
            logged.asleep = None;
        }
        self.reconcile_peer(id)
    }

    fn log_peer(&mut self, id: NodeId, message: impl FnOnce(&LocalPeer) -> (Kind, Message)) {
        let Some(peer) = self.local.peers.get_mut(&id) else { return };
        let (kind, message) = message(peer);
        peer.logged = peer.now_so();
        match message {
            Message::Claim(claim) => self.append(kind, &claim),
            Message::Asleep(asleep) => self.append(kind, &asleep),
        }
    }

    /// Makes place for a new peer by forgetting one that is gone; warns once when there is none.
    fn has_place(&mut self, id: &NodeId) -> bool {
        if self.local.peers.len() < MAX_PEERS_PER_BRIDGE || self.local.peers.contains_key(id) {
            self.local.full &= self.local.peers.len() >= MAX_PEERS_PER_BRIDGE;
            return true;
        }
        let gone = self.local.peers.iter().find(|(_, peer)| !peer.present && peer.logged.is_none());
        if let Some(gone) = gone.map(|(id, _)| *id) {
            self.local.peers.remove(&gone);
            return true;
        }
        if !std::mem::replace(&mut self.local.full, true) {
            self.warn(Warning::Full { what: "peers of this network", most: MAX_PEERS_PER_BRIDGE });
        }
        false
    }
}

/// One of two payloads.
enum Message {
    Claim(v1::PeerClaim),
    Asleep(v1::PeerAsleep),
}

fn claim(id: &NodeId, peer: &LocalPeer, with_description: bool) -> v1::PeerClaim {
    v1::PeerClaim {
        node_id: id.to_bytes(),
        how: peer.how.into(),
        description: peer
            .description
            .as_ref()
            .filter(|_| with_description)
            .map(|description| description.signed().clone()),
        announcement: Some(peer.announcement.signed().clone()),
    }
}
