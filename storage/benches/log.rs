//! How fast logs are written, replayed and opened.
//!
//! `cargo bench -p storage`. Durable appends depend on the disk: set `TMPDIR` to one that is meant.
#![allow(missing_docs, reason = "criterion's macros make an undocumented function")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use storage::{Log, Options, ReadError, Store};

#[path = "../../bench/src/work/appends.rs"]
mod work;

use work::{RECORD, Writer, durable, record};

const REPLAYED: u64 = 1_000_000;
const GROUP: u64 = 1_000;

fn open(dir: &std::path::Path) -> (Store, Log) {
    let store = Store::open(dir, Options::default()).unwrap();
    let log = store.log("bench").unwrap();
    (store, log)
}

fn append(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let (_store, log) = open(dir.path());
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(GROUP));
    group.bench_function("1000 records, one wait", |bencher| {
        let records = || (0..GROUP).map(record).collect::<Vec<_>>();
        bencher.iter_batched(records, |records| log.append_sync(records).unwrap(), BatchSize::LargeInput);
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("plain, one wait in the end", |bencher| {
        bencher.iter_custom(|count| plain(&log, count));
    });
    for kind in [Writer::Task, Writer::Thread] {
        for writers in [1, 64] {
            group.bench_function(format!("durable, {writers} writers, {kind:?}"), |bencher| {
                bencher.iter_custom(|count| durable(&log, (kind, writers), count).unwrap());
            });
        }
    }
    group.finish();
}

/// Nobody waits for a record but for the last: what appending costs its caller and the writer, with few syncs.
fn plain(log: &Log, count: u64) -> Duration {
    let begun = Instant::now();
    for at in 1..count {
        drop(log.append(vec![record(at)]));
    }
    log.append_sync(vec![record(count)]).unwrap();
    begun.elapsed()
}

fn replay(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let (store, log) = open(dir.path());
    for group in 0..REPLAYED / GROUP {
        log.append_sync((0..GROUP).map(|one| record(group * GROUP + one)).collect()).unwrap();
    }
    println!("{REPLAYED} records of {RECORD} bytes: {} bytes on disk", store.size_on_disk());
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    group.throughput(Throughput::Elements(REPLAYED));
    group.bench_function("1M records forward", |bencher| {
        bencher.iter(|| assert_eq!(bytes_of(log.iter()), REPLAYED * RECORD as u64));
    });
    group.bench_function("1M records backward", |bencher| {
        bencher.iter(|| assert_eq!(bytes_of(log.backward()), REPLAYED * RECORD as u64));
    });
    drop((store, log));
    group.throughput(Throughput::Elements(1));
    group.bench_function("open with 1M records", |bencher| {
        bencher.iter_custom(|count| (0..count).map(|_| time_open(dir.path())).sum());
    });
    group.finish();
}

fn bytes_of(found: impl Iterator<Item = Result<(u64, Bytes), ReadError>>) -> u64 {
    found.map(|found| found.unwrap().1.len() as u64).sum()
}

fn time_open(dir: &std::path::Path) -> Duration {
    let begun = Instant::now();
    let opened = open(dir);
    let elapsed = begun.elapsed();
    drop(opened);
    elapsed
}

criterion_group!(benches, append, replay);
criterion_main!(benches);
