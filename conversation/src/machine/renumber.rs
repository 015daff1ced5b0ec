//! When a number cannot be used any more: what was not acknowledged is numbered anew, in a new epoch.

use bytes::Bytes;
use identity::NodeId;
use proto::history::v1::{self as history, event::Kind};

use super::Conversation;
use crate::{Epoch, Head, MessageId, Output, envelope};

impl Conversation {
    /// The peer holds another content than ours under one of our numbers.
    pub(super) fn on_contradiction(
        &mut self,
        peer: NodeId,
        (epoch, sequence): (Epoch, u64),
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        // Without a store nothing can be numbered anew; the peer contradicts again at its next hello.
        if self.is_store_failed() || self.links.get(&peer).is_some_and(|link| link.renumbering > 0) {
            return;
        }
        let event = history::ConflictSeen {
            peer: peer.to_bytes(),
            epoch: epoch.to_bytes(),
            sequence,
            own: true,
            reason: reason.to_owned(),
        };
        self.record(Kind::ConflictSeen(event), out);
        out.push(Output::Warned);
        self.renumber_from(peer, |id| id.epoch == epoch, out);
    }

    /// The peer refused one message too often: it goes, and those after it go on in a new epoch.
    pub(super) fn give_up(
        &mut self,
        peer: NodeId,
        (epoch, sequence): (Epoch, u64),
        reason: String,
        out: &mut Vec<Output>,
    ) {
        let event = history::Refused { peer: peer.to_bytes(), epoch: epoch.to_bytes(), sequence, reason };
        self.count_queued(peer, |this| this.record(Kind::Refused(event), out));
        out.push(Output::Warned);
        out.push(Output::Refused { id: MessageId { sender: self.me, recipient: peer, epoch, sequence } });
        self.links.entry(peer).or_default().resume_owed = true;
        self.renumber_from(peer, |id| id.epoch == epoch && id.sequence > sequence, out);
    }

    /// Numbers anew what waits, from the first message that `is_first`.
    fn renumber_from(&mut self, peer: NodeId, is_first: impl Fn(&MessageId) -> bool, out: &mut Vec<Output>) {
        self.leave_epoch();
        let outbox = self.state.contact(peer).outbound.outbox();
        let tail: Vec<_> = outbox.iter().skip_while(|waiting| !is_first(&waiting.id)).cloned().collect();
        self.links.entry(peer).or_default().renumbering = tail.len();
        if tail.is_empty() {
            self.on_renumbered(peer, out);
            return;
        }
        self.open_epoch(out);
        for waiting in tail {
            self.renumber(waiting.id, &waiting.envelope, out);
        }
    }

    fn renumber(&mut self, old: MessageId, envelope: &Bytes, out: &mut Vec<Output>) {
        let epoch = self.epoch;
        let outbound = &mut self.state.contact(old.recipient).outbound;
        let before = outbound.written(epoch);
        let id = MessageId { epoch, sequence: before.through + 1, ..old };
        let envelope = envelope::renumber(envelope, &id);
        let head = Head { through: id.sequence, hash: before.hash.next(&envelope) };
        outbound.write(epoch, head);
        let message = history::MessageOut {
            envelope,
            hash: head.hash.to_bytes(),
            replaces_epoch: old.epoch.to_bytes(),
            replaces_sequence: old.sequence,
            ..history::MessageOut::default()
        };
        self.propose(Kind::MessageOut(message), None, out);
    }

    /// A stored message may replace one that was numbered otherwise.
    pub(super) fn on_replaced(&mut self, id: MessageId, replaces: &(Bytes, u64), out: &mut Vec<Output>) {
        let Some(epoch) = Epoch::parse(&replaces.0) else { return };
        out.push(Output::Renumbered { from: MessageId { epoch, sequence: replaces.1, ..id }, to: id });
        let link = self.links.entry(id.recipient).or_default();
        link.renumbering = link.renumbering.saturating_sub(1);
        if link.renumbering == 0 {
            self.on_renumbered(id.recipient, out);
        }
    }

    fn on_renumbered(&mut self, peer: NodeId, out: &mut Vec<Output>) {
        if let Some(contact) = self.state.contacts.get_mut(&peer) {
            contact.outbound.rewind();
        }
        let link = self.links.entry(peer).or_default();
        link.refusal = None;
        if std::mem::take(&mut link.resume_owed) {
            self.resume(peer, out);
        }
    }

    /// The new numbers could not be stored: the old ones stay, and the peer will contradict again.
    pub(super) fn on_renumbering_failed(&mut self, peer: NodeId, out: &mut Vec<Output>) {
        let link = self.links.entry(peer).or_default();
        if std::mem::take(&mut link.renumbering) > 0 {
            self.on_renumbered(peer, out);
        }
    }
}
