//! Old logs go, and nobody notices: renewal of the own log, and what is held of others.

use std::{sync::Arc, time::Duration};

use identity::NodeId;
use proto::{
    link::v1::{Digest, Frame, Have, Held, frame::Kind as FrameKind},
    log::v1::{How, Kind},
};
use topology::{
    Entry, Event, Input, LinkId, LogId, PeerState, Retention,
    journal::Replay,
    limits::{MIN_RENEWAL, RENEWAL_EVENTS},
    simulator::{Forger, Lone, Settings, Simulation},
};

const HOUR: Retention = Retention { keep: Duration::from_secs(3_600), renew: Duration::from_secs(900) };
/// The first bridge keeps logs for ten minutes, the others for ever.
const FIRST: fn(usize) -> Option<Retention> = |index| {
    (index == 0).then_some(Retention { keep: Duration::from_secs(600), renew: Duration::from_secs(150) })
};

fn own_logs(simulation: &Simulation, node: usize) -> Vec<LogId> {
    let own = simulation.id(0);
    let heads = simulation.core(node).view().heads();
    heads.into_iter().map(|head| head.log).filter(|log| log.owner == own).collect()
}

/// Peers of the first bridge come, one every ten seconds, and the one before leaves.
fn live(simulation: &mut Simulation, rounds: std::ops::Range<u64>) {
    for round in rounds {
        let before = simulation.nodes[0].local_peer(1_000 + round - 1).0.id();
        let next = simulation.nodes[0].local_peer(1_000 + round);
        simulation.join(0, next, How::Registered);
        simulation.leave(0, before);
        simulation.run_for(Duration::from_secs(10));
    }
}

/// Guards against peers and links that vanish everywhere for as long as a fresh epoch takes to arrive.
#[test]
fn nobody_sees_a_peer_or_a_link_vanish_while_a_log_begins_anew() {
    let mut simulation = Simulation::new(Settings {
        bridges: 4,
        retention: FIRST,
        // So slow that what is said again takes seconds to come.
        rate: 60_000,
        ..Settings::default()
    });
    let peers: Vec<_> = (1..=200).map(|number| simulation.nodes[0].local_peer(number)).collect();
    let ids: Vec<NodeId> = peers.iter().map(|(description, _)| description.id()).collect();
    peers.into_iter().for_each(|peer| simulation.join(0, peer, How::Registered));
    let reached = |simulation: &Simulation| {
        (0..4).all(|node| ids.iter().all(|id| simulation.core(node).route(id).is_ok()))
    };
    simulation.run_until(Duration::from_secs(120), reached).unwrap();
    let before = simulation.core(0).view().own().unwrap().epoch;
    for round in 1..=20 {
        let peer = simulation.nodes[0].local_peer(1_000 + round);
        simulation.join(0, peer, How::Registered);
    }
    let seen = |simulation: &Simulation, node: usize| {
        simulation.core(node).view().bridge(&simulation.id(0)).unwrap().epoch
    };
    let everywhere = |simulation: &Simulation| (0..4).all(|node| seen(simulation, node) > before);
    let mut late = 0;
    while !everywhere(&simulation) {
        assert!(reached(&simulation), "at {:?}", simulation.now());
        assert!(simulation.now() < Duration::from_secs(1_000), "it never began anew");
        late += u32::from(seen(&simulation, 0) > before);
        simulation.run_for(Duration::from_millis(20));
    }
    assert!(late > 10, "the others had it at once: this proves nothing");
    assert!(reached(&simulation));
    assert_eq!(simulation.core(0).counts().renewals, 1);
}

#[test]
fn what_is_older_than_is_kept_goes_here_and_stays_elsewhere_and_is_not_sent_again() {
    let mut simulation =
        Simulation::new(Settings { bridges: 3, retention: FIRST, journals: true, ..Settings::default() });
    live(&mut simulation, 1..361);
    let renewals = simulation.core(0).counts().renewals;
    assert!((20..=24).contains(&renewals), "{renewals} in an hour");
    let held = own_logs(&simulation, 0);
    assert!((5..=6).contains(&held.len()), "{held:?}");
    assert!(own_logs(&simulation, 1).len() >= 8);
    assert!(simulation.core(0).counts().logs_expired >= 10);
    assert_eq!(
        simulation.nodes[0].disk.logs().iter().filter(|it| it.0.owner == held[0].owner).count(),
        held.len()
    );
    // News go on, both ways.
    let peer = simulation.nodes[2].local_peer(7);
    let id = peer.0.id();
    simulation.join(2, peer, How::Registered);
    simulation.run_until(Duration::from_secs(5), |it| it.core(0).route(&id).is_ok()).unwrap();
    let newest = simulation.nodes[0].local_peer(1_360).0.id();
    assert!(simulation.core(2).route(&newest).is_ok());
    for node in 0..3 {
        let counts = simulation.core(node).counts();
        assert_eq!(counts.segments_invalid, 0, "{counts:?}");
        assert!(counts.segments_refused <= 4, "{counts:?}");
        assert!(counts.events_duplicate <= counts.events_accepted / 10, "{counts:?}");
    }
    // And nothing is told twice while nothing happens.
    let sent =
        |simulation: &Simulation| (0..3).map(|it| simulation.core(it).counts().events_sent).sum::<u64>();
    let before = sent(&simulation);
    let bytes = simulation.bytes;
    simulation.run_for(Duration::from_secs(100));
    assert!(sent(&simulation) - before < 16, "{} events", sent(&simulation) - before);
    assert!(simulation.bytes - bytes < 200_000, "{} bytes in 100 s", simulation.bytes - bytes);
    // The journal gives all of it again.
    let node = &simulation.nodes[0];
    let mut replay = Replay::new(Arc::new(node.key.clone()));
    for record in &node.journal {
        replay.record(record.clone()).unwrap();
    }
    assert_eq!(replay.logs(), node.disk.logs());
}

#[test]
fn a_start_drops_what_had_its_time_meanwhile() {
    let mut simulation = Simulation::new(Settings { bridges: 2, retention: FIRST, ..Settings::default() });
    live(&mut simulation, 1..61);
    assert!(own_logs(&simulation, 0).len() >= 4);
    simulation.crash(0);
    simulation.run_for(Duration::from_secs(3_600));
    simulation.recover(0);
    simulation.run_for(Duration::from_secs(5));
    // The last one began before the horizon, so it may hold what is younger: it stays until its successor is old enough.
    let held = own_logs(&simulation, 0);
    assert_eq!(held.len(), 2, "{held:?}");
}

fn ask(lone: &mut Lone, link: LinkId, kind: FrameKind) {
    lone.sent.clear();
    lone.input(Input::Frame { link, frame: Frame { kind: Some(kind) } });
    lone.pass(Duration::from_secs(3));
}

#[test]
fn a_log_that_had_its_time_is_not_fetched_again_however_it_is_offered() {
    let mut lone = Lone::keeping(1, HOUR);
    let mut old = Forger::new(1, 1);
    (0..20).for_each(|_| old.link_up(lone.core.id()));
    let link = lone.link(old.id());
    lone.take(link, &old);
    assert!(lone.held(&old.log).is_some(), "the last one stays whatever its age");
    let new = Forger::new(1, 2);
    lone.take(link, &new);
    lone.pass(Duration::from_secs(300));
    assert_eq!(lone.held(&old.log), None);
    assert!(lone.history.logs().iter().all(|(log, _)| *log != old.log), "it is still on the disk");
    let held = Held {
        owner: old.log.owner.to_bytes(),
        epoch: old.log.epoch.to_bytes(),
        first: 1,
        last: 21,
        hash: old.head(21).hash.to_vec().into(),
    };
    let wants = |lone: &Lone| {
        lone.sent.iter().any(|(_, frame)| matches!(frame.kind, Some(FrameKind::Want(_) | FrameKind::Seek(_))))
    };
    ask(&mut lone, link, FrameKind::Have(Have { held: vec![held.clone()] }));
    assert!(!wants(&lone));
    ask(&mut lone, link, FrameKind::Digest(Digest { buckets: 1, held: vec![held], answer: false }));
    assert!(!wants(&lone));
    ask(&mut lone, link, FrameKind::Segment(old.segment(1, 21)));
    assert_eq!(lone.held(&old.log), None);
    assert!(lone.sent.iter().any(|(_, frame)| matches!(frame.kind, Some(FrameKind::Prune(_)))));
    assert_eq!(lone.core.counts().segments_invalid, 0);
    assert!(lone.held(&new.log).is_some());
}

#[test]
fn a_log_without_news_does_not_begin_anew() {
    let mut lone = Lone::keeping(1, HOUR);
    lone.pass(Duration::from_secs(100_000));
    assert_eq!(lone.core.counts().renewals, 0);
    assert!(lone.core.view().own().unwrap().head < RENEWAL_EVENTS);
    assert_eq!(Retention::of(Duration::from_secs(1)).renew, MIN_RENEWAL);
}

fn see(lone: &mut Lone, number: u64) -> NodeId {
    let records = Lone::peer(number);
    let id = records.0.id();
    lone.see(records);
    id
}

#[test]
fn who_sleeps_sleeps_on_and_who_is_damped_stays_damped_when_a_log_begins_anew() {
    let mut lone = Lone::keeping(1, Retention { renew: Duration::from_secs(60), ..HOUR });
    let sleeper = see(&mut lone, 1);
    for number in 2..20 {
        see(&mut lone, number);
    }
    let waker = NodeId::from_bytes([2; 32]);
    lone.input(Input::PeerAsleep { id: sleeper, waker });
    lone.pass(Duration::from_secs(50));
    let mut flapping = sleeper;
    for _ in 0..40 {
        flapping = see(&mut lone, 99);
        lone.input(Input::PeerGone { id: flapping, reason: proto::log::v1::LeftReason::Expired });
    }
    see(&mut lone, 99);
    assert!(lone.core.route(&flapping).is_err());
    let before = lone.core.view().own().unwrap();
    lone.pass(Duration::from_secs(30));
    let own = lone.core.view().own().unwrap();
    assert!(own.epoch > before.epoch);
    // The start, nineteen peers, and that one of them sleeps.
    assert_eq!((own.head, own.durable), (21, 21));
    assert!(lone.core.route(&flapping).is_err(), "beginning anew is no way round the damping");
    assert_eq!(lone.core.view().peer(&sleeper).unwrap().state, PeerState::Asleep(waker));
    lone.pass(Duration::from_secs(900));
    assert!(lone.core.route(&flapping).is_ok());
}

/// A log, and a later one whose first 100 events say again what held before, then goes on.
fn renewed(me: NodeId) -> [Forger; 2] {
    let mut old = Forger::new(1, 1);
    old.link_up(me);
    for number in 0..90 {
        old.claim(number, How::Registered, &[old.id()], &old.network.clone());
    }
    let mut new = old.renewed(2, 100);
    new.link_up(me);
    for number in 0..120 {
        new.claim(number, How::Registered, &[new.id()], &new.network.clone());
    }
    [old, new]
}

/// What counts of the owner: the epoch, and how far it is folded.
fn counted(lone: &Lone, owner: &NodeId) -> (u64, u64, usize) {
    let view = lone.core.view();
    let bridge = view.bridge(owner).unwrap();
    (bridge.epoch.millis(), bridge.head, view.peers().len())
}

#[test]
fn which_epoch_counts_follows_from_what_is_held_whatever_came_first() {
    let me = Lone::new(1).core.id();
    let [old, new] = renewed(me);
    let sides = [old.segments(20), new.segments(20)];
    // How many segments of the old and of the new one are there at last, and what is to count then.
    let cases = [
        ((5, 0), (1_001, 92)),
        ((5, 4), (1_001, 92)),
        ((5, 5), (1_002, 100)),
        ((5, 7), (1_002, 122)),
        ((0, 2), (1_002, 40)),
        ((1, 4), (1_001, 20)),
    ];
    for ((olds, news), (millis, head)) in cases {
        // Old first, new first, and by turns.
        for order in 0..3 {
            let mut lone = Lone::new(1);
            let link = lone.link(old.id());
            let mut parts = Vec::new();
            parts.extend(
                sides[0][..olds]
                    .iter()
                    .enumerate()
                    .map(|(at, segment)| (at * 2 + 100 * (order % 2), segment)),
            );
            let shift = if order == 0 { 100 } else { 1 };
            parts.extend(sides[1][..news].iter().enumerate().map(|(at, segment)| (at * 2 + shift, segment)));
            parts.sort_by_key(|(at, _)| *at);
            parts.iter().for_each(|(_, segment)| lone.segment(link, (*segment).clone()));
            let found = counted(&lone, &old.id());
            assert_eq!((found.0, found.1), (millis, head), "{olds} and {news} segments, order {order}");
            assert_loads_alike(&lone, &old.id());
        }
    }
}

/// A start finds the same, in whatever order the logs are read.
fn assert_loads_alike(lone: &Lone, owner: &NodeId) {
    let logs: Vec<(LogId, Vec<Entry>)> = lone.history.logs();
    let logs: Vec<_> = logs.into_iter().filter(|(log, _)| log.owner == *owner).collect();
    let backward: Vec<_> = logs.iter().rev().cloned().collect();
    for logs in [logs, backward] {
        let mut again = Lone::unstarted(1);
        for (log, entries) in logs {
            again.history.store(log, 1, &entries);
            again.core.load(log, entries).unwrap();
        }
        let (one, other) = (counted(lone, owner), counted(&again, owner));
        assert_eq!((one.0, one.1), (other.0, other.1), "after a start");
    }
}

#[test]
fn a_renewed_log_that_is_cut_by_a_fork_counts_as_far_as_it_goes() {
    let mut lone = Lone::new(1);
    let [old, new] = renewed(lone.core.id());
    let link = lone.link(old.id());
    lone.take(link, &old);
    let mut fork = new.clone();
    fork.entries.truncate(30);
    fork.link_down(lone.core.id());
    lone.segment(link, new.segment(1, 40));
    assert_eq!(counted(&lone, &old.id()).0, 1_001);
    lone.segment(link, fork.segment(21, 31));
    let (millis, head, _) = counted(&lone, &old.id());
    assert_eq!((millis, head), (1_002, 30));
    let kinds = |lone: &Lone| {
        let logs = lone.history.logs();
        let own = logs.into_iter().filter(|(log, _)| log.owner == lone.core.id());
        own.flat_map(|(_, entries)| entries)
            .filter_map(|it| Event::decode(&it.event).ok()?.known_kind())
            .collect::<Vec<_>>()
    };
    assert!(kinds(&lone).contains(&Kind::ForkFound));
}
