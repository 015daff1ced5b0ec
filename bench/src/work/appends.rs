//! Appends to one log: what `cargo bench -p storage` and the table of `bench relay` measure.

use std::time::{Duration, Instant};

use bytes::Bytes;
use storage::{AppendError, Log};
use tokio::task::JoinSet;

/// Bytes of a record: about an event of a history.
pub(crate) const RECORD: usize = 200;

/// A record that differs from its neighbours.
pub(crate) fn record(position: u64) -> Bytes {
    let mut bytes = vec![0x5a; RECORD];
    bytes[..8].copy_from_slice(&position.to_le_bytes());
    bytes.into()
}

/// What a writer is, and so how it learns that its record is durable.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Writer {
    /// A task beside the others on one thread, which awaits its ticket, as in a node.
    Task,
    /// A thread of its own, which blocks.
    Thread,
}

/// The time in which `writers` together append about `count` records, each waiting for each.
pub(crate) fn durable(log: &Log, writers: (Writer, u64), count: u64) -> Result<Duration, AppendError> {
    let (kind, writers) = writers;
    let each = count.div_ceil(writers);
    let begun = Instant::now();
    match kind {
        Writer::Task => tasks(log, writers, each)?,
        Writer::Thread => threads(log, writers, each)?,
    }
    let share = count as f64 / (each * writers) as f64;
    Ok(begun.elapsed().mul_f64(share))
}

fn tasks(log: &Log, writers: u64, each: u64) -> Result<(), AppendError> {
    let append = |log: Log| async move {
        for at in 0..each {
            log.append(vec![record(at)]).await?;
        }
        Ok(())
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("it needs nothing of the system");
    let all = async {
        let mut running = JoinSet::new();
        for _ in 0..writers {
            running.spawn(append(log.clone()));
        }
        running.join_all().await.into_iter().collect()
    };
    // The caller's thread may have a runtime of its own.
    std::thread::scope(|scope| {
        scope.spawn(move || runtime.block_on(all)).join().expect("a writer does not panic")
    })
}

fn threads(log: &Log, writers: u64, each: u64) -> Result<(), AppendError> {
    let append = || (0..each).try_for_each(|at| log.append_sync(vec![record(at)]).map(drop));
    std::thread::scope(|scope| {
        let mut running = Vec::new();
        running.extend((0..writers).map(|_| scope.spawn(append)));
        running.into_iter().try_for_each(|writer| writer.join().expect("a writer does not panic"))
    })
}
