//! From the person to the peer: numbering, and what goes into the window.

use bytes::Bytes;
use identity::NodeId;
use proto::{
    chat::v1::{self as chat, frame},
    history::v1::{self as history, event::Kind},
};

use super::{Conversation, StoreState};
use crate::{
    Epoch, Head, MessageId, Output, SendError, envelope,
    limits::{MAX_TEXT_BYTES, OUTBOX_BYTES, OUTBOX_MESSAGES, PENDING_RECORDS},
};

impl Conversation {
    pub(super) fn handle_send(
        &mut self,
        request: u64,
        to: NodeId,
        (text, once): (String, Bytes),
        out: &mut Vec<Output>,
    ) {
        if self.is_repeated(request, &once, out) {
            return;
        }
        if let Err(error) = self.check_send(to, &text) {
            out.push(Output::Rejected { request, error });
            return;
        }
        self.pin(to, out);
        self.open_epoch(out);
        let epoch = self.epoch;
        let before = self.state.contact(to).outbound.written(epoch);
        let id = MessageId { sender: self.me, recipient: to, epoch, sequence: before.through + 1 };
        let envelope = envelope::encode_text(&id, text, self.now_ms);
        if !once.is_empty() {
            self.repeated.insert(once.clone(), Vec::new());
        }
        let head = Head { through: id.sequence, hash: before.hash.next(&envelope) };
        self.state.contact(to).outbound.write(epoch, head);
        let message = history::MessageOut {
            envelope,
            hash: head.hash.to_bytes(),
            once,
            ..history::MessageOut::default()
        };
        self.propose(Kind::MessageOut(message), Some(request), out);
    }

    /// Answers, or will answer with it, what was sent under the same `once` before.
    fn is_repeated(&mut self, request: u64, once: &Bytes, out: &mut Vec<Output>) -> bool {
        if let Some(requests) = self.repeated.get_mut(once) {
            requests.push(request);
            return true;
        }
        let Some((id, position, sent_at_ms)) = self.state.onces.find(once) else { return false };
        out.push(Output::Queued { request, id, position, sent_at_ms });
        true
    }

    fn check_send(&self, to: NodeId, text: &str) -> Result<(), SendError> {
        if text.is_empty() {
            return Err(SendError::Empty);
        }
        if text.len() > MAX_TEXT_BYTES {
            return Err(SendError::TooLong(text.len()));
        }
        if to == self.me {
            return Err(SendError::Oneself);
        }
        if self.is_blocked(to) {
            return Err(SendError::Blocked);
        }
        if !self.has_room_for(to) {
            return Err(SendError::TooManyContacts);
        }
        if let StoreState::Failed(reason) = &self.store {
            return Err(SendError::Store(reason.clone()));
        }
        let full = self.totals.queued + self.pending.len() >= OUTBOX_MESSAGES
            || self.totals.queued_bytes + text.len() > OUTBOX_BYTES
            || self.pending.len() >= PENDING_RECORDS;
        if full { Err(SendError::OutboxFull) } else { Ok(()) }
    }

    pub(super) fn handle_mark_read(
        &mut self,
        request: u64,
        (peer, through): (NodeId, Option<(Epoch, u64)>),
        out: &mut Vec<Output>,
    ) {
        let contact = self.state.contacts.get(&peer);
        let unread: Vec<_> =
            contact.map(|contact| contact.inbound.unread(through).collect()).unwrap_or_default();
        let messages = unread.iter().map(|(_, read, stored)| stored - read).sum();
        for (epoch, _, through) in unread {
            let read = history::ReadHere { peer: peer.to_bytes(), epoch: epoch.to_bytes(), through };
            self.record(Kind::ReadHere(read), out);
            let frame = chat::Read { epoch: epoch.to_bytes(), through, at_ms: self.now_ms };
            self.transmit(peer, frame::Kind::Read(frame), out);
        }
        out.push(Output::Marked { request, messages });
    }

    pub(super) fn handle_typing(&self, peer: NodeId, active: bool, out: &mut Vec<Output>) {
        self.transmit(peer, frame::Kind::Typing(chat::Typing { active }), out);
    }

    /// Sends a frame on the peer's session, if it has one.
    pub(super) fn transmit(&self, peer: NodeId, kind: frame::Kind, out: &mut Vec<Output>) {
        if let Some(session) = self.links.get(&peer).and_then(|link| link.active) {
            out.push(Output::Transmit { session, frame: chat::Frame { kind: Some(kind) } });
        }
    }

    /// Fills the window of a peer's session.
    pub(super) fn pump(&mut self, peer: NodeId, out: &mut Vec<Output>) {
        let Some(link) = self.links.get(&peer).filter(|link| link.may_send()) else { return };
        let Some(session) = link.active else { return };
        let Some(contact) = self.state.contacts.get_mut(&peer) else { return };
        while let Some(envelope) = contact.outbound.next() {
            let kind = Some(frame::Kind::Message(chat::Message { envelope }));
            out.push(Output::Transmit { session, frame: chat::Frame { kind } });
        }
    }
}
