//! What the nodes stand on, without a node: durable appends of many writers against one, and the replay of a history.

use std::{path::Path, time::Instant};

use storage::{Log, Options, Store};
use topology::simulator::Lone;

use super::{Scale, Table, Target, latency::percentile};
use crate::work::{
    appends::{self, Writer},
    replay,
};

/// Writers at once.
const WRITERS: u64 = 64;
/// Records that each writer appends in one round, one after the other.
const EACH: usize = 50;
/// Events of the history that is replayed.
const EVENTS: u64 = 50_000;
/// Alternations, and replays.
const ROUNDS: usize = 5;

pub(super) fn measure(scale: Scale, folder: &Path, table: &mut Table) -> anyhow::Result<()> {
    println!("durable appends...");
    let store = Store::open(folder.join("appends"), Options::default())?;
    let log = store.log("bench")?;
    // Nodes append from tasks; threads show what waking one up costs.
    let kinds = [(Writer::Task, "a task", Some(Target::AtLeast(20.0))), (Writer::Thread, "a thread", None)];
    let mut rates = kinds.map(|_| (Vec::new(), Vec::new()));
    for _ in 0..ROUNDS {
        for ((kind, ..), (one, many)) in kinds.iter().zip(&mut rates) {
            one.push(appended(&log, (*kind, 1), scale)?);
            many.push(appended(&log, (*kind, WRITERS), scale)?);
        }
    }
    store.close();
    for ((_, what, target), (mut one, mut many)) in kinds.into_iter().zip(rates) {
        let (one, many) = (percentile(&mut one, 0.5), percentile(&mut many, 0.5));
        table.figure(&format!("durable appends, 1 writer, {what}"), "1/s", one, None);
        let name = format!("durable appends, {WRITERS} concurrent writers, each {what}, ratio to 1");
        table.against(&name, "1/s", (many, one), target);
    }

    println!("replay of {EVENTS} events...");
    let mut rates: Vec<_> = replayed(EVENTS).collect();
    let target = Some(Target::AtLeast(1e6));
    table.figure("replay with hash checks, events", "1/s", percentile(&mut rates, 0.5), target);
    Ok(())
}

/// Durable records per second.
fn appended(log: &Log, writers: (Writer, u64), scale: Scale) -> anyhow::Result<f64> {
    let count = writers.1 * scale.of(EACH) as u64;
    Ok(count as f64 / appends::durable(log, writers, count)?.as_secs_f64())
}

/// Events per second of each replay.
fn replayed(events: u64) -> impl Iterator<Item = f64> {
    let log = replay::log(events, 0);
    let stored = log.stored();
    (0..ROUNDS).map(move |_| {
        let (lone, stored) = (Lone::unstarted(1), stored.clone());
        let began = Instant::now();
        let loaded = replay::load(lone, &log, stored);
        let elapsed = began.elapsed();
        drop(loaded);
        events as f64 / elapsed.as_secs_f64()
    })
}
