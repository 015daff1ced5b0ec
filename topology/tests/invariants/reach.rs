//! How long it takes until all bridges hold what one of them said, as that one measures it.

use std::time::Duration;

use proto::{
    link::v1::{Frame, Reached, ReachedLog, Want, WantLog, frame::Kind},
    log::v1::How,
};
use topology::{
    Input, Retention,
    simulator::{Forger, Lone, Settings, Simulation},
};

/// Five bridges in a row.
fn row(settings: Settings) -> Simulation {
    let mut simulation = Simulation::without_links(Settings { bridges: 5, ..settings });
    (1..5).for_each(|index| simulation.link(index - 1, index));
    simulation.run_until(Duration::from_secs(60), Simulation::converged).unwrap();
    simulation.run_for(Duration::from_secs(5));
    simulation
}

fn waiting(simulation: &Simulation, node: usize) -> Duration {
    simulation.core(node).view().convergence(simulation.now())
}

fn converged(simulation: &mut Simulation, node: usize) -> Vec<Duration> {
    simulation.nodes[node].core.as_mut().unwrap().take_converged()
}

#[test]
fn everybody_learns_when_all_hold_what_it_said() {
    for seed in 1..=5 {
        let mut simulation = row(Settings { seed, ..Settings::default() });
        for node in 0..5 {
            assert_eq!(waiting(&simulation, node), Duration::ZERO, "bridge {node}, seed {seed}");
            assert!(!converged(&mut simulation, node).is_empty(), "bridge {node}, seed {seed}");
            let peer = simulation.nodes[node].local_peer(50);
            let id = peer.0.id();
            let begin = simulation.now();
            simulation.join(node, peer, How::Registered);
            let all = |it: &Simulation| (0..5).all(|other| it.core(other).route(&id).is_ok());
            let truly = simulation.run_until(Duration::from_secs(10), all).unwrap();
            let known = |it: &Simulation| waiting(it, node).is_zero();
            simulation.run_until(Duration::from_secs(10), known).unwrap();
            let measured = converged(&mut simulation, node);
            let took = *measured.iter().max().unwrap();
            let later = simulation.now() - begin;
            // Never before it is so; and after, the reports take the way back.
            assert!(took + Duration::from_millis(60) > truly, "{took:?}, but it took {truly:?}");
            assert!(
                took <= later && took < truly * 3 + Duration::from_millis(200),
                "{took:?}, truly {truly:?}"
            );
        }
    }
}

#[test]
fn what_does_not_reach_a_bridge_that_is_still_linked_waits_and_a_bridge_that_is_gone_is_not_waited_for() {
    let mut simulation = row(Settings::default());
    // The wire between the last two is dead, and for a second nobody notices.
    simulation.cut(3, 4);
    let peer = simulation.nodes[0].local_peer(51);
    simulation.join(0, peer, How::Registered);
    simulation.run_for(Duration::from_millis(700));
    assert!(waiting(&simulation, 0) > Duration::from_millis(500));
    simulation.run_for(Duration::from_secs(20));
    assert_eq!(waiting(&simulation, 0), Duration::ZERO, "no link leads there any more");
    // Once it is back it gets what it missed, and what is said next is awaited of it again.
    simulation.heal(3, 4);
    simulation.run_until(Duration::from_secs(60), Simulation::converged).unwrap();
    simulation.run_for(Duration::from_secs(2));
    converged(&mut simulation, 0);
    let peer = simulation.nodes[0].local_peer(52);
    let id = peer.0.id();
    simulation.join(0, peer, How::Registered);
    simulation
        .run_until(Duration::from_secs(5), |it| waiting(it, 0).is_zero() && it.core(4).route(&id).is_ok())
        .unwrap();
    assert!(!converged(&mut simulation, 0).is_empty());
}

#[test]
fn reports_cost_little_and_nothing_while_nothing_happens() {
    let mut simulation = row(Settings::default());
    simulation.run_for(Duration::from_secs(200));
    let before = simulation.bytes;
    simulation.run_for(Duration::from_secs(100));
    let idle = simulation.bytes - before;
    // The comparisons, probes and their answers alone: four links, ten times.
    assert!(idle < 40 * 1_000, "{idle} bytes");
}

#[test]
fn a_log_that_begins_anew_goes_on_waiting_for_what_was_said_before() {
    let retention = |index| {
        let (keep, renew) = (Duration::from_secs(600), Duration::from_secs(60));
        (index == 0).then_some(Retention { keep, renew })
    };
    let mut simulation = row(Settings { retention, ..Settings::default() });
    for number in 100..160 {
        let peer = simulation.nodes[0].local_peer(number);
        simulation.join(0, peer, How::Registered);
        simulation.run_for(Duration::from_secs(3));
    }
    assert!(simulation.core(0).counts().renewals > 0);
    simulation.run_for(Duration::from_secs(5));
    assert_eq!(waiting(&simulation, 0), Duration::ZERO);
}

#[test]
fn a_report_of_what_is_not_known_changes_nothing_and_one_without_a_name_is_an_offence() {
    let mut lone = Lone::new(1);
    let neighbour = Forger::new(1, 1);
    let link = lone.link(neighbour.id());
    let report = |owner: bytes::Bytes| {
        let epoch = neighbour.log.epoch.to_bytes();
        let logs = vec![ReachedLog { owner, epoch, through: 9, bridges: u32::MAX }];
        Input::Frame { link, frame: Frame { kind: Some(Kind::Reached(Reached { logs })) } }
    };
    lone.input(report(neighbour.log.owner.to_bytes()));
    assert_eq!(lone.core.counts().segments_invalid, 0);
    lone.input(report(bytes::Bytes::new()));
    assert_eq!(lone.core.counts().segments_invalid, 1);
}

#[test]
fn an_event_waits_until_as_many_bridges_hold_it_as_links_lead_to() {
    let mut lone = Lone::new(1);
    let log = topology::LogId { owner: lone.core.id(), epoch: lone.core.view().own().unwrap().epoch };
    let mut links = Vec::new();
    for number in 1..=2 {
        let mut neighbour = Forger::new(number, 1);
        neighbour.link_up(lone.core.id());
        let link = lone.link(neighbour.id());
        lone.take(link, &neighbour);
        links.push(link);
    }
    lone.pass(Duration::from_secs(1));
    let head = lone.core.view().own().unwrap().durable;
    let give = |lone: &mut Lone, link, kind| {
        lone.input(Input::Frame { link, frame: Frame { kind: Some(kind) } });
        lone.pass(Duration::from_secs(1));
    };
    let (owner, epoch) = (log.owner.to_bytes(), log.epoch.to_bytes());
    let report = |through| {
        let (owner, epoch) = (owner.clone(), epoch.clone());
        Kind::Reached(Reached { logs: vec![ReachedLog { owner, epoch, through, bridges: 1 }] })
    };
    for link in &links {
        let (owner, epoch) = (owner.clone(), epoch.clone());
        give(
            &mut lone,
            *link,
            Kind::Want(Want { logs: vec![WantLog { owner, epoch, from: 1, follow: true }] }),
        );
    }
    assert!(lone.core.take_converged().is_empty());
    give(&mut lone, links[0], report(head));
    assert!(lone.core.take_converged().is_empty(), "the other one says nothing");
    give(&mut lone, links[1], report(1));
    assert_eq!(lone.core.take_converged().len(), 1, "the start, and no more");
    give(&mut lone, links[1], report(head));
    assert!(!lone.core.take_converged().is_empty());
    assert_eq!(lone.core.view().convergence(Duration::from_secs(1_000)), Duration::ZERO);
}
