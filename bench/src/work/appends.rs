//! Appends to one log: what `cargo bench -p storage` and the table of `bench relay` measure.

use std::time::{Duration, Instant};

use bytes::Bytes;
use storage::{AppendError, Log};

/// Bytes of a record: about an event of a history.
pub(crate) const RECORD: usize = 200;

/// A record that differs from its neighbours.
pub(crate) fn record(position: u64) -> Bytes {
    let mut bytes = vec![0x5a; RECORD];
    bytes[..8].copy_from_slice(&position.to_le_bytes());
    bytes.into()
}

/// The time in which `writers` together append about `count` records, each waiting for each.
pub(crate) fn durable(log: &Log, writers: u64, count: u64) -> Result<Duration, AppendError> {
    let each = count.div_ceil(writers);
    let append = || (0..each).try_for_each(|at| log.append_sync(vec![record(at)]).map(drop));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let mut running = Vec::new();
        running.extend((0..writers).map(|_| scope.spawn(append)));
        running.into_iter().try_for_each(|writer| writer.join().expect("a writer does not panic"))
    })?;
    let share = count as f64 / (each * writers) as f64;
    Ok(begun.elapsed().mul_f64(share))
}
