//! From the peer to the log: each message once, in order, or a visible refusal.

use bytes::Bytes;
use identity::NodeId;
use proto::{
    chat::v1::{self as chat, frame},
    history::v1::{self as history, event::Kind},
};

use super::{Conversation, StoreState, storing::holding};
use crate::{
    ChainHash, Head, MessageId, Output, SessionKey, envelope, event, inbound::Place, limits::PENDING_RECORDS,
};

const TAKEN: &str = "this number is taken by another message";
const TOO_OLD: &str = "this message is older than what can be compared";
const GAP: &str = "messages before this one are missing";

impl Conversation {
    pub(super) fn on_message(&mut self, key: SessionKey, envelope: Bytes, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get(&key) else { return };
        if session.halted {
            return;
        }
        let peer = session.peer;
        let id = match envelope::check(&envelope, peer, self.me) {
            Ok(id) => id,
            Err(error) => return self.break_off(key, &error.to_string(), out),
        };
        if let Some(reason) = self.cannot_take(peer) {
            return self.block(key, &reason, out);
        }
        let contact = self.state.contacts.get(&peer);
        let nothing = crate::inbound::Inbound::default();
        let inbound = contact.map_or(&nothing, |contact| &contact.inbound);
        match inbound.place(id.epoch, id.sequence, &envelope) {
            Place::Next(hash) => self.take(key, id, (envelope, hash), out),
            Place::Repeated => self.acknowledge(peer, id.epoch, out),
            Place::Taken => self.on_taken(key, &id, out),
            Place::TooOld => self.refuse(key, &id, TOO_OLD, out),
            Place::Gap => self.refuse(key, &id, GAP, out),
        }
    }

    /// Why nothing can be stored now.
    fn cannot_take(&mut self, peer: NodeId) -> Option<String> {
        if let StoreState::Failed(reason) = &self.store {
            return Some(reason.clone());
        }
        if self.pending.len() >= PENDING_RECORDS {
            self.store = StoreState::Busy;
            return Some("the store is busy".to_owned());
        }
        (!self.has_room_for(peer)).then(|| "there are too many contacts".to_owned())
    }

    fn take(
        &mut self,
        key: SessionKey,
        id: MessageId,
        (envelope, hash): (Bytes, ChainHash),
        out: &mut Vec<Output>,
    ) {
        self.pin(id.sender, out);
        let head = Head { through: id.sequence, hash };
        self.state.contact(id.sender).inbound.write(id.epoch, head, &envelope);
        let via = self.sessions.get(&key).map(|session| event::nodes(&session.via)).unwrap_or_default();
        let message = history::MessageIn { envelope, hash: hash.to_bytes(), via };
        self.propose(Kind::MessageIn(message), None, out);
    }

    fn on_taken(&mut self, key: SessionKey, id: &MessageId, out: &mut Vec<Output>) {
        if self.state.contact(id.sender).inbound.tell_conflict(id.epoch) {
            let event = history::ConflictSeen {
                peer: id.sender.to_bytes(),
                epoch: id.epoch.to_bytes(),
                sequence: id.sequence,
                own: false,
                reason: TAKEN.to_owned(),
            };
            self.record(Kind::ConflictSeen(event), out);
            out.push(Output::Warned);
        }
        self.refuse(key, id, TAKEN, out);
    }

    /// Refuses a message, and drops what follows until the other side has understood.
    fn refuse(&mut self, key: SessionKey, id: &MessageId, reason: &str, out: &mut Vec<Output>) {
        let held = self.state.contacts.get(&id.sender).map(|contact| contact.inbound.durable(id.epoch));
        if let Some(session) = self.sessions.get_mut(&key) {
            session.halted = true;
        }
        let conflict = chat::Conflict {
            holding: Some(holding(id.epoch, held.unwrap_or(Head::START))),
            sequence: id.sequence,
            reason: reason.to_owned(),
        };
        let frame = chat::Frame { kind: Some(frame::Kind::Conflict(conflict)) };
        out.push(Output::Transmit { session: key, frame });
    }
}
