//! Counters that other crates export.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a store has done since it was opened, and how it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Records acknowledged.
    pub records: u64,
    /// Bytes of these records, without what storing them adds.
    pub bytes: u64,
    /// Commits: each is one batch and one sync.
    pub commits: u64,
    /// The duration of the last commit, from its first record to its sync.
    pub last_commit: Duration,
    /// Appends refused for want of space, or because the store had failed.
    pub refused: u64,
    /// Times that the database failed.
    pub failures: u64,
    /// Times that the database was opened again after a failure.
    pub recoveries: u64,
    /// Reads that met damage.
    pub damaged_reads: u64,
}

impl Metrics {
    /// All that only grows, each with its name and what it counts: for an exporter, under a prefix of its own.
    #[must_use]
    pub const fn counters(&self) -> [(&'static str, &'static str, u64); 7] {
        [
            ("records", "Records made durable", self.records),
            ("record_bytes", "Bytes of these records", self.bytes),
            ("commits", "Commits, each one batch and one sync", self.commits),
            ("refused", "Appends refused for want of space, or because the store had failed", self.refused),
            ("database_failures", "Times that the database failed", self.failures),
            ("recoveries", "Times that it was opened again after a failure", self.recoveries),
            ("damaged_reads", "Reads that met damage", self.damaged_reads),
        ]
    }

    /// What goes up and down, likewise.
    #[must_use]
    pub fn gauges(&self) -> [(&'static str, &'static str, u64); 1] {
        let last = u64::try_from(self.last_commit.as_micros()).unwrap_or(u64::MAX);
        [("last_commit_microseconds", "How long the last commit took", last)]
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) last_commit_micros: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) recoveries: AtomicU64,
    pub(crate) damaged_reads: AtomicU64,
}

impl Counters {
    pub(crate) fn snapshot(&self) -> Metrics {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Metrics {
            records: load(&self.records),
            bytes: load(&self.bytes),
            commits: load(&self.commits),
            last_commit: Duration::from_micros(load(&self.last_commit_micros)),
            refused: load(&self.refused),
            failures: load(&self.failures),
            recoveries: load(&self.recoveries),
            damaged_reads: load(&self.damaged_reads),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}
