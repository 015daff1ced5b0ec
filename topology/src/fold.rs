//! What one bridge's log says: the fold of its latest epoch.

mod claim;
mod snapshot;

use std::collections::BTreeMap;

use identity::{Network, NodeId};
use proto::{log::v1, node::v1::Signed};

use crate::{
    Hash, Hlc, Policy, Verifier,
    event::{Event, Fact},
    limits::{
        CHECKPOINT_EVERY, MAX_COST_US, MAX_FORKS_PER_BRIDGE, MAX_LINKS_PER_BRIDGE, MAX_PEERS_PER_BRIDGE,
    },
};

pub(crate) use claim::{Claim, Record};
use claim::{Left, fingerprint, supports};
pub use snapshot::{BadSnapshot, Snapshot};

/// The state of one log after some of its events. It depends on them alone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fold {
    /// Events folded.
    pub(crate) through: u64,
    /// The time of the last one.
    pub(crate) time: Hlc,
    /// The time of the first one.
    pub(crate) started: Hlc,
    pub(crate) network: Option<Network>,
    pub(crate) description: Option<Signed>,
    pub(crate) draining: bool,
    pub(crate) stopped: bool,
    pub(crate) peers: BTreeMap<NodeId, Box<Claim>>,
    pub(crate) left: Left,
    pub(crate) links: BTreeMap<NodeId, LinkClaim>,
    /// Claims of links beyond the bound.
    pub(crate) excess_links: u64,
    pub(crate) policy: Policy,
    /// The events at its beginning that say again what held before the log began; 0 after a start of the process.
    pub(crate) restates: u64,
    /// Events of unknown kinds or unreadable payloads.
    pub(crate) unknown: u64,
    /// Events that are about the bridge itself and not about logs: what is worth witnessing.
    pub(crate) substance: u64,
    pub(crate) bad_checkpoint: Option<u64>,
    checkpoint: u64,
    /// The sequences of the proofs of forks.
    pub(crate) forks: Vec<u64>,
}

/// A claimed link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkClaim {
    pub(crate) cost_us: u64,
    /// When it came up.
    pub(crate) since: Hlc,
}

/// What folding an event touched.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) peers: Vec<NodeId>,
    pub(crate) links: Vec<NodeId>,
    pub(crate) bridge: bool,
    pub(crate) forks: Vec<v1::ForkProof>,
    pub(crate) substance: bool,
    pub(crate) bad_checkpoint: bool,
    /// The policy before it changed.
    pub(crate) policy: Option<Policy>,
}

impl Fold {
    /// Takes the next event.
    pub(crate) fn apply(&mut self, event: &Event, touched: &mut Touched) {
        match event.fact() {
            None => self.unknown += 1,
            Some(Fact::Aside) => {}
            Some(Fact::Checkpoint(checkpoint)) => {
                touched.bad_checkpoint |= self.on_checkpoint(event.sequence, &checkpoint);
            }
            Some(Fact::Fork(proof)) if self.forks.len() < MAX_FORKS_PER_BRIDGE => {
                self.forks.push(event.sequence);
                touched.forks.push(proof);
            }
            Some(fact) => {
                self.substance += 1;
                touched.substance = true;
                self.on_fact(fact, event.time, touched);
            }
        }
        if event.sequence == 1 {
            self.started = event.time;
        }
        (self.through, self.time) = (event.sequence, event.time);
    }

    fn on_fact(&mut self, fact: Fact, time: Hlc, touched: &mut Touched) {
        match fact {
            Fact::Claim(peer, claim) => self.on_claim(peer, claim, time, touched),
            Fact::Left(peer, reason) => {
                self.peers.remove(&peer);
                self.left.insert(peer, time, reason);
                touched.peers.push(peer);
            }
            Fact::Asleep(peer, waker) => {
                if let Some(claim) = self.peers.get_mut(&peer) {
                    (claim.asleep, claim.time) = (Some(waker), time);
                    touched.peers.push(peer);
                }
            }
            Fact::LinkUp(..) | Fact::LinkDown(_) | Fact::LinkCost(..) => self.on_link(&fact, time, touched),
            other => {
                touched.bridge = true;
                self.on_bridge(other, touched);
            }
        }
    }

    fn on_bridge(&mut self, fact: Fact, touched: &mut Touched) {
        match fact {
            Fact::Started(started) => {
                self.network = started.network.as_ref().and_then(|network| Network::from_proto(network).ok());
                (self.description, self.restates) = (started.description, started.restates);
            }
            Fact::Draining => self.draining = true,
            Fact::Stopped => self.stopped = true,
            Fact::Policy(policy) => {
                let before = std::mem::replace(&mut self.policy, Policy::from_proto(&policy));
                touched.policy.get_or_insert(before);
            }
            _ => {}
        }
    }

    fn on_claim(&mut self, peer: NodeId, claim: v1::PeerClaim, time: Hlc, touched: &mut Touched) {
        let known = self.peers.get(&peer);
        if known.is_none() && self.peers.len() >= MAX_PEERS_PER_BRIDGE {
            return;
        }
        let how = claim.how();
        let description = claim.description.or_else(|| known.map(|known| known.description().clone()));
        let (description, announcement) =
            (description.unwrap_or_default(), claim.announcement.unwrap_or_default());
        let fingerprint = fingerprint(how, &description, &announcement);
        let record = Record::Unchecked { description, announcement };
        self.left.remove(&peer);
        self.peers.insert(peer, Box::new(Claim { how, time, asleep: None, record, fingerprint }));
        touched.peers.push(peer);
    }

    fn on_link(&mut self, fact: &Fact, time: Hlc, touched: &mut Touched) {
        let bridge = match fact {
            Fact::LinkUp(bridge, cost_us) => {
                if self.links.len() >= MAX_LINKS_PER_BRIDGE && !self.links.contains_key(bridge) {
                    self.excess_links += 1;
                    touched.bridge = true;
                    return;
                }
                self.links.insert(*bridge, LinkClaim { cost_us: cost(*cost_us), since: time });
                bridge
            }
            Fact::LinkCost(bridge, cost_us) => {
                let Some(link) = self.links.get_mut(bridge) else { return };
                link.cost_us = cost(*cost_us);
                bridge
            }
            Fact::LinkDown(bridge) => {
                if self.links.remove(bridge).is_none() {
                    return;
                }
                bridge
            }
            _ => return,
        };
        touched.links.push(*bridge);
    }

    /// Compares a checkpoint with the state before it. Those that follow too soon are not looked at: they are work.
    fn on_checkpoint(&mut self, sequence: u64, checkpoint: &v1::Checkpoint) -> bool {
        if sequence < self.checkpoint + CHECKPOINT_EVERY / 2 {
            return false;
        }
        self.checkpoint = sequence;
        let lies = checkpoint.root.as_ref() != self.root();
        if lies {
            self.bad_checkpoint = Some(sequence);
        }
        lies
    }

    /// BLAKE3 of the state, in the encoding of ALGORITHM.md.
    pub(crate) fn root(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        let mut put = |tag: u8, fields: &[&[u8]]| {
            hasher.update(&[tag]);
            for field in fields {
                hasher.update(&(field.len() as u32).to_be_bytes()).update(field);
            }
        };
        let network = self.network.as_ref();
        put(
            1,
            &[
                network.map_or("", |network| &network.name).as_bytes(),
                network.and_then(|network| network.id.as_ref()).map_or(&[], |id| id.as_bytes()),
                self.description.as_ref().map_or(&[], |signed| &signed.body),
                &[u8::from(self.draining), u8::from(self.stopped)],
            ],
        );
        for (peer, claim) in &self.peers {
            let waker = claim.asleep.as_ref().map_or(&[][..], |waker| waker.as_bytes());
            put(2, &[peer.as_bytes(), &claim.fingerprint, waker]);
        }
        for (bridge, link) in &self.links {
            put(3, &[bridge.as_bytes(), &link.cost_us.to_be_bytes()]);
        }
        for (tag, rule) in [(4, &self.policy.export), (5, &self.policy.import)] {
            put(tag, &[&[u8::from(rule.allow_others)]]);
            rule.except.iter().for_each(|id| put(tag, &[id.as_bytes()]));
        }
        *hasher.finalize().as_bytes()
    }

    /// Finds out, once, whether a claim counts, and whether it does.
    pub(crate) fn check(&mut self, owner: &NodeId, peer: &NodeId, verifier: &dyn Verifier) -> bool {
        let Some(claim) = self.peers.get_mut(peer) else { return false };
        if let Record::Unchecked { description, announcement } = &claim.record {
            let records = verifier.description(description).zip(verifier.announcement(announcement));
            claim.record = match records {
                Some((description, announcement))
                    if description.id() == *peer
                        && announcement.id() == *peer
                        && supports(&announcement, claim.how, owner, self.network.as_ref()) =>
                {
                    Record::Counts { description, announcement }
                }
                _ => Record::Refused { description: description.clone(), announcement: announcement.clone() },
            };
        }
        matches!(claim.record, Record::Counts { .. })
    }
}

fn cost(cost_us: u64) -> u64 {
    cost_us.clamp(1, MAX_COST_US)
}
