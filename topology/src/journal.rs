//! Inputs as records: writing, reading, replaying.

use bytes::Bytes;
use identity::{Announcement, Description, NodeId};
use prost::Message as _;
use proto::{
    journal::v1::{self, Record, record},
    link::v1::frame::Kind,
    log::v1::{self as log, How, LeftReason},
};
use std::time::Duration;

use crate::{Core, Epoch, Head, Input, LinkId, LogId, Now, PeerSeen, Policy, Start};

mod replay;
mod simulate;

pub(crate) use replay::keep;
pub use replay::{Replay, ReplayError};
pub use simulate::{Outcome, WhatIf, first_difference, simulate};

/// A record that cannot be read. The journal is damaged, or written by a newer version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a journal record's {0} cannot be read")]
pub struct BadRecord(&'static str);

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// When.
    pub now: Now,
    /// What.
    pub input: Input,
    /// At a start: the bridge, and the logs that were loaded.
    pub loaded: Option<(NodeId, Vec<Head>)>,
}

/// Whether an input can change the own log. Ticks are judged by what fires.
pub(crate) fn concerns(input: &Input) -> bool {
    match input {
        Input::Frame { frame, .. } => matches!(frame.kind, Some(Kind::Segment(_))),
        Input::Tick => false,
        _ => true,
    }
}

pub(crate) fn encode(core: &Core, input: &Input, now: Now) -> Bytes {
    let mono_us = u64::try_from(now.mono.as_micros()).unwrap_or(u64::MAX);
    Record { mono_us, wall_ms: now.wall_ms, input: Some(message(core, input)) }.encode_to_vec().into()
}

fn message(core: &Core, input: &Input) -> record::Input {
    use record::Input as I;
    let input = input.clone();
    match input {
        Input::Start(start) => I::Start(begin(core, &start)),
        Input::PeerSeen(seen) => I::PeerSeen(v1::PeerSeen {
            description: seen.description.map(|it| it.signed().clone()),
            announcement: Some(seen.announcement.signed().clone()),
            how: seen.how.into(),
            source: seen.source,
            interface: seen.interface,
            address: seen.address,
        }),
        Input::PeerGone { id, reason } => {
            I::PeerGone(v1::PeerGone { node_id: id.to_bytes(), reason: reason.into() })
        }
        Input::PeerAsleep { id, waker } => {
            I::PeerAsleep(v1::PeerAsleep { node_id: id.to_bytes(), waker: waker.to_bytes() })
        }
        Input::LinkUp { link, bridge, dialled, address } => {
            I::LinkUp(v1::LinkUp { link: link.0, bridge: bridge.to_bytes(), dialled, address })
        }
        Input::LinkDown { link, reason } => I::LinkDown(v1::LinkDown { link: link.0, reason }),
        Input::LinkSample { link, rtt_us, loss_ppm } => {
            I::LinkSample(v1::LinkSample { link: link.0, rtt_us, loss_ppm })
        }
        Input::DialFailed { bridge, address, reason } => I::DialFailed(v1::DialFailed {
            bridge: bridge.map(NodeId::to_bytes).unwrap_or_default(),
            address,
            reason,
        }),
        Input::Frame { link, frame } => I::Frame(v1::LinkFrame { link: link.0, frame: Some(frame) }),
        Input::Appended { epoch, through } => I::Appended(v1::Appended { epoch: epoch.to_bytes(), through }),
        Input::Stored { log, through } => {
            I::Stored(v1::Stored { owner: log.owner.to_bytes(), epoch: log.epoch.to_bytes(), through })
        }
        Input::StoreFailed { log, reason } => I::StoreFailed(v1::StoreFailed {
            owner: log.owner.to_bytes(),
            epoch: log.epoch.to_bytes(),
            reason,
        }),
        Input::TrustChanged { bridge, trusted } => {
            I::TrustChanged(log::TrustChanged { bridge: bridge.to_bytes(), trusted })
        }
        Input::PolicyChanged(policy) => I::PolicyChanged(policy.to_proto()),
        Input::Drain { grace_ms } => I::Drain(v1::Drain { grace_ms }),
        Input::Stop => I::Stop(v1::Stop {}),
        Input::Tick => I::Tick(v1::Tick {}),
    }
}

fn begin(core: &Core, start: &Start) -> v1::Start {
    v1::Start {
        node_id: core.me.to_bytes(),
        seed: Bytes::copy_from_slice(&start.seed),
        network: Some(core.config.network.to_proto()),
        description: Some(core.config.description.signed().clone()),
        loaded: core.view().heads().iter().map(Head::to_proto).collect(),
        trusted: start.trusted.iter().map(|id| id.to_bytes()).collect(),
        policy: Some(start.policy.to_proto()),
        keep_ms: core.config.retention.map_or(0, |it| millis(it.keep)),
        renew_ms: core.config.retention.map_or(0, |it| millis(it.renew)),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Reads a record. Signatures of peers' records are verified again.
///
/// # Errors
/// [`BadRecord`] names the part that does not hold.
pub fn decode(bytes: Bytes) -> Result<Recorded, BadRecord> {
    let record = Record::decode(bytes).map_err(|_| BadRecord("encoding"))?;
    let now = Now { mono: Duration::from_micros(record.mono_us), wall_ms: record.wall_ms };
    let message = record.input.ok_or(BadRecord("kind"))?;
    let loaded = match &message {
        record::Input::Start(start) => Some(loaded(start)?),
        _ => None,
    };
    Ok(Recorded { now, input: input(message)?, loaded })
}

fn loaded(start: &v1::Start) -> Result<(NodeId, Vec<Head>), BadRecord> {
    let heads: Result<Vec<Head>, _> = start.loaded.iter().map(Head::from_proto).collect();
    Ok((id(&start.node_id)?, heads.map_err(|_| BadRecord("loaded log"))?))
}

fn input(message: record::Input) -> Result<Input, BadRecord> {
    use record::Input as I;
    Ok(match message {
        I::Start(start) => Input::Start(Start {
            seed: start.seed.as_ref().try_into().map_err(|_| BadRecord("seed"))?,
            trusted: start.trusted.iter().map(id).collect::<Result<_, _>>()?,
            policy: Policy::from_proto(&start.policy.unwrap_or_default()),
        }),
        I::PeerSeen(seen) => Input::PeerSeen(self::seen(seen)?),
        I::PeerGone(gone) => Input::PeerGone {
            id: id(&gone.node_id)?,
            reason: LeftReason::try_from(gone.reason).unwrap_or_default(),
        },
        I::PeerAsleep(asleep) => Input::PeerAsleep { id: id(&asleep.node_id)?, waker: id(&asleep.waker)? },
        I::LinkUp(up) => Input::LinkUp {
            link: LinkId(up.link),
            bridge: id(&up.bridge)?,
            dialled: up.dialled,
            address: up.address,
        },
        I::LinkDown(down) => Input::LinkDown { link: LinkId(down.link), reason: down.reason },
        I::LinkSample(sample) => {
            Input::LinkSample { link: LinkId(sample.link), rtt_us: sample.rtt_us, loss_ppm: sample.loss_ppm }
        }
        I::DialFailed(failed) => Input::DialFailed {
            bridge: NodeId::try_from(&failed.bridge).ok(),
            address: failed.address,
            reason: failed.reason,
        },
        I::Frame(frame) => {
            Input::Frame { link: LinkId(frame.link), frame: frame.frame.ok_or(BadRecord("frame"))? }
        }
        I::Appended(appended) => {
            Input::Appended { epoch: epoch(&appended.epoch)?, through: appended.through }
        }
        I::Stored(stored) => {
            Input::Stored { log: log_id(&stored.owner, &stored.epoch)?, through: stored.through }
        }
        I::StoreFailed(failed) => {
            Input::StoreFailed { log: log_id(&failed.owner, &failed.epoch)?, reason: failed.reason }
        }
        I::TrustChanged(trust) => Input::TrustChanged { bridge: id(&trust.bridge)?, trusted: trust.trusted },
        I::PolicyChanged(policy) => Input::PolicyChanged(Policy::from_proto(&policy)),
        I::Drain(drain) => Input::Drain { grace_ms: drain.grace_ms },
        I::Stop(_) => Input::Stop,
        I::Tick(_) => Input::Tick,
    })
}

fn seen(seen: v1::PeerSeen) -> Result<PeerSeen, BadRecord> {
    let how = How::try_from(seen.how).unwrap_or_default();
    let description = seen.description.map(Description::verify).transpose();
    let announcement = seen.announcement.ok_or(BadRecord("announcement"))?;
    Ok(PeerSeen {
        description: description.map_err(|_| BadRecord("description"))?,
        announcement: Announcement::verify(announcement).map_err(|_| BadRecord("announcement"))?,
        how,
        source: seen.source,
        interface: seen.interface,
        address: seen.address,
    })
}

fn id(bytes: &Bytes) -> Result<NodeId, BadRecord> {
    NodeId::try_from(bytes).map_err(|_| BadRecord("node id"))
}

fn epoch(bytes: &Bytes) -> Result<Epoch, BadRecord> {
    bytes.as_ref().try_into().map(Epoch::from_bytes).map_err(|_| BadRecord("epoch"))
}

fn log_id(owner: &Bytes, epoch: &Bytes) -> Result<LogId, BadRecord> {
    LogId::from_fields(owner, epoch).map_err(|_| BadRecord("log"))
}
