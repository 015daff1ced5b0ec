//! One event: its encoding, and what its payload says.

use bytes::Bytes;
use identity::NodeId;
use prost::Message as _;
use proto::log::v1::{self, Kind};

use crate::{Hlc, limits::MAX_EVENT_BYTES};

/// A decoded event. The payload is a slice of the encoded bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// From 1.
    pub sequence: u64,
    /// Strictly growing within a log.
    pub time: Hlc,
    /// A [`Kind`], or a number that this version does not know.
    pub kind: i32,
    /// The message of that kind.
    pub payload: Bytes,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    Started(v1::BridgeStarted),
    Draining,
    Stopped,
    Claim(NodeId, v1::PeerClaim),
    Left(NodeId, v1::LeftReason),
    Asleep(NodeId, NodeId),
    LinkUp(NodeId, u64),
    LinkDown(NodeId),
    LinkCost(NodeId, u64),
    Policy(v1::Policy),
    Fork(v1::ForkProof),
    Checkpoint(v1::Checkpoint),
    /// Facts about others' logs, trust and damping: they change nothing in the fold.
    Aside,
}

/// An event that cannot be read. Its owner is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadEvent {
    /// Longer than [`MAX_EVENT_BYTES`].
    #[error("an event of {0} bytes, at most {MAX_EVENT_BYTES} are allowed")]
    TooLong(usize),
    /// Not an event.
    #[error("an event that cannot be decoded")]
    Undecodable,
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// [`BadEvent`] says what is wrong.
    pub fn decode(bytes: &Bytes) -> Result<Self, BadEvent> {
        if bytes.len() > MAX_EVENT_BYTES {
            return Err(BadEvent::TooLong(bytes.len()));
        }
        let event = v1::Event::decode(bytes.clone()).map_err(|_| BadEvent::Undecodable)?;
        let (kind, payload) = (event.kind, event.payload);
        Ok(Self { sequence: event.sequence, time: Hlc(event.time), kind, payload })
    }

    /// The bytes of a new event.
    pub(crate) fn encode(sequence: u64, time: Hlc, kind: Kind, payload: Vec<u8>) -> Bytes {
        v1::Event { sequence, time: time.0, kind: kind.into(), payload: payload.into() }
            .encode_to_vec()
            .into()
    }

    /// The kind, if this version knows it.
    pub fn known_kind(&self) -> Option<Kind> {
        Kind::try_from(self.kind).ok().filter(|kind| *kind != Kind::Unspecified)
    }

    /// What it says; `None` for unknown kinds and payloads that cannot be read, which are kept and not folded.
    pub(crate) fn fact(&self) -> Option<Fact> {
        let payload = self.payload.clone();
        Some(match self.known_kind()? {
            Kind::Unspecified => return None,
            Kind::BridgeStarted => Fact::Started(v1::BridgeStarted::decode(payload).ok()?),
            Kind::BridgeDraining => Fact::Draining,
            Kind::BridgeStopped => Fact::Stopped,
            Kind::PeerJoined | Kind::PeerUpdated => {
                let claim = v1::PeerClaim::decode(payload).ok()?;
                Fact::Claim(id(&claim.node_id)?, claim)
            }
            Kind::PeerLeft => {
                let left = v1::PeerLeft::decode(payload).ok()?;
                Fact::Left(id(&left.node_id)?, left.reason())
            }
            Kind::PeerAsleep => {
                let asleep = v1::PeerAsleep::decode(payload).ok()?;
                Fact::Asleep(id(&asleep.node_id)?, id(&asleep.waker)?)
            }
            Kind::LinkUp => {
                let link = v1::LinkUp::decode(payload).ok()?;
                Fact::LinkUp(id(&link.bridge)?, link.cost_us)
            }
            Kind::LinkDown => Fact::LinkDown(id(&v1::LinkDown::decode(payload).ok()?.bridge)?),
            Kind::LinkCost => {
                let link = v1::LinkCost::decode(payload).ok()?;
                Fact::LinkCost(id(&link.bridge)?, link.cost_us)
            }
            Kind::PolicyChanged => Fact::Policy(v1::Policy::decode(payload).ok()?),
            Kind::ForkFound => Fact::Fork(v1::ForkProof::decode(payload).ok()?),
            Kind::Checkpoint => Fact::Checkpoint(v1::Checkpoint::decode(payload).ok()?),
            Kind::HeadsSeen | Kind::Damped | Kind::TrustChanged => Fact::Aside,
        })
    }
}

fn id(bytes: &Bytes) -> Option<NodeId> {
    NodeId::try_from(bytes).ok()
}
