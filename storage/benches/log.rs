//! How fast logs are written, replayed and opened.
//!
//! `cargo bench -p storage`. Durable appends depend on the disk: set `TMPDIR` to one that is meant.
#![allow(missing_docs, reason = "criterion's macros make an undocumented function")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use storage::{Log, Options, ReadError, Store};

const RECORD: usize = 200;
const REPLAYED: u64 = 1_000_000;
const GROUP: u64 = 1_000;

fn record(position: u64) -> Bytes {
    let mut bytes = vec![0x5a; RECORD];
    bytes[..8].copy_from_slice(&position.to_le_bytes());
    bytes.into()
}

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
    for writers in [1, 64] {
        group.bench_function(format!("durable, {writers} writers"), |bencher| {
            bencher.iter_custom(|count| durable(&log, writers, count));
        });
    }
    group.finish();
}

/// The time in which `writers` together append about `count` records, each waiting for each.
fn durable(log: &Log, writers: u64, count: u64) -> Duration {
    let each = count.div_ceil(writers);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                for at in 0..each {
                    log.append_sync(vec![record(at)]).unwrap();
                }
            });
        }
    });
    let share = count as f64 / (each * writers) as f64;
    begun.elapsed().mul_f64(share)
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
