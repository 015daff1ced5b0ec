//! Fold, segment check, replay with hash checks, gossip: `cargo bench -p topology`.

use std::{hint::black_box, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use topology::{
    Entry, Event, Strict,
    segment::{self, chain, digest},
    simulator::{Forger, Lone, folded},
};

#[path = "../../bench/src/work/replay.rs"]
mod work;

use work::{load, log};

fn replay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay");
    for (name, forger) in [("links", log(50_000, 0)), ("claims", log(4_000, 3_999))] {
        let stored = forger.stored();
        group.throughput(Throughput::Elements(stored.len() as u64));
        group.bench_function(format!("load, hash-checked and folded: {name}"), |bencher| {
            bencher.iter_batched(
                || (Lone::unstarted(1), stored.clone()),
                |(lone, stored)| load(lone, &forger, stored),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn fold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fold");
    for (name, forger) in [("links", log(50_000, 0)), ("claims", log(4_000, 3_999))] {
        let event = |entry: Entry| Event::decode(&entry.event).expect("it is honest");
        let events: Vec<_> = forger.stored().into_iter().map(event).collect();
        group.throughput(Throughput::Elements(events.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| folded(black_box(&events))));
    }
    group.finish();
}

fn check(criterion: &mut Criterion) {
    let forger = log(65, 0);
    let segment = forger.segment(2, 65);
    let mut group = criterion.benchmark_group("segment");
    group.throughput(Throughput::Elements(64));
    group.bench_function("check of 64 events with the signature", |bencher| {
        bencher.iter(|| segment::check(black_box(&segment), &Strict).expect("it is honest"));
    });
    group.throughput(Throughput::Elements(1));
    let event = segment.events[0].clone();
    group.bench_function("hash of one event", |bencher| {
        bencher.iter(|| chain(&[7; 32], &digest(black_box(&event))));
    });
    group.finish();
}

fn gossip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gossip");
    let mut forger = log(641, 0);
    forger.link_up(Forger::new(3, 1).id());
    let segments: Vec<_> = (2..=641).step_by(64).map(|first| forger.segment(first, first + 63)).collect();
    group.throughput(Throughput::Elements(640));
    group.bench_function("640 events: check, store, fold, tell two other neighbours", |bencher| {
        bencher.iter_batched(
            || {
                let mut lone = Lone::new(1);
                let link = lone.link(forger.id());
                lone.segment(link, forger.segment(1, 1));
                lone.link(Forger::new(4, 1).id());
                lone.link(Forger::new(5, 1).id());
                (lone, link, segments.clone())
            },
            |(mut lone, link, segments)| {
                segments.into_iter().for_each(|segment| lone.segment(link, segment));
                lone
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).sample_size(20);
    targets = replay, fold, check, gossip
}
criterion_main!(benches);
