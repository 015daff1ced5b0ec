//! A bridge's disk in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::{Entry, History, LogId, Snapshot, history::within, past::Archive};

/// Logs as one bridge wrote them, and how far they are durable. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    logs: Arc<Mutex<BTreeMap<LogId, Stored>>>,
    snapshots: Arc<Mutex<BTreeMap<(LogId, u64), Bytes>>>,
}

#[derive(Debug, Default)]
struct Stored {
    entries: Vec<Entry>,
    durable: usize,
}

impl Disk {
    /// Appends from `first` on.
    ///
    /// # Panics
    /// If that leaves a gap or overwrites something: a sequence number was used twice.
    pub fn write(&self, log: LogId, first: u64, entries: Vec<Entry>) {
        let mut logs = self.lock();
        let stored = logs.entry(log).or_default();
        assert_eq!(stored.entries.len() as u64 + 1, first, "log {log} goes on where it ends");
        stored.entries.extend(entries);
        stored.entries.shrink_to_fit();
    }

    /// Durable up to here.
    pub fn flushed(&self, log: &LogId, through: u64) {
        if let Some(stored) = self.lock().get_mut(log) {
            stored.durable = stored.durable.max((through as usize).min(stored.entries.len()));
        }
    }

    /// Removes what is above `keep`.
    pub fn truncate(&self, log: &LogId, keep: u64) {
        if let Some(stored) = self.lock().get_mut(log) {
            stored.entries.truncate(keep as usize);
            stored.durable = stored.durable.min(keep as usize);
        }
    }

    /// Removes a log.
    pub fn forget(&self, log: &LogId) {
        self.lock().remove(log);
    }

    /// The power fails: what is not durable is gone.
    pub fn crash(&self) {
        for stored in self.lock().values_mut() {
            stored.entries.truncate(stored.durable);
        }
    }

    /// All logs.
    pub fn logs(&self) -> Vec<(LogId, Vec<Entry>)> {
        self.lock().iter().map(|(log, stored)| (*log, stored.entries.clone())).collect()
    }

    /// Replaces everything by a copy taken earlier.
    pub fn restore(&self, backup: Vec<(LogId, Vec<Entry>)>) {
        let stored =
            backup.into_iter().map(|(log, entries)| (log, Stored { durable: entries.len(), entries }));
        *self.lock() = stored.collect();
    }

    /// Keeps a snapshot, encoded as on a real disk.
    pub fn keep_snapshot(&self, snapshot: &Snapshot) {
        let key = (snapshot.head.log, snapshot.head.sequence);
        self.lock_snapshots().insert(key, snapshot.encode());
    }

    /// How many snapshots are kept.
    pub fn snapshots(&self) -> usize {
        self.lock_snapshots().len()
    }

    fn lock_snapshots(&self) -> MutexGuard<'_, BTreeMap<(LogId, u64), Bytes>> {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LogId, Stored>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History for Disk {
    fn read(&self, log: &LogId, first: u64, most: usize, bytes: usize) -> Vec<Entry> {
        let logs = self.lock();
        let Some(stored) = logs.get(log) else { return Vec::new() };
        let from = (first.max(1) as usize - 1).min(stored.entries.len());
        within(stored.entries[from..].iter(), most, bytes)
    }
}

impl Archive for Disk {
    fn logs(&self) -> Vec<(LogId, u64)> {
        let logs = self.lock();
        let held = logs.iter().filter(|(_, stored)| !stored.entries.is_empty());
        held.map(|(log, stored)| (*log, stored.entries.len() as u64)).collect()
    }

    fn snapshot(&self, log: &LogId, through: u64) -> Option<Snapshot> {
        let kept: Vec<Bytes> = {
            let snapshots = self.lock_snapshots();
            let until = snapshots.range((*log, 0)..=(*log, through));
            until.rev().map(|(_, bytes)| bytes.clone()).collect()
        };
        let mut read = kept.into_iter().filter_map(|bytes| Snapshot::decode(bytes).ok());
        read.find(|snapshot| snapshot.is_of(self))
    }
}
