//! The history for people: which messages each conversation has, and how far each of them is.

mod item;
mod kept;
mod line;

use std::collections::{BTreeMap, BTreeSet};

use identity::NodeId;
use proto::history::v1::{ConversationDeleted, Event, MessageIn, MessageOut, event::Kind};

pub use self::item::{Direction, Item, ItemState};
use self::line::{Line, Receipt, Routes};
use crate::{Epoch, envelope, event};

/// The table of contents of a history. Fed with every event in order, it knows where the messages lie and what the
/// receipts say of them; what was written stays in the log and is read from there.
#[derive(Debug, Default)]
pub struct Book {
    chats: BTreeMap<NodeId, Chat>,
    routes: Routes,
    through: u64,
}

/// The messages with one peer.
#[derive(Debug, Default)]
struct Chat {
    /// Where they lie, growing. Without those that were numbered anew and those that were deleted.
    messages: Vec<u64>,
    /// Own ones, by the epoch they were numbered in.
    lines: BTreeMap<Epoch, Line>,
    /// Everything before this position was deleted.
    deleted: u64,
    /// Behind that position, but only numbered anew there: as deleted as what they replace.
    hidden: BTreeSet<u64>,
}

impl Chat {
    fn shows(&self, position: u64) -> bool {
        position > self.deleted && !self.hidden.contains(&position)
    }
}

impl Book {
    /// Takes over the event at `position` of the log.
    pub fn push(&mut self, position: u64, event: &Event) {
        self.through = position;
        match &event.kind {
            Some(Kind::MessageOut(message)) => self.message_out(position, message),
            Some(Kind::MessageIn(message)) => self.message_in(position, message),
            Some(Kind::DeliveredThere(receipt)) => {
                let route = self.routes.number(event::parse_nodes(&receipt.via));
                let receipt_of = Receipt { through: receipt.through, at_ms: receipt.at_ms, route };
                self.on_line(&receipt.peer, &receipt.epoch, |line| line.on_delivered(receipt_of));
            }
            Some(Kind::ReadThere(receipt)) => {
                let receipt_of = Receipt { through: receipt.through, at_ms: receipt.at_ms, route: 0 };
                self.on_line(&receipt.peer, &receipt.epoch, |line| line.on_read(receipt_of));
            }
            Some(Kind::Refused(refused)) => {
                let reason = (refused.reason.clone(), event.at_ms);
                self.on_line(&refused.peer, &refused.epoch, |line| line.on_refused(refused.sequence, reason));
            }
            Some(Kind::ConversationDeleted(deleted)) => self.delete(position, deleted),
            _ => {}
        }
    }

    /// The position of the last event that was taken over.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// The messages with a peer: their positions, growing.
    pub fn messages(&self, peer: NodeId) -> &[u64] {
        self.chats.get(&peer).map_or(&[], |chat| &chat.messages)
    }

    /// The last `count` messages of all conversations: their positions, growing.
    pub fn last(&self, count: usize) -> Vec<u64> {
        let ends =
            self.chats.values().map(|chat| &chat.messages[chat.messages.len().saturating_sub(count)..]);
        let mut all: Vec<_> = ends.flatten().copied().collect();
        all.sort_unstable();
        all.split_off(all.len().saturating_sub(count))
    }

    /// The messages that an event of the history, taken over before, made or changed: their positions.
    pub fn touched(&self, position: u64, event: &Event) -> Vec<u64> {
        let (peer, mut positions) = match &event.kind {
            Some(Kind::MessageOut(_) | Kind::MessageIn(_)) => return vec![position],
            Some(Kind::DeliveredThere(receipt)) => (
                &receipt.peer,
                self.line(&receipt.peer, &receipt.epoch).map(|it| it.delivered_by(receipt.through)),
            ),
            Some(Kind::ReadThere(receipt)) => (
                &receipt.peer,
                self.line(&receipt.peer, &receipt.epoch).map(|it| it.read_by(receipt.through)),
            ),
            Some(Kind::Refused(refused)) => {
                let line = self.line(&refused.peer, &refused.epoch);
                (&refused.peer, line.map(|line| line.position(refused.sequence).into_iter().collect()))
            }
            _ => return Vec::new(),
        };
        if let Some(chat) = NodeId::try_from(peer).ok().and_then(|peer| self.chats.get(&peer)) {
            positions.iter_mut().for_each(|it| it.retain(|position| chat.shows(*position)));
        }
        positions.unwrap_or_default()
    }

    /// The message at `position`, if the event there is one, with its state now. `None` too for a number that was
    /// replaced by another, and for what was deleted.
    pub fn item(&self, position: u64, event: &Event) -> Option<Item> {
        match &event.kind {
            Some(Kind::MessageIn(message)) => {
                let item = item::incoming(position, event.at_ms, message)?;
                self.shows(item.id.sender, position).then_some(item)
            }
            Some(Kind::MessageOut(message)) => self.outgoing(position, event.at_ms, message),
            _ => None,
        }
    }

    fn message_in(&mut self, position: u64, message: &MessageIn) {
        if let Some(id) = envelope::id_of(&message.envelope) {
            self.chats.entry(id.sender).or_default().messages.push(position);
        }
    }

    fn message_out(&mut self, position: u64, message: &MessageOut) {
        let Some(id) = envelope::id_of(&message.envelope) else { return };
        let chat = self.chats.entry(id.recipient).or_default();
        if let Some(old) = Epoch::parse(&message.replaces_epoch).and_then(|epoch| chat.lines.get_mut(&epoch))
            && let Some(replaced) = old.replace(message.replaces_sequence)
        {
            if !chat.shows(replaced) {
                chat.hidden.insert(position);
            }
            if let Ok(index) = chat.messages.binary_search(&replaced) {
                chat.messages.remove(index);
            }
        }
        if chat.shows(position) {
            chat.messages.push(position);
        }
        chat.lines.entry(id.epoch).or_default().on_written(id.sequence, position);
    }

    fn delete(&mut self, position: u64, deleted: &ConversationDeleted) {
        let Ok(peer) = NodeId::try_from(&deleted.peer) else { return };
        if let Some(chat) = self.chats.get_mut(&peer) {
            chat.deleted = position;
            chat.messages = Vec::new();
            chat.hidden = BTreeSet::new();
        }
    }

    fn shows(&self, peer: NodeId, position: u64) -> bool {
        self.chats.get(&peer).is_some_and(|chat| chat.shows(position))
    }

    fn outgoing(&self, position: u64, at_ms: u64, message: &MessageOut) -> Option<Item> {
        let (id, envelope) = envelope::decode(&message.envelope).ok()?;
        if !self.shows(id.recipient, position) {
            return None;
        }
        let line = self.chats.get(&id.recipient)?.lines.get(&id.epoch)?;
        let (state, state_at_ms) = line.state(id.sequence, at_ms)?;
        let (text, unknown_content) = item::content(envelope.content, &message.envelope);
        Some(Item {
            id,
            position,
            direction: Direction::Out,
            text,
            unknown_content,
            sent_at_ms: envelope.sent_at_ms,
            state,
            state_at_ms,
            via: line.route(id.sequence).map(|route| self.routes.hops(route)).unwrap_or_default(),
        })
    }

    fn line(&self, peer: &[u8], epoch: &[u8]) -> Option<&Line> {
        self.chats.get(&NodeId::try_from(peer).ok()?)?.lines.get(&Epoch::parse(epoch)?)
    }

    fn on_line(&mut self, peer: &[u8], epoch: &[u8], apply: impl FnOnce(&mut Line)) {
        let (Ok(peer), Some(epoch)) = (NodeId::try_from(peer), Epoch::parse(epoch)) else { return };
        if let Some(line) = self.chats.get_mut(&peer).and_then(|chat| chat.lines.get_mut(&epoch)) {
            apply(line);
        }
    }
}

#[cfg(test)]
mod tests;
