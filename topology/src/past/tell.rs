//! Events as people read them.

use std::borrow::Cow;

use bytes::Bytes;
use identity::NodeId;
use prost::Message as _;
use proto::{
    log::v1::{
        BridgeDraining, BridgeStarted, Damped, ForkProof, Head, HeadsSeen, How, Kind, LeftReason, LinkCost,
        LinkDown, LinkUp, PeerAsleep, PeerClaim, PeerLeft, Policy as PolicyChanged, TrustChanged,
    },
    topology::v1,
};

use crate::{Event, Hlc, LogId, Policy, Rule, Verifier};

use super::{Placed, Wanted, names::Names, rfc3339};

/// Every kind of event with its name, as filters take it.
pub const KINDS: [(Kind, &str); 16] = [
    (Kind::BridgeStarted, "bridge_started"),
    (Kind::BridgeDraining, "bridge_draining"),
    (Kind::BridgeStopped, "bridge_stopped"),
    (Kind::PeerJoined, "peer_joined"),
    (Kind::PeerUpdated, "peer_updated"),
    (Kind::PeerLeft, "peer_left"),
    (Kind::PeerAsleep, "peer_asleep"),
    (Kind::LinkUp, "link_up"),
    (Kind::LinkDown, "link_down"),
    (Kind::LinkCost, "link_cost"),
    (Kind::HeadsSeen, "heads_seen"),
    (Kind::PolicyChanged, "policy_changed"),
    (Kind::TrustChanged, "trust_changed"),
    (Kind::ForkFound, "fork_found"),
    (Kind::Checkpoint, "checkpoint"),
    (Kind::Damped, "damped"),
];

/// The name of a kind; of one that this version does not know, its number.
pub fn kind_name(kind: i32) -> Cow<'static, str> {
    let known = KINDS.iter().find(|(known, _)| *known as i32 == kind);
    known.map_or_else(|| format!("kind_{kind}").into(), |(_, name)| (*name).into())
}

/// What an event is about, and the sentence.
#[derive(Debug, Default)]
struct Told {
    subject: Option<NodeId>,
    text: String,
}

/// The id of an event: short enough to be typed, and unique among the logs that anybody holds.
pub(super) fn event_id(log: &LogId, sequence: u64) -> String {
    format!("{}.{:012x}.{sequence}", log.owner.short(), log.epoch.millis())
}

/// The node that an event is about, apart from its owner.
pub(super) fn subject(event: &Event) -> Option<NodeId> {
    tell_event(event, &Names::default(), &NodeId::from_bytes([0; 32])).subject
}

impl Names {
    /// Tells an event, if it is wanted, and learns from it. Names that it gives are known in its own sentence; what it
    /// changes is told against what was known before.
    pub(super) fn tell(
        &mut self,
        placed: &Placed,
        wanted: &Wanted,
        verifier: &dyn Verifier,
    ) -> Option<v1::Event> {
        self.learn_names(&placed.log.owner, &placed.event, verifier);
        let event = wanted.lets_through(placed, self).then(|| told(placed, self));
        self.learn_claims(&placed.log.owner, &placed.event);
        event
    }
}

/// An event with all that can be said of it.
pub(super) fn told(placed: &Placed, names: &Names) -> v1::Event {
    let Placed { log, event, bytes } = placed;
    let Told { subject, text } = tell_event(event, names, &log.owner);
    v1::Event {
        position: Some(v1::Position {
            owner: log.owner.to_bytes(),
            epoch: log.epoch.to_bytes(),
            sequence: event.sequence,
        }),
        id: event_id(log, event.sequence),
        time: event.time.0,
        time_text: rfc3339(event.time),
        kind: event.kind,
        kind_name: kind_name(event.kind).into_owned(),
        owner_name: names.name(&log.owner).to_owned(),
        network: names.network(&log.owner).map(|network| network.to_proto()),
        subject: subject.map(NodeId::to_bytes).unwrap_or_default(),
        subject_name: subject.map(|id| names.name(&id).to_owned()).unwrap_or_default(),
        text,
        event: bytes.clone(),
    }
}

fn tell_event(event: &Event, names: &Names, owner: &NodeId) -> Told {
    let told = match event.known_kind() {
        Some(kind @ (Kind::PeerJoined | Kind::PeerUpdated | Kind::PeerLeft | Kind::PeerAsleep)) => {
            tell_peer(kind, &event.payload, names, owner)
        }
        Some(kind @ (Kind::LinkUp | Kind::LinkDown | Kind::LinkCost)) => {
            tell_link(kind, &event.payload, names, owner)
        }
        Some(kind @ (Kind::TrustChanged | Kind::ForkFound | Kind::Damped)) => {
            tell_other(kind, &event.payload, names, owner)
        }
        Some(kind) => {
            tell_bridge(kind, &event.payload, names, owner).map(|text| Told { subject: None, text })
        }
        None => None,
    };
    told.unwrap_or_else(|| Told {
        subject: None,
        text: format!(
            "{} logged an event that this version cannot read (kind {}, {} bytes)",
            names.call(owner),
            event.kind,
            event.payload.len()
        ),
    })
}

fn tell_bridge(kind: Kind, payload: &Bytes, names: &Names, owner: &NodeId) -> Option<String> {
    let bridge = names.call(owner);
    let payload = payload.clone();
    Some(match kind {
        Kind::BridgeStarted => {
            let started = BridgeStarted::decode(payload).ok()?;
            let network = started.network.map(|network| network.name).unwrap_or_default();
            if started.restates > 0 {
                return Some(format!(
                    "{bridge} began its log anew, so that older ones may go; {} events say again what held before",
                    started.restates - 1
                ));
            }
            let again = if started.previous.is_some() { " again" } else { " for the first time" };
            format!("{bridge} started{again}, for network {network}")
        }
        Kind::BridgeDraining => {
            let grace = BridgeDraining::decode(payload).ok()?.grace_ms;
            format!(
                "{bridge} is about to stop; open streams may go on for {:.1} s",
                f64::from(grace) / 1_000.0
            )
        }
        Kind::BridgeStopped => format!("{bridge} stopped in good order"),
        Kind::PolicyChanged => {
            let policy = tell_policy(payload)?;
            format!("the policy of {bridge} changed: {policy}")
        }
        Kind::HeadsSeen => {
            let heads = HeadsSeen::decode(payload).ok()?.heads;
            let head = |head: Head| {
                let owner = NodeId::try_from(&head.owner).ok()?;
                Some(format!("{} to event {}", names.call(&owner), head.sequence))
            };
            let list: Vec<String> = heads.into_iter().filter_map(head).collect();
            format!("{bridge} holds its neighbours' logs: {}", list.join(", "))
        }
        Kind::Checkpoint => format!("{bridge} stated the hash of all it had logged"),
        _ => return None,
    })
}

fn tell_policy(payload: Bytes) -> Option<String> {
    let policy = Policy::from_proto(&PolicyChanged::decode(payload).ok()?);
    let rule = |rule: &Rule| match (rule.allow_others, rule.except.len()) {
        (true, 0) => "everybody".to_owned(),
        (true, but) => format!("everybody but {but}"),
        (false, 0) => "nobody".to_owned(),
        (false, only) => format!("{only} only"),
    };
    Some(format!("it lets {} in from outside, {} out", rule(&policy.export), rule(&policy.import)))
}

fn tell_peer(kind: Kind, payload: &Bytes, names: &Names, owner: &NodeId) -> Option<Told> {
    let bridge = names.call(owner);
    let payload = payload.clone();
    let (id, text) = match kind {
        Kind::PeerJoined | Kind::PeerUpdated => {
            let claim = PeerClaim::decode(payload).ok()?;
            let id = NodeId::try_from(&claim.node_id).ok()?;
            let peer = names.call(&id);
            let news = names.news(owner, &id, &claim);
            let text = match (kind, claim.how()) {
                (Kind::PeerJoined, How::Registered) => format!("{peer} registered with {bridge}"),
                (Kind::PeerJoined, _) => format!("{bridge} heard {peer} in its network"),
                (_, How::Registered) if news.is_empty() => format!("{peer} is registered with {bridge}"),
                _ if news.is_empty() => format!("{bridge} hears {peer} in its network"),
                (_, How::Registered) => format!("{peer} told {bridge} something new: {news}"),
                _ => format!("{bridge} heard something new of {peer}: {news}"),
            };
            (id, text)
        }
        Kind::PeerLeft => {
            let left = PeerLeft::decode(payload).ok()?;
            let id = NodeId::try_from(&left.node_id).ok()?;
            let peer = names.call(&id);
            let text = match left.reason() {
                LeftReason::Goodbye => format!("{peer} left {bridge}: it said goodbye"),
                LeftReason::Expired => format!("{peer} left {bridge}: it fell silent and its lease ran out"),
                LeftReason::Replaced => {
                    format!("{peer} left {bridge}: its place was needed, or others serve it now")
                }
                LeftReason::Forgotten => format!("{peer} slept at {bridge}, and is not kept any more"),
                LeftReason::Unspecified => format!("{peer} left {bridge}"),
            };
            (id, text)
        }
        _ => {
            let asleep = PeerAsleep::decode(payload).ok()?;
            let id = NodeId::try_from(&asleep.node_id).ok()?;
            let waker = NodeId::try_from(&asleep.waker).ok()?;
            (id, format!("{} fell asleep; {} wakes it", names.call(&id), names.call(&waker)))
        }
    };
    Some(Told { subject: Some(id), text })
}

fn tell_link(kind: Kind, payload: &Bytes, names: &Names, owner: &NodeId) -> Option<Told> {
    let bridge = names.call(owner);
    let payload = payload.clone();
    let (other, does, what) = match kind {
        Kind::LinkUp => {
            let up = LinkUp::decode(payload).ok()?;
            (up.bridge, "calls", format!("up, cost {} us", up.cost_us))
        }
        Kind::LinkDown => {
            let down = LinkDown::decode(payload).ok()?;
            (down.bridge, "calls", format!("down: {}", down.reason))
        }
        _ => {
            let cost = LinkCost::decode(payload).ok()?;
            (cost.bridge, "measured that", format!("costs {} us now", cost.cost_us))
        }
    };
    let other = NodeId::try_from(&other).ok()?;
    let text = format!("{bridge} {does} its link to {} {what}", names.call(&other));
    Some(Told { subject: Some(other), text })
}

fn tell_other(kind: Kind, payload: &Bytes, names: &Names, owner: &NodeId) -> Option<Told> {
    let bridge = names.call(owner);
    let payload = payload.clone();
    let (subject, text) = match kind {
        Kind::TrustChanged => {
            let trust = TrustChanged::decode(payload).ok()?;
            let other = NodeId::try_from(&trust.bridge).ok()?;
            let does = if trust.trusted { "trusts" } else { "no longer trusts" };
            (other, format!("{bridge} {does} {}", names.call(&other)))
        }
        Kind::ForkFound => {
            let proof = ForkProof::decode(payload).ok()?;
            let liar = NodeId::try_from(&proof.owner).ok()?;
            let text = format!(
                "{bridge} proved that {} signed two histories from event {} on: nothing from there on counts",
                names.call(&liar),
                proof.sequence
            );
            (liar, text)
        }
        _ => {
            let damped = Damped::decode(payload).ok()?;
            let subject = NodeId::try_from(&damped.subject).ok()?;
            let text = format!(
                "{} came and went too often at {bridge}: its return is not logged before {}",
                names.call(&subject),
                rfc3339(Hlc(damped.until))
            );
            (subject, text)
        }
    };
    Some(Told { subject: Some(subject), text })
}
