//! What happens around one bridge and how much of it is written: damping, rates, and a disk that fails.

use std::time::Duration;

use identity::NodeId;
use proto::log::v1::{How, Kind, LeftReason};
use topology::{
    Event, Input, LogId, Policy, Rule, Warning,
    limits::{MAX_PEERS_PER_BRIDGE, OWN_BURST_EVENTS, OWN_EVENTS_PER_MINUTE},
    simulator::{Forger, Lone},
};

/// The kinds of the own events since `after`.
fn own_kinds(lone: &Lone, after: u64) -> Vec<Kind> {
    let id: NodeId = lone.core.id();
    let logs = lone.history.logs();
    let entries = logs.iter().filter(|(log, _)| log.owner == id).flat_map(|(_, entries)| entries);
    let events = entries.filter_map(|entry| Event::decode(&entry.event).ok());
    events.filter(|event| event.sequence > after).filter_map(|event| event.known_kind()).collect()
}

#[test]
fn a_heartbeat_is_not_an_event() {
    let mut lone = Lone::new(1);
    for _ in 0..100 {
        lone.see(Lone::peer(1));
        lone.pass(Duration::from_secs(1));
    }
    assert_eq!(own_kinds(&lone, 1), [Kind::PeerJoined]);
}

#[test]
fn whoever_sleeps_is_not_missed_until_nobody_keeps_it() {
    let mut lone = Lone::new(1);
    let (id, waker) = (Lone::peer(1).0.id(), NodeId::from_bytes([2; 32]));
    lone.see(Lone::peer(1));
    lone.input(Input::PeerAsleep { id, waker });
    for reason in [LeftReason::Expired, LeftReason::Goodbye, LeftReason::Replaced] {
        lone.input(Input::PeerGone { id, reason });
    }
    assert_eq!(own_kinds(&lone, 1), [Kind::PeerJoined, Kind::PeerAsleep]);
    lone.input(Input::PeerGone { id, reason: LeftReason::Forgotten });
    assert_eq!(own_kinds(&lone, 1), [Kind::PeerJoined, Kind::PeerAsleep, Kind::PeerLeft]);
}

/// Has the core write as much as it may at once, and a little more.
fn exhausted(lone: &mut Lone) {
    (0..4_000).for_each(|number| lone.see(Lone::peer(number)));
    let waker = NodeId::from_bytes([2; 32]);
    for number in 0..120 {
        lone.input(Input::PeerAsleep { id: Lone::peer(number).0.id(), waker });
    }
    assert!(lone.core.counts().deferred > 0);
}

#[test]
fn peers_that_wait_for_the_rate_are_written_in_the_order_in_which_they_came() {
    let mut lone = Lone::new(1);
    exhausted(&mut lone);
    let mut late: Vec<_> = (10_000..10_040).map(Lone::peer).collect();
    late.sort_by_key(|(description, _)| std::cmp::Reverse(description.id()));
    late.iter().for_each(|it| lone.see(it.clone()));
    lone.pass(Duration::from_secs(60));
    let own = lone.core.id();
    let logs = lone.history.logs();
    let entries = logs.iter().filter(|(log, _)| log.owner == own).flat_map(|(_, entries)| entries);
    let events = entries.filter_map(|entry| Event::decode(&entry.event).ok());
    let joined = events.filter(|event| event.known_kind() == Some(Kind::PeerJoined)).skip(4_000);
    let ids: Vec<_> = joined
        .map(|event| <proto::log::v1::PeerClaim as prost::Message>::decode(event.payload).unwrap().node_id)
        .collect();
    let expected: Vec<_> = late.iter().map(|(description, _)| description.id().to_bytes()).collect();
    assert_eq!(ids, expected);
}

#[test]
fn damping_is_said_within_the_rate_only() {
    let mut lone = Lone::new(1);
    exhausted(&mut lone);
    let last = lone.core.view().own().unwrap().head;
    for number in 0..90 {
        for _ in 0..6 {
            let id = Lone::peer(number).0.id();
            lone.input(Input::PeerGone { id, reason: LeftReason::Expired });
            lone.see(Lone::peer(number));
        }
    }
    assert!(lone.core.counts().damped >= 90);
    assert!(!own_kinds(&lone, last).contains(&Kind::Damped));
}

/// Guards against a script that changes the policy in a loop and fills the log, here and at all others.
#[test]
fn a_policy_that_changes_all_the_time_is_written_now_and_then_and_at_last() {
    let mut lone = Lone::new(1);
    let after = lone.core.view().own().unwrap().head;
    let denying = |number: u16| {
        let mut id = [7; 32];
        id[..2].copy_from_slice(&number.to_be_bytes());
        let rule = Rule { allow_others: true, except: [NodeId::from_bytes(id)].into() };
        Policy { export: rule, ..Policy::default() }
    };
    for number in 0..1_000 {
        lone.input(Input::PolicyChanged(denying(number)));
        lone.pass(Duration::from_millis(5));
    }
    let written = own_kinds(&lone, after).len();
    assert!((2..=7).contains(&written), "{written} events in five seconds");
    lone.pass(Duration::from_secs(2));
    let own = lone.core.id();
    assert_eq!(lone.core.view().bridge(&own).unwrap().policy, denying(999));
    let written = own_kinds(&lone, after);
    assert!(written.iter().all(|kind| *kind == Kind::PolicyChanged), "{written:?}");
    lone.see(Lone::peer(1));
    assert!(own_kinds(&lone, after).contains(&Kind::PeerJoined), "others' news are not held up");
}

#[test]
fn a_flapping_peer_is_damped_and_its_last_state_is_told() {
    let mut lone = Lone::new(1);
    let id = Lone::peer(1).0.id();
    for _ in 0..200 {
        lone.see(Lone::peer(1));
        lone.pass(Duration::from_millis(500));
        lone.input(Input::PeerGone { id, reason: LeftReason::Expired });
        lone.pass(Duration::from_millis(500));
    }
    lone.see(Lone::peer(1));
    let while_damped = own_kinds(&lone, 1);
    assert!(while_damped.len() <= 14, "{while_damped:?}");
    assert!(while_damped.contains(&Kind::Damped));
    assert!(lone.core.route(&id).is_err(), "while damped the log says less than is so");
    lone.pass(Duration::from_secs(300));
    assert_eq!(own_kinds(&lone, 1).last(), Some(&Kind::PeerJoined));
    assert!(lone.core.route(&id).is_ok());
}

#[test]
fn a_flapping_link_is_damped_and_its_last_state_is_told() {
    let mut lone = Lone::new(1);
    let mut neighbour = Forger::new(1, 1);
    neighbour.link_up(lone.core.id());
    let network = neighbour.network.clone();
    let peer = neighbour.claim(1, How::Registered, &[neighbour.id()], &network);
    let up = |lone: &mut Lone| {
        let link = lone.link(neighbour.id());
        lone.input(Input::LinkSample { link, rtt_us: 2_000, loss_ppm: 0 });
        lone.take(link, &neighbour);
        lone.pass(Duration::from_millis(500));
        link
    };
    let told = |lone: &Lone| -> Vec<Kind> {
        let of_links = |kind: &Kind| matches!(kind, Kind::LinkUp | Kind::LinkDown | Kind::Damped);
        own_kinds(lone, 1).into_iter().filter(of_links).collect()
    };
    for flap in 0..200 {
        let link = up(&mut lone);
        assert_eq!(lone.core.route(&peer).is_ok(), flap < 5, "flap {flap}");
        lone.input(Input::LinkDown { link, reason: "cut".to_owned() });
        lone.pass(Duration::from_millis(500));
        assert_ne!(told(&lone).last(), Some(&Kind::LinkUp), "going down is always told");
    }
    up(&mut lone);
    let while_damped = told(&lone);
    assert_eq!(while_damped.len(), 11, "five times up and down, and that it is damped: {while_damped:?}");
    assert!(while_damped.contains(&Kind::Damped));
    assert!(lone.core.route(&peer).is_err(), "while damped the log says less than is so");
    lone.pass(Duration::from_secs(300));
    assert_eq!(told(&lone).last(), Some(&Kind::LinkUp));
    assert!(lone.core.route(&peer).is_ok());
}

#[test]
fn bounded_memory_and_disk_under_a_flood_of_invented_peers() {
    let mut lone = Lone::new(1);
    let seconds = 60;
    for number in 0..6_000 {
        let records = Lone::peer(number);
        let id = records.0.id();
        lone.see(records);
        if number % 2 == 0 {
            lone.input(Input::PeerGone { id, reason: LeftReason::Expired });
        }
        lone.pass(Duration::from_millis(seconds * 1_000 / 6_000));
    }
    let written = own_kinds(&lone, 0).len() as u64;
    let most = u64::from(OWN_BURST_EVENTS + OWN_EVENTS_PER_MINUTE) + 3_100;
    assert!(written <= most, "{written} events, departures included");
    assert!(lone.core.counts().peers <= MAX_PEERS_PER_BRIDGE as u64);
    assert!(lone.core.counts().deferred > 0);
}

#[test]
fn what_is_not_durable_is_neither_folded_nor_passed_on() {
    let mut lone = Lone::new(1);
    let mut neighbour = Forger::new(1, 1);
    neighbour.link_up(lone.core.id());
    let link = lone.link(neighbour.id());
    lone.stalled = true;
    lone.take(link, &neighbour);
    let stored = |lone: &Lone| lone.held(&neighbour.log).map(|head| head.sequence);
    assert_eq!(stored(&lone), Some(0));
    assert_eq!(lone.core.view().bridge(&neighbour.id()).map(|it| it.head), Some(0));
    // The disk is full: what was handed over is asked for again once it works.
    let log: LogId = neighbour.log;
    lone.history.truncate(&log, 0);
    lone.input(Input::StoreFailed { log, reason: "no space left".to_owned() });
    assert!(lone.warnings.iter().any(|it| matches!(it, Warning::Storage { .. })));
    assert_eq!(lone.core.counts().unstored_bytes, 0);
    lone.stalled = false;
    lone.take(link, &neighbour);
    assert_eq!(stored(&lone), Some(2));
    assert_eq!(lone.core.view().bridge(&neighbour.id()).map(|it| it.head), Some(2));
    assert!(lone.core.view().warnings().is_empty());
}
