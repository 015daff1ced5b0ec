//! How long it takes until all bridges hold what this one says.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    metrics::{gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Seconds; a hop costs half a round trip, the disk's sync and 20 ms in which reports are collected.
const BUCKETS: [f64; 11] = [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5.0, 15.0, 60.0, 300.0];

/// What still waits, and what has come to everybody.
#[derive(Debug, Clone)]
pub(crate) struct Convergence {
    waiting: Gauge<f64, AtomicU64>,
    took: Histogram,
}

impl Convergence {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "convergence_seconds",
            "Age of the oldest durable own event that some reachable bridge is not known to hold, 0 when all hold \
             everything: bridges report up the tree of the log, with the number of bridges below, that it is durable \
             there; bridges without a link that is up, and those that stopped, are not waited for",
            self.waiting.clone(),
        );
        registry.register(
            "convergence_time_seconds",
            "From an own event being durable to all reachable bridges being known to hold it, the reports' way back \
             included",
            self.took.clone(),
        );
    }

    pub(crate) fn set(&self, waiting: Duration, took: &[Duration]) {
        self.waiting.set(waiting.as_secs_f64());
        took.iter().for_each(|took| self.took.observe(took.as_secs_f64()));
    }
}

impl Default for Convergence {
    fn default() -> Self {
        Self { waiting: Gauge::default(), took: Histogram::new(BUCKETS) }
    }
}
