//! Reading stored logs back.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use prost::Message as _;
use proto::log::v1;

use crate::{Hash, LogId, id, past::Archive};

/// One event as it is stored and read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The encoded event, exactly as its owner encoded it.
    pub event: Bytes,
    /// The log's hash after it.
    pub hash: Hash,
    /// The owner's signature of the head here; empty where no segment ended.
    pub signature: Bytes,
}

/// What is stored cannot be read as an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored entry cannot be decoded")]
pub struct BadEntry;

/// Stored logs, as the core reads them back: to serve neighbours, to prove forks and to fold again after one.
///
/// The core asks only for what it was told is durable. An implementation that cannot read (a failing disk) gives
/// nothing, and the core then serves nothing.
pub trait History: fmt::Debug + Send {
    /// Consecutive entries of a log from `first` on: at most `most` of them, and no more than about `bytes` of events
    /// (but at least one if there is one).
    fn read(&self, log: &LogId, first: u64, most: usize, bytes: usize) -> Vec<Entry>;
}

/// Logs in memory, for tests, simulations and replays. Clones share the logs.
#[derive(Debug, Clone, Default)]
pub struct MemoryHistory(Arc<Mutex<BTreeMap<LogId, Vec<Entry>>>>);

impl Entry {
    /// As stored: an encoded `causeway.log.v1.Entry`.
    pub fn encode(&self) -> Bytes {
        let hash = Bytes::copy_from_slice(&self.hash);
        v1::Entry { event: self.event.clone(), hash, signature: self.signature.clone() }
            .encode_to_vec()
            .into()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`BadEntry`] when it is something else.
    pub fn decode(bytes: Bytes) -> Result<Self, BadEntry> {
        let entry = v1::Entry::decode(bytes).map_err(|_| BadEntry)?;
        let hash = id::hash(&entry.hash).map_err(|_| BadEntry)?;
        Ok(Self { event: entry.event, hash, signature: entry.signature })
    }
}

impl MemoryHistory {
    /// Appends entries from `first` on; what was there from `first` on is replaced.
    pub fn store(&self, log: LogId, first: u64, entries: &[Entry]) {
        let mut logs = self.lock();
        let stored = logs.entry(log).or_default();
        stored.truncate(usize::try_from(first - 1).unwrap_or(usize::MAX));
        stored.extend_from_slice(entries);
    }

    /// Removes what is above `keep`.
    pub fn truncate(&self, log: &LogId, keep: u64) {
        if let Some(stored) = self.lock().get_mut(log) {
            stored.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
        }
    }

    /// Removes a log.
    pub fn forget(&self, log: &LogId) {
        self.lock().remove(log);
    }

    /// All logs, in order.
    pub fn logs(&self) -> Vec<(LogId, Vec<Entry>)> {
        self.lock().iter().map(|(log, entries)| (*log, entries.clone())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<LogId, Vec<Entry>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl History for MemoryHistory {
    fn read(&self, log: &LogId, first: u64, most: usize, bytes: usize) -> Vec<Entry> {
        let logs = self.lock();
        let Some(stored) = logs.get(log) else { return Vec::new() };
        let from = usize::try_from(first.max(1) - 1).unwrap_or(usize::MAX).min(stored.len());
        within(stored[from..].iter(), most, bytes)
    }
}

impl Archive for MemoryHistory {
    fn logs(&self) -> Vec<(LogId, u64)> {
        let logs = self.lock();
        let held = logs.iter().filter(|(_, entries)| !entries.is_empty());
        held.map(|(log, entries)| (*log, entries.len() as u64)).collect()
    }
}

/// The first entries that stay within both bounds, one at least.
pub(crate) fn within<'a>(entries: impl Iterator<Item = &'a Entry>, most: usize, bytes: usize) -> Vec<Entry> {
    let mut used = 0;
    let mut taken = Vec::new();
    for entry in entries.take(most) {
        used += entry.event.len();
        if used > bytes && !taken.is_empty() {
            break;
        }
        taken.push(entry.clone());
    }
    taken
}
