//! Invariants "own-log recovery" and "journal replay gives the same log".

use std::{sync::Arc, time::Duration};

use proto::log::v1::How;
use topology::{
    Epoch, LogId, Output, Unsigned, Warning,
    journal::{Replay, ReplayError, decode},
    limits::REOPEN_INTERVAL,
    simulator::{Forger, Lone, Settings, Simulation, peer_key},
};

fn settled(settings: Settings) -> Simulation {
    let mut simulation = Simulation::new(settings);
    let time = simulation.run_until(Duration::from_secs(30), Simulation::converged);
    assert!(time.is_some(), "no convergence at the start");
    simulation
}

#[test]
fn own_log_recovery_after_a_restored_backup() {
    let mut simulation = settled(Settings { bridges: 5, ..Settings::default() });
    let backup = simulation.nodes[2].disk.logs();
    let old = simulation.core(2).view().own().unwrap();
    for number in 1..20 {
        let peer = simulation.nodes[2].local_peer(number);
        simulation.join(2, peer, How::Registered);
    }
    simulation.run_until(Duration::from_secs(30), Simulation::converged).unwrap();
    let lost = simulation.core(2).view().own().unwrap();
    assert!(lost.head > old.head);
    simulation.crash(2);
    simulation.nodes[2].disk.restore(backup);
    simulation.recover(2);
    simulation.run_until(Duration::from_secs(30), Simulation::converged).unwrap();
    // A new epoch, and the lost end of the old one is back: no sequence number stands for two events.
    let new = simulation.core(2).view().own().unwrap();
    assert!(new.epoch > old.epoch);
    let log = LogId { owner: simulation.id(2), epoch: old.epoch };
    for node in 0..5 {
        let heads = simulation.core(node).view().heads();
        let head = heads.iter().find(|head| head.log == log).unwrap();
        assert_eq!(head.sequence, lost.head, "bridge {node}");
        assert_eq!(simulation.core(node).counts().forks, 0);
    }
}

#[test]
fn own_log_recovery_when_a_running_bridge_is_set_back() {
    let mut simulation = settled(Settings { bridges: 4, ..Settings::default() });
    // A second machine runs with the key of bridge 1, out of a copy of its disk: both epochs are seen, the first
    // machine warns and goes on in a further epoch, and nobody ever sees a fork.
    let copy = simulation.nodes[1].disk.logs();
    simulation.crash(1);
    simulation.recover(1);
    simulation.run_until(Duration::from_secs(30), Simulation::converged).unwrap();
    simulation.crash(1);
    simulation.nodes[1].disk.restore(copy);
    simulation.recover(1);
    simulation.run_until(Duration::from_secs(30), Simulation::converged).unwrap();
    let own = simulation.core(1).view().own().unwrap();
    let seen = simulation.core(0).view().bridge(&simulation.id(1)).unwrap();
    assert_eq!((seen.epoch, seen.head, seen.forked_at), (own.epoch, own.head, None));
    let warned = |it: &(usize, Warning)| it.0 == 1 && matches!(it.1, Warning::OwnKeyElsewhere { .. });
    assert!(simulation.warnings.iter().any(warned));
}

#[test]
fn own_log_recovery_with_a_clock_in_1970_and_an_empty_disk() {
    let mut simulation = settled(Settings { bridges: 4, ..Settings::default() });
    let before = simulation.core(3).view().own().unwrap();
    simulation.crash(3);
    simulation.nodes[3].disk.restore(Vec::new());
    simulation.nodes[3].skew_ms = -1_800_000_000_000;
    simulation.recover(3);
    simulation.run_until(Duration::from_secs(60), Simulation::converged).unwrap();
    let own = simulation.core(3).view().own().unwrap();
    assert!(own.epoch > before.epoch, "the latest epoch is the one that is written");
    assert_eq!(simulation.core(0).view().bridge(&simulation.id(3)).unwrap().epoch, own.epoch);
}

/// A core with an empty disk, whose neighbour holds `count` later epochs of its log and shows them in this order.
fn with_later_epochs(count: u64) -> (Lone, Vec<LogId>) {
    let mut lone = Lone::new(1);
    let link = lone.link(Forger::new(1, 1).id());
    let mut logs = Vec::new();
    for number in 0..count {
        let epoch = Epoch::after(None, 2_000_000_000_000 + 1_000 * number as i64, [7; 10]);
        let forger = Forger::of(peer_key(u64::MAX - 2, 1), epoch, Forger::new(1, 1).network);
        assert_eq!(forger.id(), lone.core.id());
        lone.take(link, &forger);
        logs.push(forger.log);
    }
    (lone, logs)
}

#[test]
fn own_log_recovery_of_three_later_epochs_ends_in_one_that_counts() {
    let (mut lone, logs) = with_later_epochs(3);
    let early = lone.core.view().own().unwrap();
    assert!(early.epoch > logs[0].epoch && early.epoch < logs[1].epoch, "one reopens at once");
    lone.pass(REOPEN_INTERVAL);
    let own = lone.core.view().own().unwrap();
    assert!(own.epoch > logs[2].epoch, "the others reopen when the pause is over");
    assert_eq!(lone.core.view().bridge(&lone.core.id()).unwrap().epoch, own.epoch);
    lone.pass(REOPEN_INTERVAL * 3);
    assert_eq!(lone.core.view().own().unwrap().epoch, own.epoch, "once");
}

#[test]
fn own_log_recovery_of_nine_later_epochs_keeps_the_running_log() {
    let (mut lone, logs) = with_later_epochs(9);
    let running = LogId { owner: lone.core.id(), epoch: lone.core.view().own().unwrap().epoch };
    assert!(running.epoch < logs[1].epoch, "it is the oldest");
    assert!(lone.held(&running).is_some());
    lone.pass(REOPEN_INTERVAL);
    let own = lone.core.view().own().unwrap();
    assert!(own.epoch > logs[8].epoch);
    assert_eq!(lone.core.view().bridge(&lone.core.id()).unwrap().epoch, own.epoch);
}

#[test]
fn journal_replay_gives_the_same_log() {
    for seed in 1..=3 {
        let mut simulation =
            settled(Settings { seed, bridges: 5, journals: true, loss_ppm: 50_000, ..Settings::default() });
        for round in 0..6 {
            for node in 0..5 {
                let peer = simulation.nodes[node].local_peer(1 + round / 2 % 2);
                let id = peer.0.id();
                if round % 2 == 0 {
                    simulation.join(node, peer, How::Registered);
                } else {
                    simulation.leave(node, id);
                }
            }
            simulation.cut(0, 1);
            simulation.run_for(Duration::from_secs(25));
            simulation.heal(0, 1);
            if round == 3 {
                simulation.crash(1);
                simulation.recover(1);
            }
            simulation.run_for(Duration::from_secs(25));
        }
        for node in 0..5 {
            assert_replays(&simulation, node, seed);
        }
    }
}

/// Guards against a replay whose first records are gone: it took no log over and went on to another one.
#[test]
fn journal_replay_refuses_a_run_that_loaded_logs_which_no_record_gives() {
    let mut simulation = settled(Settings { bridges: 3, journals: true, ..Settings::default() });
    let first = simulation.nodes[1].journal.len();
    simulation.crash(1);
    simulation.recover(1);
    let node = &simulation.nodes[1];
    let mut replay = Replay::new(Arc::new(node.key.clone()));
    let refused = replay.record(node.journal[first].clone()).unwrap_err();
    assert!(matches!(refused, ReplayError::Loaded { replayed: 0, .. }), "{refused}");
    for record in &node.journal {
        replay.record(record.clone()).unwrap();
    }
}

fn assert_replays(simulation: &Simulation, node: usize, seed: u64) {
    let node = &simulation.nodes[node];
    let mut replay = Replay::new(Arc::new(node.key.clone()));
    let mut unsigned = Replay::new(Arc::new(Unsigned));
    for record in &node.journal {
        replay.record(record.clone()).unwrap();
        unsigned.record(record.clone()).unwrap();
    }
    assert_eq!(replay.logs(), node.disk.logs(), "seed {seed}");
    let own = node.key.node_id();
    let events = |logs: Vec<(LogId, Vec<topology::Entry>)>| -> Vec<_> {
        let own = logs.into_iter().filter(|(log, _)| log.owner == own);
        own.flat_map(|(_, entries)| entries.into_iter().map(|it| (it.event, it.hash))).collect()
    };
    let ours = events(unsigned.logs());
    assert!(ours.len() > 10);
    assert_eq!(ours, events(node.disk.logs()), "without the key, seed {seed}");
}

#[test]
fn journal_records_come_back_as_the_same_inputs() {
    let mut simulation = settled(Settings { bridges: 3, journals: true, ..Settings::default() });
    let peer = simulation.nodes[0].local_peer(5);
    simulation.join(0, peer, How::Heard);
    for record in &simulation.nodes[0].journal {
        let recorded = decode(record.clone()).unwrap();
        let mut core = topology::Core::new(
            topology::Config::new(
                simulation
                    .core(0)
                    .view()
                    .bridge(&simulation.id(0))
                    .unwrap()
                    .description
                    .unwrap()
                    .as_ref()
                    .clone(),
                simulation.nodes[0].network().clone(),
                simulation.nodes[0].key.clone(),
            ),
            Box::new(topology::MemoryHistory::default()),
        );
        let mut out = Vec::new();
        core.handle(recorded.input, recorded.now, &mut out);
        let again = out.iter().find_map(|output| match output {
            Output::Journal(bytes) => Some(bytes.clone()),
            _ => None,
        });
        // A start names the logs that were loaded, and a tick is only journaled when something may come of it.
        if recorded.loaded.is_none() && again.is_some() {
            assert_eq!(again.as_ref(), Some(record));
        }
    }
}
