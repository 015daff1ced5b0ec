//! What a checkpoint keeps of the conversations.

use bytes::Bytes;
use identity::NodeId;
use proto::history::v1::{
    Behind, Checkpoint, ConflictSeen, NameClash, Refused,
    checkpoint::{self as kept, warning::Kind},
};

use super::{State, Warning};
use crate::{contact::Contact, inbound::Inbound, once::Onces, outbound::Outbound};

impl State {
    /// Adds itself to a checkpoint.
    pub(crate) fn keep(&self, checkpoint: &mut Checkpoint) {
        checkpoint.contacts = self.contacts.iter().map(|(id, contact)| contact.keep(*id)).collect();
        checkpoint.warnings = self.warnings.iter().map(Warning::keep).collect();
        let clash = |(contact, other): &(NodeId, NodeId)| clash(*contact, *other, String::new());
        checkpoint.clashes = self.clashes.iter().map(clash).collect();
        checkpoint.onces = self.onces.keep();
    }

    /// `None` if that was never kept so.
    pub(crate) fn restore(kept: &Checkpoint) -> Option<Self> {
        let contact = |kept: &kept::Contact| Some((node(&kept.peer)?, Contact::restore(kept)?));
        let clash = |kept: &NameClash| Some((node(&kept.contact)?, node(&kept.other)?));
        Some(Self {
            contacts: kept.contacts.iter().map(contact).collect::<Option<_>>()?,
            warnings: kept.warnings.iter().map(Warning::restore).collect::<Option<_>>()?,
            onces: Onces::restore(&kept.onces)?,
            clashes: kept.clashes.iter().map(clash).collect::<Option<_>>()?,
        })
    }
}

impl Contact {
    fn keep(&self, id: NodeId) -> kept::Contact {
        let (out_epochs, outbox) = self.outbound.keep();
        let (in_epochs, forgotten) = self.inbound.keep();
        kept::Contact {
            peer: id.to_bytes(),
            name: self.name.clone(),
            pinned: self.pinned,
            verified: self.verified,
            blocked: self.blocked,
            out_epochs,
            outbox,
            in_epochs,
            forgotten,
        }
    }

    fn restore(kept: &kept::Contact) -> Option<Self> {
        Some(Self {
            name: kept.name.clone(),
            pinned: kept.pinned,
            verified: kept.verified,
            blocked: kept.blocked,
            outbound: Outbound::restore(&kept.out_epochs, &kept.outbox)?,
            inbound: Inbound::restore(&kept.in_epochs, kept.forgotten)?,
        })
    }
}

impl Warning {
    fn keep(&self) -> kept::Warning {
        let kind = match self {
            Self::NameClash { contact, other, name } => {
                Kind::NameClash(clash(*contact, *other, name.clone()))
            }
            Self::Conflict { peer, sequence, own, reason } => Kind::Conflict(ConflictSeen {
                peer: peer.to_bytes(),
                epoch: Bytes::new(),
                sequence: *sequence,
                own: *own,
                reason: reason.clone(),
            }),
            Self::Refused { peer, reason } => {
                Kind::Refused(Refused { peer: peer.to_bytes(), reason: reason.clone(), ..Refused::default() })
            }
            Self::Behind { peer, messages } => {
                Kind::Behind(Behind { peer: peer.to_bytes(), theirs: *messages, ..Behind::default() })
            }
        };
        kept::Warning { kind: Some(kind) }
    }

    fn restore(kept: &kept::Warning) -> Option<Self> {
        Some(match kept.kind.as_ref()? {
            Kind::NameClash(it) => Self::NameClash {
                contact: node(&it.contact)?,
                other: node(&it.other)?,
                name: it.name.clone(),
            },
            Kind::Conflict(it) => Self::Conflict {
                peer: node(&it.peer)?,
                sequence: it.sequence,
                own: it.own,
                reason: it.reason.clone(),
            },
            Kind::Refused(it) => Self::Refused { peer: node(&it.peer)?, reason: it.reason.clone() },
            Kind::Behind(it) => Self::Behind { peer: node(&it.peer)?, messages: it.theirs },
        })
    }
}

fn clash(contact: NodeId, other: NodeId, name: String) -> NameClash {
    NameClash { contact: contact.to_bytes(), other: other.to_bytes(), name }
}

fn node(bytes: &Bytes) -> Option<NodeId> {
    NodeId::try_from(bytes).ok()
}
