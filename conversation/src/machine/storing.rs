//! What follows once records are durable, or are not.

use std::collections::BTreeSet;

use identity::NodeId;
use proto::{
    chat::v1::{self as chat, frame},
    history::v1::{DeliveredThere, Event, MessageOut, event::Kind},
};

use super::{Conversation, Pending, StoreState};
use crate::{
    Epoch, Head, Output, SendError, envelope, event,
    limits::{MAX_WARNINGS, PENDING_RECORDS},
};

impl Conversation {
    pub(super) fn handle_stored(&mut self, first: u64, records: usize, out: &mut Vec<Output>) {
        let mut acknowledge = BTreeSet::new();
        let mut pump = BTreeSet::new();
        for position in (first..).take(records) {
            let Some(pending) = self.pending.pop_front() else { break };
            match &pending.event.kind {
                Some(Kind::MessageOut(message)) => {
                    pump.extend(self.on_stored_out(position, &pending, message, out));
                }
                Some(Kind::MessageIn(message)) => {
                    self.state.apply(position, &pending.event);
                    if let Ok((id, _)) = envelope::decode(&message.envelope) {
                        acknowledge.insert((id.sender, id.epoch));
                        out.push(Output::Received { id, position });
                        self.totals.received += 1;
                    }
                }
                Some(Kind::DeliveredThere(receipt)) => out.extend(delivered(receipt)),
                Some(kind @ (Kind::Verified(_) | Kind::Blocked(_) | Kind::ConversationDeleted(_))) => {
                    self.state.apply(position, &pending.event);
                    self.on_decided(pending.request, kind, out);
                }
                _ => {}
            }
        }
        for (peer, epoch) in acknowledge {
            self.acknowledge(peer, epoch, out);
        }
        for peer in pump {
            self.pump(peer, out);
        }
        if self.store == StoreState::Busy && self.pending.is_empty() {
            self.unblock(out);
        }
    }

    fn on_stored_out(
        &mut self,
        position: u64,
        pending: &Pending,
        message: &MessageOut,
        out: &mut Vec<Output>,
    ) -> Option<NodeId> {
        let (id, envelope) = envelope::decode(&message.envelope).ok()?;
        self.count_queued(id.recipient, |this| this.state.apply(position, &pending.event));
        if let Some(request) = pending.request {
            self.totals.sent += 1;
            let again = self.repeated.remove(&message.once).into_iter().flatten();
            let sent_at_ms = envelope.sent_at_ms;
            out.extend([request].into_iter().chain(again).map(|request| Output::Queued {
                request,
                id,
                position,
                sent_at_ms,
            }));
        }
        self.on_replaced(id, &(message.replaces_epoch.clone(), message.replaces_sequence), out);
        Some(id.recipient)
    }

    /// Says what is durable of one epoch of a peer.
    pub(super) fn acknowledge(&self, peer: NodeId, epoch: Epoch, out: &mut Vec<Output>) {
        let Some(contact) = self.state.contacts.get(&peer) else { return };
        let head = contact.inbound.durable(epoch);
        if head.through > 0 {
            let delivered = chat::Delivered { holding: Some(holding(epoch, head)), at_ms: self.now_ms };
            self.transmit(peer, frame::Kind::Delivered(delivered), out);
        }
    }

    pub(super) fn handle_store_failed(&mut self, reason: &str, out: &mut Vec<Output>) {
        self.store = StoreState::Failed(reason.to_owned());
        let again = std::mem::take(&mut self.repeated).into_values().flatten();
        let refused = |request| Output::Rejected { request, error: SendError::Store(reason.to_owned()) };
        out.extend(again.map(refused));
        for pending in std::mem::take(&mut self.pending) {
            out.extend(pending.request.map(refused));
            if let Some(Kind::DeliveredThere(receipt)) = &pending.event.kind {
                out.extend(delivered(receipt));
            }
            if pending.applied {
                self.keep_unsaved(pending.event);
            }
        }
        for contact in self.state.contacts.values_mut() {
            contact.outbound.revert();
            contact.inbound.revert();
        }
        let renumbering: Vec<_> = self.links.keys().copied().collect();
        for peer in renumbering {
            self.on_renumbering_failed(peer, out);
        }
        self.block_all(reason, out);
    }

    /// Keeps what is so anyway until it can be stored. Beyond the bound it is learnt again from the peers.
    pub(super) fn keep_unsaved(&mut self, event: Event) {
        if self.unsaved.len() < PENDING_RECORDS + MAX_WARNINGS {
            self.unsaved.push_back(event);
        }
    }

    pub(super) fn handle_store_ready(&mut self, out: &mut Vec<Output>) {
        if self.store == StoreState::Ready {
            return;
        }
        for event in std::mem::take(&mut self.unsaved) {
            out.push(Output::Append(event::encode(&event)));
            self.pending.push_back(Pending { event, applied: true, request: None });
        }
        self.unblock(out);
    }

    /// Tells every peer with a session that nothing more is taken.
    fn block_all(&mut self, reason: &str, out: &mut Vec<Output>) {
        let open: Vec<_> =
            self.sessions.iter().filter(|(_, session)| session.hello).map(|(key, _)| *key).collect();
        for key in open {
            self.block(key, reason, out);
        }
    }

    /// Takes nothing more from a session, and says so.
    pub(super) fn block(&mut self, key: crate::SessionKey, reason: &str, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if !session.blocked {
            session.blocked = true;
            session.halted = true;
            let blocked = chat::Blocked { reason: reason.to_owned() };
            let frame = chat::Frame { kind: Some(frame::Kind::Blocked(blocked)) };
            out.push(Output::Transmit { session: key, frame });
        }
    }

    fn unblock(&mut self, out: &mut Vec<Output>) {
        self.store = StoreState::Ready;
        let blocked: Vec<_> =
            self.sessions.iter().filter(|(_, session)| session.blocked).map(|(key, _)| *key).collect();
        for key in blocked {
            let Some(session) = self.sessions.get_mut(&key) else { continue };
            session.blocked = false;
            let peer = session.peer;
            let holdings = self.holdings(peer);
            let frame = chat::Frame { kind: Some(frame::Kind::Unblocked(chat::Unblocked { holdings })) };
            out.push(Output::Transmit { session: key, frame });
        }
    }

    /// What is durable of a peer's messages.
    pub(super) fn holdings(&self, peer: NodeId) -> Vec<chat::Holding> {
        let held = self.state.contacts.get(&peer).into_iter().flat_map(|contact| contact.inbound.holdings());
        held.map(|(epoch, head)| holding(epoch, head)).collect()
    }
}

pub(super) fn holding(epoch: Epoch, head: Head) -> chat::Holding {
    chat::Holding { epoch: epoch.to_bytes(), through: head.through, hash: head.hash.to_bytes() }
}

/// What a peer's receipt says to those who wait for it.
pub(super) fn delivered(receipt: &DeliveredThere) -> Option<Output> {
    let (peer, epoch) = (NodeId::try_from(&receipt.peer).ok()?, Epoch::parse(&receipt.epoch)?);
    Some(Output::Delivered { peer, epoch, through: receipt.through })
}
