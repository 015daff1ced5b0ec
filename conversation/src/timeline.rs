//! The history for people: each message with the state it is in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use identity::NodeId;
use proto::{
    chat::v1::{Text, envelope::Content},
    history::v1::{Event, MessageIn, MessageOut, event::Kind},
};

use crate::{Epoch, MessageId, envelope, event, limits::TIMELINE_OPEN};

/// What the receipts of a history say. Fed with every event in order, it gives the messages that are new or changed;
/// their content stays in the log and is read from there.
#[derive(Debug, Default)]
pub struct Timeline {
    lines: BTreeMap<(NodeId, Epoch), Line>,
}

/// Own messages of one epoch to one peer.
#[derive(Debug, Default)]
struct Line {
    delivered: Vec<Receipt>,
    read: Vec<Receipt>,
    refused: BTreeMap<u64, (String, u64)>,
    /// Numbered anew: shown under the new number.
    replaced: BTreeSet<u64>,
    /// Number and position of those not read yet.
    open: VecDeque<(u64, u64)>,
}

#[derive(Debug, Clone)]
struct Receipt {
    through: u64,
    at_ms: u64,
    via: Vec<NodeId>,
}

/// Whose message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Received.
    In,
    /// Own.
    Out,
}

/// How far a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ItemState {
    /// Stored here, not at the peer.
    Queued,
    /// Stored by the peer.
    AtPeer,
    /// Seen by the person there.
    Read,
    /// An incoming message, stored here.
    Received,
    /// The peer will not take it, and said why.
    Refused(String),
}

/// A message of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub id: MessageId,
    /// Where it lies in the log.
    pub position: u64,
    /// Whose.
    pub direction: Direction,
    /// The text, if its content is of a kind that this version knows.
    pub text: Option<String>,
    /// Bytes of content of another kind.
    pub unknown_content: usize,
    /// By the sender's clock, milliseconds since the Unix epoch.
    pub sent_at_ms: u64,
    /// How far it is.
    pub state: ItemState,
    /// Since when, by the clock of the side that said so.
    pub state_at_ms: u64,
    /// The bridges that it crossed.
    pub via: Vec<NodeId>,
}

impl Timeline {
    /// Takes over the event at `position` of the log; gives the positions of the messages that are new or changed.
    pub fn push(&mut self, position: u64, event: &Event) -> Vec<u64> {
        match &event.kind {
            Some(Kind::MessageOut(message)) => self.message_out(position, message),
            Some(Kind::MessageIn(_)) => vec![position],
            Some(Kind::DeliveredThere(event)) => {
                let via = event::parse_nodes(&event.via);
                let receipt = Receipt { through: event.through, at_ms: event.at_ms, via };
                self.line(&event.peer, &event.epoch)
                    .map(|line| line.on_delivered(receipt))
                    .unwrap_or_default()
            }
            Some(Kind::ReadThere(event)) => {
                let receipt = Receipt { through: event.through, at_ms: event.at_ms, via: Vec::new() };
                self.line(&event.peer, &event.epoch).map(|line| line.on_read(receipt)).unwrap_or_default()
            }
            Some(Kind::Refused(refused)) => {
                let line = self.line(&refused.peer, &refused.epoch);
                let reason = (refused.reason.clone(), event.at_ms);
                line.map(|line| line.on_refused(refused.sequence, reason)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// The message at `position`, if the event there is one, with its state now. `None` too for a number that was
    /// replaced by another.
    pub fn item(&self, position: u64, event: &Event) -> Option<Item> {
        match &event.kind {
            Some(Kind::MessageIn(message)) => incoming(position, event.at_ms, message),
            Some(Kind::MessageOut(message)) => self.outgoing(position, event.at_ms, message),
            _ => None,
        }
    }

    fn message_out(&mut self, position: u64, message: &MessageOut) -> Vec<u64> {
        let Ok((id, _)) = envelope::decode(&message.envelope) else { return Vec::new() };
        if let Some(epoch) = Epoch::parse(&message.replaces_epoch) {
            let old = self.lines.entry((id.recipient, epoch)).or_default();
            old.replaced.insert(message.replaces_sequence);
            old.open.retain(|(number, _)| *number != message.replaces_sequence);
        }
        let line = self.lines.entry((id.recipient, id.epoch)).or_default();
        if line.open.len() == TIMELINE_OPEN {
            line.open.pop_front();
        }
        line.open.push_back((id.sequence, position));
        vec![position]
    }

    fn outgoing(&self, position: u64, at_ms: u64, message: &MessageOut) -> Option<Item> {
        let (id, envelope) = envelope::decode(&message.envelope).ok()?;
        let nothing = Line::default();
        let line = self.lines.get(&(id.recipient, id.epoch)).unwrap_or(&nothing);
        if line.replaced.contains(&id.sequence) {
            return None;
        }
        let delivered = find(&line.delivered, id.sequence);
        let (state, state_at_ms) = match (find(&line.read, id.sequence), delivered) {
            (Some(read), _) => (ItemState::Read, read.at_ms),
            (None, Some(delivered)) => (ItemState::AtPeer, delivered.at_ms),
            (None, None) => match line.refused.get(&id.sequence) {
                Some((reason, at_ms)) => (ItemState::Refused(reason.clone()), *at_ms),
                None => (ItemState::Queued, at_ms),
            },
        };
        let (text, unknown_content) = content(envelope.content, &message.envelope);
        Some(Item {
            id,
            position,
            direction: Direction::Out,
            text,
            unknown_content,
            sent_at_ms: envelope.sent_at_ms,
            state,
            state_at_ms,
            via: delivered.map(|receipt| receipt.via.clone()).unwrap_or_default(),
        })
    }

    fn line(&mut self, peer: &[u8], epoch: &[u8]) -> Option<&mut Line> {
        let key = (NodeId::try_from(peer).ok()?, Epoch::parse(epoch)?);
        Some(self.lines.entry(key).or_default())
    }
}

impl Line {
    fn on_delivered(&mut self, receipt: Receipt) -> Vec<u64> {
        let before = self.delivered.last().map_or(0, |last| last.through);
        let read = self.read.last().map_or(0, |last| last.through);
        let news = before.max(read)..receipt.through;
        if receipt.through > before {
            self.delivered.push(receipt);
        }
        let changed = self.open.iter().filter(|(number, _)| *number > news.start && *number <= news.end);
        changed.map(|(_, position)| *position).collect()
    }

    fn on_read(&mut self, receipt: Receipt) -> Vec<u64> {
        let through = receipt.through;
        if self.read.last().is_none_or(|last| last.through < through) {
            self.read.push(receipt);
        }
        let count = self.open.partition_point(|(number, _)| *number <= through);
        self.open.drain(..count).map(|(_, position)| position).collect()
    }

    fn on_refused(&mut self, sequence: u64, reason: (String, u64)) -> Vec<u64> {
        self.refused.insert(sequence, reason);
        let index = self.open.iter().position(|(number, _)| *number == sequence);
        index.and_then(|index| self.open.remove(index)).map(|(_, position)| position).into_iter().collect()
    }
}

/// The first receipt that covers a message.
fn find(receipts: &[Receipt], sequence: u64) -> Option<&Receipt> {
    receipts.get(receipts.partition_point(|receipt| receipt.through < sequence))
}

fn incoming(position: u64, at_ms: u64, message: &MessageIn) -> Option<Item> {
    let (id, envelope) = envelope::decode(&message.envelope).ok()?;
    let (text, unknown_content) = content(envelope.content, &message.envelope);
    Some(Item {
        id,
        position,
        direction: Direction::In,
        text,
        unknown_content,
        sent_at_ms: envelope.sent_at_ms,
        state: ItemState::Received,
        state_at_ms: at_ms,
        via: event::parse_nodes(&message.via),
    })
}

fn content(content: Option<Content>, envelope: &[u8]) -> (Option<String>, usize) {
    match content {
        Some(Content::Text(Text { text })) => (Some(text), 0),
        None => (None, envelope.len()),
    }
}

#[cfg(test)]
mod tests;
