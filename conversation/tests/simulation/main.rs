//! A seeded simulation: any interleaving of sends, receipts, losses, crashes, restored backups, full disks and
//! reconnects ends with the same history on both sides, nothing lost, nothing doubled; and what was decided meanwhile
//! about a peer (verified, blocked, its conversation deleted) holds from the moment at which it is durable.
//!
//! A failure prints its seed; `CAUSEWAY_SEED=n` runs that one alone.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod decisions;
mod node;
mod world;

use world::{Faults, World};

const SEEDS: u64 = 60;
const STEPS: usize = 1_500;

fn seeds() -> Vec<u64> {
    match std::env::var("CAUSEWAY_SEED") {
        Ok(seed) => vec![seed.parse().expect("CAUSEWAY_SEED is a number")],
        Err(_) => (0..SEEDS).collect(),
    }
}

fn run(faults: Faults) {
    let (mut messages, mut decisions) = (0, 0);
    for seed in seeds() {
        let result = std::panic::catch_unwind(|| {
            let mut world = World::new(seed, 3, faults);
            for _ in 0..STEPS {
                world.step();
            }
            world.settle();
            world.check();
            world.restart_all();
            world.unblock_all();
            world.check();
            (world.messages(), world.decisions())
        });
        match result {
            Ok((sent, made)) => (messages, decisions) = (messages + sent, decisions + made),
            Err(panic) => {
                eprintln!("seed {seed} with {faults:?}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(messages > 0 && decisions > 0, "nothing was sent or decided, so nothing was tested");
}

#[test]
fn messages_survive_lost_connections_and_duplicate_sessions() {
    run(Faults { cuts: true, ..Faults::default() });
}

#[test]
fn messages_survive_crashes_that_lose_what_was_not_stored() {
    run(Faults { cuts: true, crashes: true, ..Faults::default() });
}

#[test]
fn messages_survive_full_disks() {
    run(Faults { cuts: true, full_disks: true, ..Faults::default() });
}

#[test]
fn messages_survive_restored_backups_of_either_side() {
    run(Faults { cuts: true, crashes: true, full_disks: true, backups: true });
}

#[test]
fn decisions_hold_through_crashes_and_full_disks() {
    run(Faults { cuts: true, crashes: true, full_disks: true, backups: false });
}
