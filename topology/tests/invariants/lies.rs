//! Lies, each refused: and the invariants "admission" and "bounded memory".

use std::time::Duration;

use bytes::Bytes;
use proto::{
    link::v1::{Frame, Have, Held, frame::Kind as FrameKind},
    log::v1::{How, Kind},
};
use topology::{
    Input, NoRoute, Warning,
    limits::{
        MAX_BRIDGES, MAX_BRIDGES_PER_NEIGHBOUR, MAX_CANDIDATES_PER_INTRODUCER, MAX_LINKS_PER_BRIDGE,
        MAX_OFFENCES,
    },
    simulator::{Forger, Lone},
};

/// A core linked with a neighbour whose log says so too.
fn linked() -> (Lone, Forger, topology::LinkId) {
    let mut lone = Lone::new(1);
    let mut neighbour = Forger::new(1, 1);
    neighbour.link_up(lone.core.id());
    let link = lone.link(neighbour.id());
    lone.take(link, &neighbour);
    assert_eq!(lone.held(&neighbour.log).unwrap().sequence, 2);
    (lone, neighbour, link)
}

fn assert_refused(lone: &Lone, neighbour: &Forger, sequence: u64) {
    assert_eq!(lone.held(&neighbour.log).unwrap().sequence, sequence);
    let named = |it: &Warning| matches!(it, Warning::Invalid { neighbour: by, .. } if *by == neighbour.id());
    assert!(lone.warnings.iter().any(named), "the neighbour is named: {:?}", lone.warnings);
    assert_eq!(lone.core.counts().segments_invalid, 1);
}

#[test]
fn a_changed_event_is_refused() {
    let (mut lone, mut neighbour, link) = linked();
    neighbour.link_up(Forger::new(2, 1).id());
    let mut segment = neighbour.segment(3, 3);
    let mut event = segment.events[0].to_vec();
    *event.last_mut().unwrap() ^= 1;
    segment.events[0] = event.into();
    lone.segment(link, segment);
    assert_refused(&lone, &neighbour, 2);
}

#[test]
fn a_gap_is_refused() {
    let (mut lone, mut neighbour, link) = linked();
    (0..3).for_each(|number| neighbour.link_up(Forger::new(2 + number, 1).id()));
    let mut segment = neighbour.segment(3, 5);
    segment.events.remove(1);
    lone.segment(link, segment);
    assert_refused(&lone, &neighbour, 2);
}

#[test]
fn a_segment_beyond_the_head_is_not_taken_but_asked_for() {
    let (mut lone, mut neighbour, link) = linked();
    (0..3).for_each(|number| neighbour.link_up(Forger::new(2 + number, 1).id()));
    lone.segment(link, neighbour.segment(4, 5));
    assert_eq!(lone.held(&neighbour.log).unwrap().sequence, 2);
    lone.sent.clear();
    lone.pass(Duration::from_secs(1));
    let asks = |frame: &Frame| matches!(&frame.kind, Some(FrameKind::Want(want)) if want.logs[0].from == 3);
    assert!(lone.sent.iter().any(|(_, frame)| asks(frame)));
}

#[test]
fn a_wrong_signature_is_refused() {
    let (mut lone, mut neighbour, link) = linked();
    neighbour.link_up(Forger::new(2, 1).id());
    let mut segment = neighbour.segment(3, 3);
    segment.signature = Forger { key: Forger::new(2, 1).key, ..neighbour.clone() }.segment(3, 3).signature;
    lone.segment(link, segment);
    assert_refused(&lone, &neighbour, 2);
}

#[test]
fn time_that_goes_back_within_a_log_is_refused() {
    let (mut lone, mut neighbour, link) = linked();
    let again = neighbour.entries[1].event.clone();
    let mut old = again.to_vec();
    // The sequence is the second byte; the time stays that of event 2.
    assert_eq!(old[..2], [8, 2]);
    old[1] = 3;
    neighbour.write_bytes(old.into());
    lone.segment(link, neighbour.segment(3, 3));
    assert_refused(&lone, &neighbour, 2);
}

#[test]
fn too_many_offences_close_the_link() {
    let (mut lone, mut neighbour, link) = linked();
    neighbour.link_up(Forger::new(2, 1).id());
    let mut segment = neighbour.segment(3, 3);
    segment.signature = Bytes::from_static(&[0; 64]);
    (0..MAX_OFFENCES).for_each(|_| lone.segment(link, segment.clone()));
    assert_eq!(lone.closed, [link]);
}

/// A second neighbour, honest, that brings the log of the first; gives the log's owner, who writes on.
fn followed() -> (Lone, Forger, topology::LinkId, topology::LinkId) {
    let (mut lone, _, liar) = linked();
    let mut honest = Forger::new(5, 1);
    honest.link_up(lone.core.id());
    let link = lone.link(honest.id());
    lone.take(link, &honest);
    lone.sent.clear();
    (lone, honest, link, liar)
}

fn prunes(lone: &Lone, link: topology::LinkId) -> usize {
    let prunes =
        |it: &&(topology::LinkId, Frame)| it.0 == link && matches!(it.1.kind, Some(FrameKind::Prune(_)));
    lone.sent.iter().filter(prunes).count()
}

#[test]
fn a_claim_of_events_that_never_come_is_an_offence_and_does_not_keep_the_honest_parent_away() {
    let (mut lone, mut honest, link, liar) = followed();
    let mut claims = 0;
    while lone.closed.is_empty() && claims < 100 {
        let held = Held {
            owner: honest.id().to_bytes(),
            epoch: honest.log.epoch.to_bytes(),
            first: 1,
            last: u64::MAX,
            hash: Bytes::from_static(&[1; 32]),
        };
        lone.input(Input::Frame {
            link: liar,
            frame: Frame { kind: Some(FrameKind::Have(Have { held: vec![held] })) },
        });
        lone.pass(Duration::from_secs(20));
        claims += 1;
    }
    assert_eq!(lone.closed, [liar], "after {claims} claims");
    assert!(claims <= 16 && prunes(&lone, link) <= claims, "{claims} claims, {} prunes", prunes(&lone, link));
    honest.link_up(Forger::new(6, 1).id());
    lone.segment(link, honest.segment(3, 3));
    assert_eq!(lone.held(&honest.log).unwrap().sequence, 3);
}

#[test]
fn a_segment_beyond_a_gap_is_no_claim_unless_its_owner_signed_it() {
    for first in [1_000, u64::MAX - 5, u64::MAX] {
        let (mut lone, mut honest, link, liar) = followed();
        honest.link_up(Forger::new(6, 1).id());
        let mut segment = honest.segment(3, 3);
        let payload = Bytes::from_static(b"far");
        let event = proto::log::v1::Event { sequence: first, time: u64::MAX, kind: 999, payload };
        (segment.first, segment.events) = (first, vec![prost::Message::encode_to_vec(&event).into()]);
        (0..MAX_OFFENCES).for_each(|_| lone.segment(liar, segment.clone()));
        lone.pass(Duration::from_secs(3));
        assert_eq!(lone.closed, [liar]);
        assert_eq!(prunes(&lone, link), 0, "first event {first}");
    }
}

#[test]
fn admission_needs_links_that_both_logs_confirm() {
    let (mut lone, mut neighbour, link) = linked();
    let (mut far, mut liar) = (Forger::new(2, 1), Forger::new(3, 1));
    lone.take(link, &far);
    assert_eq!(lone.held(&far.log), None, "nobody introduced it");
    neighbour.link_up(far.id());
    neighbour.link_up(liar.id());
    lone.segment(link, neighbour.segment(3, 4));
    far.link_up(neighbour.id());
    liar.link_up(far.id());
    lone.take(link, &far);
    lone.take(link, &liar);
    let state = |lone: &Lone, forger: &Forger| lone.core.view().bridge(&forger.id()).map(|it| it.state);
    assert_eq!(state(&lone, &far), Some(topology::BridgeState::Reachable));
    assert_eq!(state(&lone, &liar), Some(topology::BridgeState::Candidate));
    lone.pass(Duration::from_secs(40));
    assert_eq!(state(&lone, &liar), None, "it had its time");
    assert_eq!(lone.held(&liar.log), None);
    assert_eq!(state(&lone, &far), Some(topology::BridgeState::Reachable));
}

#[test]
fn admission_of_100_000_invented_bridges_stays_bounded_and_names_the_introducer() {
    let (mut lone, mut neighbour, link) = linked();
    let begin = neighbour.entries.len() as u64 + 1;
    for number in 0..100_000_u64 {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        neighbour.link_up(identity::NodeId::from_bytes(id));
    }
    let last = neighbour.entries.len() as u64;
    for first in (begin..=last).step_by(64) {
        lone.segment(link, neighbour.segment(first, (first + 63).min(last)));
    }
    assert_eq!(lone.held(&neighbour.log).unwrap().sequence, last, "the log itself is taken");
    for _ in 0..50 {
        lone.pass(Duration::from_secs(31));
        let counts = lone.core.counts();
        assert!(counts.candidates <= MAX_CANDIDATES_PER_INTRODUCER as u64);
        assert!(counts.bridges <= 2 + MAX_CANDIDATES_PER_INTRODUCER as u64);
    }
    assert!(lone.warnings.contains(&Warning::TooManyLinks { bridge: neighbour.id() }));
    assert!(lone.core.view().warnings().iter().any(|it| it.contains(&neighbour.id().to_string())));
    const { assert!(MAX_LINKS_PER_BRIDGE + 2 < MAX_BRIDGES) };
}

/// Bridges behind a neighbour, `width` for each of `width`, all of which confirm each other.
fn sybils(neighbour: &mut Forger, width: u64) -> Vec<Forger> {
    let mut all = Vec::new();
    for number in 0..width {
        let mut sybil = Forger::new(10_000 + number, 1);
        sybil.link_up(neighbour.id());
        neighbour.link_up(sybil.id());
        for number in number * width..(number + 1) * width {
            let mut further = Forger::new(20_000 + number, 1);
            further.link_up(sybil.id());
            sybil.link_up(further.id());
            all.push(further);
        }
        all.push(sybil);
    }
    all
}

#[test]
fn admission_of_sybils_that_confirm_each_other_leaves_room_for_other_neighbours_bridges() {
    let (mut lone, mut neighbour, link) = linked();
    let mut segments: Vec<_> =
        sybils(&mut neighbour, 60).iter().flat_map(|sybil| sybil.segments(64)).collect();
    segments.extend(neighbour.segments(64));
    for _ in 0..16 {
        segments.iter().for_each(|segment| lone.segment(link, segment.clone()));
        lone.pass(Duration::from_secs(31));
    }
    let bridges = lone.core.counts().bridges;
    assert!(bridges > 2_000, "{bridges} of the sybils are taken");
    assert!(bridges <= 1 + MAX_BRIDGES_PER_NEIGHBOUR as u64, "{bridges} are too many");
    let mut honest = Forger::new(2, 1);
    let mut far = Forger::new(3, 1);
    honest.link_up(lone.core.id());
    honest.link_up(far.id());
    far.link_up(honest.id());
    let other = lone.link(honest.id());
    lone.take(other, &honest);
    lone.take(other, &far);
    let state = lone.core.view().bridge(&far.id()).map(|it| it.state);
    assert_eq!(state, Some(topology::BridgeState::Reachable));
    let refused = lone.warnings.iter().filter(|it| matches!(it, Warning::TooManyBridges { .. }));
    assert_eq!(refused.count(), 1, "one of the sybils is named, once");
    assert!(!lone.warnings.contains(&Warning::TooManyBridges { introducer: honest.id() }));
}

#[test]
fn bounded_memory_under_news_of_logs_that_do_not_exist() {
    let (mut lone, neighbour, link) = linked();
    for number in 0..20_000_u64 {
        let mut epoch = [0xff; 16];
        epoch[..8].copy_from_slice(&number.to_be_bytes());
        let held = Held {
            owner: neighbour.id().to_bytes(),
            epoch: Bytes::copy_from_slice(&epoch),
            first: 1,
            last: 7,
            hash: Bytes::from_static(&[1; 32]),
        };
        let frame = Frame { kind: Some(FrameKind::Have(Have { held: vec![held] })) };
        lone.input(Input::Frame { link, frame });
    }
    assert_eq!(lone.core.counts().logs, 2, "names alone make no log");
    let asked = lone.sent.iter().filter_map(|(_, frame)| match &frame.kind {
        Some(FrameKind::Want(want)) => Some(want.logs.len()),
        _ => None,
    });
    assert!(asked.sum::<usize>() <= 1_100);
}

#[test]
fn a_peer_claimed_by_a_bridge_it_did_not_name_does_not_count() {
    let (mut lone, mut neighbour, link) = linked();
    let elsewhere = Forger::new(7, 1);
    let claimed = neighbour.claim(1, How::Registered, &[elsewhere.id()], &neighbour.network.clone());
    let overheard = neighbour.claim(2, How::Heard, &[], &elsewhere.network);
    let named = neighbour.claim(3, How::Registered, &[neighbour.id()], &neighbour.network.clone());
    let heard = neighbour.claim(4, How::Heard, &[], &neighbour.network.clone());
    lone.segment(link, neighbour.segment(3, 6));
    lone.pass(Duration::from_secs(1));
    for refused in [claimed, overheard] {
        assert!(matches!(lone.core.route(&refused), Err(NoRoute::Unconfirmed { .. })));
        assert_eq!(lone.core.view().peer(&refused), None);
    }
    for counts in [named, heard] {
        assert_eq!(lone.core.route(&counts).unwrap().bridges.as_ref(), [lone.core.id(), neighbour.id()]);
    }
}

/// Guards against a refused claim that took its description with it: a peer that was heard before it knew its
/// network's id and then registered never came back.
#[test]
fn a_claim_that_was_refused_counts_once_the_peer_names_the_bridge() {
    let (mut lone, mut neighbour, link) = linked();
    let network = neighbour.network.clone();
    let nameless = identity::Network::named(network.name.clone());
    let peer = neighbour.claim(1, How::Heard, &[], &nameless);
    lone.segment(link, neighbour.segment(3, 3));
    lone.pass(Duration::from_secs(1));
    assert!(lone.core.route(&peer).is_err());
    neighbour.update(1, How::Registered, &[neighbour.id()], &network);
    lone.segment(link, neighbour.segment(4, 4));
    lone.pass(Duration::from_secs(1));
    assert_eq!(lone.core.route(&peer).unwrap().bridges.as_ref(), [lone.core.id(), neighbour.id()]);
}

#[test]
fn unknown_kinds_are_kept_and_passed_on_but_not_folded() {
    let (mut lone, mut neighbour, link) = linked();
    let event = proto::log::v1::Event {
        sequence: 3,
        time: 1_003 << 16,
        kind: 999,
        payload: Bytes::from_static(b"new"),
    };
    let bytes = Bytes::from(prost::Message::encode_to_vec(&event));
    neighbour.write_bytes(bytes.clone());
    neighbour.write(Kind::BridgeDraining, &proto::log::v1::BridgeDraining { grace_ms: 1 });
    lone.segment(link, neighbour.segment(3, 4));
    let view = lone.core.view().bridge(&neighbour.id()).unwrap();
    assert_eq!((view.unknown_events, view.head), (1, 4));
    let other = lone.link(Forger::new(9, 1).id());
    let want = proto::link::v1::WantLog {
        owner: neighbour.id().to_bytes(),
        epoch: neighbour.log.epoch.to_bytes(),
        from: 3,
        follow: false,
    };
    let frame = Frame { kind: Some(FrameKind::Want(proto::link::v1::Want { logs: vec![want] })) };
    lone.input(Input::Frame { link: other, frame });
    let passed = lone.sent.iter().any(|(link, frame)| {
        *link == other
            && matches!(&frame.kind, Some(FrameKind::Segment(segment)) if segment.events[0] == bytes)
    });
    assert!(passed);
}
