//! Invariant "convergence": after the last change and with links up, all bridges hold the same logs; nothing is
//! missed, and what arrives twice is the exception.

use std::time::Duration;

use proto::log::v1::How;
use topology::simulator::{Settings, Simulation};

/// Accepted and duplicate events over all bridges and all their runs.
fn traffic(simulation: &Simulation) -> (u64, u64) {
    let running = (0..simulation.nodes.len()).map(|node| simulation.core(node).counts());
    let ended = simulation.nodes.iter().flat_map(|node| node.counted.iter().copied());
    let counts = running.chain(ended);
    counts.fold((0, 0), |sum, it| (sum.0 + it.events_accepted, sum.1 + it.events_duplicate))
}

fn since(now: (u64, u64), before: (u64, u64)) -> (u64, u64) {
    (now.0 - before.0, now.1 - before.1)
}

/// Every bridge holds every log of every other as long as its owner does, and folds it to the same state.
fn assert_nothing_missed(simulation: &Simulation) {
    let reference = simulation.core(0).view();
    for node in 0..simulation.nodes.len() {
        let own = simulation.core(node).view().own().unwrap();
        let id = simulation.id(node);
        let seen = reference.bridge(&id).unwrap();
        assert_eq!((seen.epoch, seen.head), (own.epoch, own.head), "bridge {node}");
        assert_eq!(reference.root(&id), simulation.core(node).view().root(&id), "bridge {node}");
        assert_eq!(simulation.core(node).view().summary(), reference.summary(), "bridge {node}");
    }
}

/// Convergence from the start, after each of some changes, and after so many disturbances, each of which cuts one of
/// `groups` off.
fn converges(settings: Settings, changes: usize, disturbances: u64, groups: usize) {
    let (bridges, seed) = (settings.bridges, settings.seed);
    let mut simulation = Simulation::new(settings);
    simulation.nodes[1].skew_ms = 86_400_000;
    simulation.nodes[2].skew_ms = -1_800_000_000_000;
    let start = simulation.run_until(Duration::from_secs(60), Simulation::converged);
    assert!(start.is_some(), "{bridges} bridges do not converge from the start, seed {seed}");
    for round in 0..changes as u64 {
        for node in (0..bridges).step_by((bridges / 30).max(1)) {
            let peer = simulation.nodes[node].local_peer(1 + round);
            simulation.join(node, peer, How::Registered);
        }
        let time = simulation.run_until(Duration::from_secs(60), Simulation::converged);
        assert!(time.is_some(), "{bridges} bridges do not converge after a change, seed {seed}");
    }
    assert_nothing_missed(&simulation);
    let (accepted, duplicate) = traffic(&simulation);
    assert!(duplicate < accepted, "{duplicate} duplicates of {accepted} events, seed {seed}");
    println!(
        "{bridges} bridges: start {:?}, {accepted} events, {duplicate} duplicates, {} bytes",
        start.unwrap_or_default(),
        simulation.bytes
    );
    for round in 0..disturbances {
        disturb(&mut simulation, round, groups);
        simulation.run_for(Duration::from_millis(1_500));
    }
    mend(&mut simulation);
    let time = simulation.run_until(Duration::from_secs(120), Simulation::converged);
    assert!(time.is_some(), "{bridges} bridges do not converge after partitions and restarts, seed {seed}");
    let (accepted, duplicate) = since(traffic(&simulation), (accepted, duplicate));
    assert!(duplicate < accepted, "{duplicate} duplicates of {accepted} events while disturbed, seed {seed}");
    assert_nothing_missed(&simulation);
}

#[test]
fn convergence_of_3_bridges() {
    converges(Settings { bridges: 3, ..Settings::default() }, 5, 6, 3);
}

#[test]
fn convergence_of_30_bridges() {
    converges(Settings { bridges: 30, loss_ppm: 100_000, ..Settings::default() }, 5, 8, 4);
}

#[test]
fn convergence_of_300_bridges() {
    let route_interval = Duration::from_secs(30);
    converges(Settings { bridges: 300, encode: false, route_interval, ..Settings::default() }, 2, 4, 10);
}

#[test]
fn convergence_of_1000_bridges() {
    let route_interval = Duration::from_secs(60);
    let settings =
        Settings { bridges: 1_000, encode: false, peers: false, route_interval, ..Settings::default() };
    converges(settings, 1, 1, 50);
}

#[test]
fn convergence_after_partitions_crashes_and_skewed_clocks() {
    for seed in 1..=4 {
        let mut simulation = Simulation::new(Settings { seed, bridges: 12, ..Settings::default() });
        simulation.nodes[1].skew_ms = 86_400_000;
        simulation.nodes[2].skew_ms = -1_800_000_000_000;
        for round in 0..8 {
            disturb(&mut simulation, round, 4);
            simulation.run_for(Duration::from_millis(1_500));
        }
        mend(&mut simulation);
        let time = simulation.run_until(Duration::from_secs(120), Simulation::converged);
        assert!(time.is_some(), "no convergence, seed {seed}");
        assert_nothing_missed(&simulation);
    }
}

/// Cuts a random group off, changes something, restarts a bridge, heals what was cut before. Every other time the bridge
/// comes back without what it wrote last and others have got already.
fn disturb(simulation: &mut Simulation, round: u64, groups: usize) {
    let bridges = simulation.nodes.len();
    let group = simulation.below(groups as u64) as usize;
    for (one, other) in simulation.wires_between(|node| node % groups == group) {
        simulation.cut(one, other);
    }
    let victim = simulation.below(bridges as u64) as usize;
    let backup = simulation.nodes[victim].disk.logs();
    let peer = simulation.nodes[victim].local_peer(100 + round);
    simulation.join(victim, peer, How::Registered);
    for node in (0..bridges).step_by((bridges / 12).max(1)) {
        let peer = simulation.nodes[node].local_peer(1 + round % 3);
        let id = peer.0.id();
        if simulation.below(2) == 0 {
            simulation.join(node, peer, How::Registered);
        } else {
            simulation.leave(node, id);
        }
    }
    let lose = round % 2 == 1;
    simulation.run_for(Duration::from_millis(if lose { 500 } else { 1 }));
    simulation.crash(victim);
    if lose {
        simulation.nodes[victim].disk.restore(backup);
    }
    simulation.recover(victim);
    for (one, other) in simulation.wires_between(|node| node % groups == (group + 1) % groups) {
        simulation.heal(one, other);
    }
}

fn mend(simulation: &mut Simulation) {
    for node in 0..simulation.nodes.len() {
        for (one, other) in simulation.wires_of(node) {
            simulation.heal(one, other);
        }
    }
}
