//! What a peer says to hold of our messages, and what follows.

use identity::NodeId;
use proto::{
    chat::v1 as chat,
    chat::v1::frame,
    history::v1::{self as history, event::Kind},
};

use super::{Conversation, frames::shorten, storing::delivered};
use crate::{
    ChainHash, Epoch, Head, Output, SessionKey, event,
    limits::{MAX_DOUBTS, MAX_REFUSALS},
    outbound::Claim,
};

impl Conversation {
    pub(super) fn on_delivered(&mut self, peer: NodeId, delivered: chat::Delivered, out: &mut Vec<Output>) {
        let Some((epoch, head)) = delivered.holding.as_ref().and_then(parse) else { return };
        self.on_holding(peer, (epoch, head), delivered.at_ms, out);
        self.on_caught_up(peer, epoch, head.through, out);
        self.pump(peer, out);
    }

    /// Takes over all that a peer says to hold, and notices what it lost.
    pub(super) fn on_holdings(&mut self, peer: NodeId, holdings: &[chat::Holding], out: &mut Vec<Output>) {
        let held: Vec<_> =
            holdings.iter().take(crate::limits::HOLDINGS_PER_HELLO).filter_map(parse).collect();
        for (epoch, head) in &held {
            self.on_holding(peer, (*epoch, *head), self.now_ms, out);
        }
        let held = held.into_iter().map(|(epoch, head)| (epoch, head.through)).collect();
        self.start_catch_up(peer, held, out);
    }

    /// Takes over one claim. `at_ms` is when, by the peer's clock.
    fn on_holding(&mut self, peer: NodeId, (epoch, head): (Epoch, Head), at_ms: u64, out: &mut Vec<Output>) {
        let Some(contact) = self.state.contacts.get(&peer) else { return };
        match contact.outbound.judge(epoch, head) {
            Claim::Known => {}
            Claim::News => self.on_news(peer, epoch, (head.through, at_ms), out),
            Claim::Contradicts | Claim::Ahead { .. } if self.is_doubtful(peer, out) => {}
            Claim::Contradicts => {
                self.on_contradiction(peer, (epoch, head.through), "its hash differs", out);
            }
            Claim::Ahead { .. } if self.is_own_epoch(epoch) => {
                let reason = "it says to hold messages that were never written";
                self.on_contradiction(peer, (epoch, head.through), reason, out);
            }
            Claim::Ahead { ours } => {
                if ours > 0 {
                    self.on_news(peer, epoch, (ours, at_ms), out);
                }
                let behind = history::Behind {
                    peer: peer.to_bytes(),
                    epoch: epoch.to_bytes(),
                    ours,
                    theirs: head.through,
                };
                self.record(Kind::Behind(behind), out);
                out.push(Output::Warned);
            }
        }
    }

    /// Whether a peer claims to hold what it cannot, again and again: then its session ends, and nothing is written
    /// down any more. Progress clears it.
    fn is_doubtful(&mut self, peer: NodeId, out: &mut Vec<Output>) -> bool {
        let Some(link) = self.links.get_mut(&peer) else { return false };
        link.doubts += 1;
        let (doubtful, active) = (link.doubts > MAX_DOUBTS, link.active);
        if let Some(key) = active.filter(|_| doubtful) {
            self.break_off(key, "it claims to hold what was never written", out);
        }
        doubtful
    }

    fn on_news(&mut self, peer: NodeId, epoch: Epoch, (through, at_ms): (u64, u64), out: &mut Vec<Output>) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.doubts = 0;
        }
        let session = self.links.get(&peer).and_then(|link| link.active);
        let via = session.and_then(|key| self.sessions.get(&key)).map(|session| event::nodes(&session.via));
        let event = history::DeliveredThere {
            peer: peer.to_bytes(),
            epoch: epoch.to_bytes(),
            through,
            at_ms,
            via: via.unwrap_or_default(),
        };
        self.count_queued(peer, |this| {
            // What cannot be stored now is told now.
            if this.is_store_failed() {
                out.extend(delivered(&event));
            }
            this.record(Kind::DeliveredThere(event), out);
        });
    }

    /// Keeps the sums right while something changes a peer's outbox.
    pub(super) fn count_queued(&mut self, peer: NodeId, change: impl FnOnce(&mut Self)) {
        let before = self.queued(peer);
        change(self);
        let after = self.queued(peer);
        let totals = &mut self.totals;
        totals.queued = (totals.queued + after.0).saturating_sub(before.0);
        totals.queued_bytes = (totals.queued_bytes + after.1).saturating_sub(before.1);
    }

    fn queued(&self, peer: NodeId) -> (usize, usize) {
        let outbound = self.state.contacts.get(&peer).map(|contact| &contact.outbound);
        outbound.map_or((0, 0), |outbound| (outbound.outbox().len(), outbound.bytes()))
    }

    pub(super) fn on_conflict(&mut self, key: SessionKey, conflict: &chat::Conflict, out: &mut Vec<Output>) {
        let Some(peer) = self.sessions.get(&key).map(|session| session.peer) else { return };
        if self.links.get(&peer).is_none_or(|link| link.active != Some(key)) {
            return;
        }
        let Some((epoch, head)) = conflict.holding.as_ref().and_then(parse) else {
            return self.break_off(key, "a conflict without a holding", out);
        };
        let reason = shorten(&conflict.reason);
        let times = self.count_refusal(peer, epoch, conflict.sequence);
        self.on_holding(peer, (epoch, head), self.now_ms, out);
        self.restart_catch_up(peer, epoch, head.through, out);
        let link = self.links.entry(peer).or_default();
        if link.renumbering > 0 {
            link.resume_owed = true;
        } else if times >= MAX_REFUSALS && !self.is_store_failed() {
            self.give_up(peer, (epoch, conflict.sequence), reason, out);
        } else {
            self.resume(peer, out);
        }
    }

    /// How many times this message was refused in a row.
    fn count_refusal(&mut self, peer: NodeId, epoch: Epoch, sequence: u64) -> u32 {
        let link = self.links.entry(peer).or_default();
        let times = match link.refusal {
            Some((before, number, times)) if (before, number) == (epoch, sequence) => times + 1,
            _ => 1,
        };
        link.refusal = Some((epoch, sequence, times));
        times
    }

    /// Goes on after a refusal.
    pub(super) fn resume(&mut self, peer: NodeId, out: &mut Vec<Output>) {
        if let Some(contact) = self.state.contacts.get_mut(&peer) {
            contact.outbound.rewind();
        }
        self.transmit(peer, frame::Kind::Resume(chat::Resume {}), out);
        self.pump(peer, out);
    }
}

fn parse(holding: &chat::Holding) -> Option<(Epoch, Head)> {
    let hash = ChainHash::parse(&holding.hash)?;
    Some((Epoch::parse(&holding.epoch)?, Head { through: holding.through, hash }))
}
