//! What the events fold to. The same function serves the start, from the log, and the run, event by event.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
};

use identity::NodeId;
use proto::history::v1::{self as history, Event, event::Kind};

use crate::{
    ChainHash, Epoch, Head, MessageId, contact::Contact, envelope, limits::MAX_WARNINGS, once::Onces,
    outbound::Waiting,
};

mod kept;

/// The folded history.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) contacts: BTreeMap<NodeId, Contact>,
    pub(crate) warnings: VecDeque<Warning>,
    pub(crate) onces: Onces,
    clashes: BTreeSet<(NodeId, NodeId)>,
}

/// A peer of the history, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactView {
    /// Who.
    pub id: NodeId,
    /// The name as last seen; empty when never.
    pub name: String,
    /// Messages that wait for it.
    pub queued: usize,
    /// Messages sent to it, waiting ones included.
    pub sent: u64,
    /// Messages received from it.
    pub received: u64,
    /// Received and not marked as read.
    pub unread: u64,
    /// A message went to or came from it.
    pub pinned: bool,
    /// The safety number was compared.
    pub verified: bool,
    /// Nothing is taken from it and sent to it.
    pub blocked: bool,
}

/// Sums over all contacts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages that wait for their peers.
    pub queued: usize,
    /// Their bytes.
    pub queued_bytes: usize,
    /// Messages sent, waiting ones included.
    pub sent: u64,
    /// Messages received.
    pub received: u64,
}

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The name of a contact appears under another key.
    NameClash {
        /// Whom one has talked to.
        contact: NodeId,
        /// Who calls itself the same.
        other: NodeId,
        /// The name.
        name: String,
    },
    /// Two contents under one number.
    Conflict {
        /// With whom.
        peer: NodeId,
        /// The number.
        sequence: u64,
        /// The number was of an own message.
        own: bool,
        /// As told.
        reason: String,
    },
    /// A peer will not take a message.
    Refused {
        /// Who.
        peer: NodeId,
        /// As told.
        reason: String,
    },
    /// A peer holds own messages that are not in this history.
    Behind {
        /// Who.
        peer: NodeId,
        /// How many.
        messages: u64,
    },
}

impl State {
    /// Takes over one event, which lies at `position` of the log.
    pub(crate) fn apply(&mut self, position: u64, event: &Event) {
        let Some(kind) = &event.kind else { return };
        match kind {
            Kind::EpochOpened(_) => {}
            Kind::MessageOut(message) => self.message_out(position, message),
            Kind::MessageIn(message) => self.message_in(message),
            Kind::DeliveredThere(event) => self.on_epoch(&event.peer, &event.epoch, |contact, epoch| {
                contact.outbound.delivered(epoch, event.through);
            }),
            Kind::ReadThere(event) => self.on_epoch(&event.peer, &event.epoch, |contact, epoch| {
                contact.outbound.read(epoch, event.through);
            }),
            Kind::ReadHere(event) => self.on_epoch(&event.peer, &event.epoch, |contact, epoch| {
                contact.inbound.read(epoch, event.through);
            }),
            Kind::ContactPinned(event) => self.on_contact(&event.peer, |contact| {
                contact.pinned = true;
                contact.name.clone_from(&event.name);
            }),
            Kind::NameSeen(event) => {
                self.on_contact(&event.peer, |contact| contact.name.clone_from(&event.name));
            }
            Kind::NameClash(event) => self.name_clash(event),
            Kind::ConflictSeen(event) => self.conflict(event),
            Kind::Refused(event) => self.refused(event),
            Kind::Behind(event) => self.behind(event),
            Kind::Verified(event) => {
                self.on_contact(&event.peer, |contact| contact.verified = event.verified);
            }
            Kind::Blocked(event) => {
                self.on_contact(&event.peer, |contact| contact.blocked = event.blocked);
            }
            Kind::ConversationDeleted(event) => {
                self.on_contact(&event.peer, |contact| contact.inbound.hide());
            }
        }
    }

    pub(crate) fn contact(&mut self, id: NodeId) -> &mut Contact {
        self.contacts.entry(id).or_default()
    }

    /// Whether this clash was told already.
    pub(crate) fn knows_clash(&self, contact: NodeId, other: NodeId) -> bool {
        self.clashes.contains(&(contact, other))
    }

    /// Contacts, and others who bear their names.
    pub(crate) fn clashes(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        self.clashes.iter().copied()
    }

    /// How many other keys under a contact's name were told of.
    pub(crate) fn clashes_of(&self, contact: NodeId) -> usize {
        let (first, last) = (NodeId::from_bytes([0; 32]), NodeId::from_bytes([0xff; 32]));
        self.clashes.range((contact, first)..=(contact, last)).count()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.contacts.values().fold(Totals::default(), |sum, contact| Totals {
            queued: sum.queued + contact.outbound.outbox().len(),
            queued_bytes: sum.queued_bytes + contact.outbound.bytes(),
            sent: sum.sent + contact.outbound.count(),
            received: sum.received + contact.inbound.count(),
        })
    }

    pub(crate) fn view(&self, id: NodeId) -> Option<ContactView> {
        let contact = self.contacts.get(&id)?;
        Some(ContactView {
            id,
            name: contact.name.clone(),
            queued: contact.outbound.outbox().len(),
            sent: contact.outbound.count(),
            received: contact.inbound.count(),
            unread: contact.inbound.unread(None).map(|(_, read, stored)| stored - read).sum(),
            pinned: contact.pinned,
            verified: contact.verified,
            blocked: contact.blocked,
        })
    }

    fn message_out(&mut self, position: u64, message: &history::MessageOut) {
        let Some((id, head)) = read(&message.envelope, &message.hash) else { return };
        let replaces = Epoch::parse(&message.replaces_epoch).map(|epoch| (epoch, message.replaces_sequence));
        match replaces {
            Some((epoch, sequence)) => {
                self.onces.rename(MessageId { epoch, sequence, ..id }, id, position);
            }
            None if message.once.is_empty() => {}
            None => {
                let sent_at_ms = envelope::decode(&message.envelope).map_or(0, |(_, it)| it.sent_at_ms);
                self.onces.remember(&message.once, (id, sent_at_ms), position);
            }
        }
        let waiting = Waiting { id, head, envelope: message.envelope.clone(), position };
        self.contact(id.recipient).outbound.stored(waiting, replaces);
    }

    fn message_in(&mut self, message: &history::MessageIn) {
        if let Some((id, head)) = read(&message.envelope, &message.hash) {
            self.contact(id.sender).inbound.stored(id.epoch, head, &message.envelope);
        }
    }

    fn name_clash(&mut self, event: &history::NameClash) {
        let ids = (NodeId::try_from(&event.contact), NodeId::try_from(&event.other));
        if let (Ok(contact), Ok(other)) = ids
            && self.clashes.insert((contact, other))
        {
            self.warn(Warning::NameClash { contact, other, name: event.name.clone() });
        }
    }

    fn conflict(&mut self, event: &history::ConflictSeen) {
        let Ok(peer) = NodeId::try_from(&event.peer) else { return };
        if !event.own
            && let Some(epoch) = Epoch::parse(&event.epoch)
        {
            self.contact(peer).inbound.tell_conflict(epoch);
        }
        let (sequence, own, reason) = (event.sequence, event.own, event.reason.clone());
        self.warn(Warning::Conflict { peer, sequence, own, reason });
    }

    fn refused(&mut self, event: &history::Refused) {
        let Ok(peer) = NodeId::try_from(&event.peer) else { return };
        if let Some(epoch) = Epoch::parse(&event.epoch) {
            self.contact(peer).outbound.refused(epoch, event.sequence);
        }
        self.warn(Warning::Refused { peer, reason: event.reason.clone() });
    }

    fn behind(&mut self, event: &history::Behind) {
        let Ok(peer) = NodeId::try_from(&event.peer) else { return };
        if let Some(epoch) = Epoch::parse(&event.epoch) {
            self.contact(peer).outbound.ahead(epoch, event.theirs);
        }
        self.warn(Warning::Behind { peer, messages: event.theirs.saturating_sub(event.ours) });
    }

    fn on_contact(&mut self, peer: &[u8], apply: impl FnOnce(&mut Contact)) {
        if let Ok(peer) = NodeId::try_from(peer) {
            apply(self.contact(peer));
        }
    }

    fn on_epoch(&mut self, peer: &[u8], epoch: &[u8], apply: impl FnOnce(&mut Contact, Epoch)) {
        if let Some(epoch) = Epoch::parse(epoch) {
            self.on_contact(peer, |contact| apply(contact, epoch));
        }
    }

    fn warn(&mut self, warning: Warning) {
        if self.warnings.len() == MAX_WARNINGS {
            self.warnings.pop_front();
        }
        self.warnings.push_back(warning);
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameClash { contact, other, name } => write!(
                f,
                "somebody else calls itself {name}: you have talked to {}, and {} is another key; compare safety numbers with {name} before you trust it",
                contact.short(),
                other.short()
            ),
            Self::Conflict { peer, sequence, own: true, reason } => write!(
                f,
                "{} holds another message under number {sequence} of yours ({reason}); what it had not acknowledged is sent again under new numbers",
                peer.short()
            ),
            Self::Conflict { peer, sequence, own: false, reason } => write!(
                f,
                "{} sent another message under number {sequence}, which it had used before ({reason}); the second one was refused",
                peer.short()
            ),
            Self::Refused { peer, reason } => {
                write!(f, "{} refused a message of yours for good: {reason}", peer.short())
            }
            Self::Behind { peer, messages } => write!(
                f,
                "{} holds {messages} messages of yours that are missing here: this history was restored from a backup, or lost its end",
                peer.short()
            ),
        }
    }
}

fn read(envelope: &bytes::Bytes, hash: &[u8]) -> Option<(MessageId, Head)> {
    let id = envelope::id_of(envelope)?;
    Some((id, Head { through: id.sequence, hash: ChainHash::parse(hash)? }))
}
