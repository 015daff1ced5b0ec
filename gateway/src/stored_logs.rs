//! The logs in the store: their names, and how the core reads them back.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use identity::NodeId;
use storage::Log;
use tokio::sync::watch;
use topology::{Entry, Epoch, History, LogId, Snapshot, past::Archive};

use crate::snapshots;

/// Every log's name begins with it, the journal's does not.
pub(crate) const PREFIX: &str = "log/";
/// The name of the journal.
pub(crate) const JOURNAL: &str = "journal";

/// The open logs, shared by the thread that writes them, the core that reads them back, and whoever looks back at them.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoredLogs {
    shared: Arc<Mutex<Shared>>,
    /// Counts up when more is durable.
    grown: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Shared {
    logs: HashMap<LogId, Log>,
    /// The logs of their snapshots.
    snapshots: HashMap<LogId, Log>,
    journal: Option<Log>,
    /// Logs that are to be cut: the core must not read above `keep` from the moment it said so.
    cuts: HashMap<LogId, Cut>,
    next_cut: u64,
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    keep: u64,
    number: u64,
}

/// The name of a log in the store.
pub(crate) fn name_of(log: &LogId) -> String {
    format!("{PREFIX}{}/{}", log.owner, log.epoch)
}

/// The log of a name in the store.
pub(crate) fn log_of(name: &str) -> Option<LogId> {
    let (owner, epoch) = name.strip_prefix(PREFIX)?.split_once('/')?;
    let owner: NodeId = owner.parse().ok()?;
    let epoch = HEXLOWER.decode(epoch.as_bytes()).ok()?.try_into().ok()?;
    Some(LogId { owner, epoch: Epoch::from_bytes(epoch) })
}

impl StoredLogs {
    pub(crate) fn insert(&self, id: LogId, log: Log) {
        self.lock().logs.insert(id, log);
    }

    pub(crate) fn get(&self, id: &LogId) -> Option<Log> {
        self.lock().logs.get(id).cloned()
    }

    pub(crate) fn remove(&self, id: &LogId) {
        let mut shared = self.lock();
        shared.logs.remove(id);
        shared.snapshots.remove(id);
    }

    pub(crate) fn insert_snapshots(&self, id: LogId, log: Log) -> Log {
        self.lock().snapshots.insert(id, log.clone());
        log
    }

    pub(crate) fn snapshots_of(&self, id: &LogId) -> Option<Log> {
        self.lock().snapshots.get(id).cloned()
    }

    pub(crate) fn set_journal(&self, log: Log) {
        self.lock().journal = Some(log);
    }

    pub(crate) fn journal_log(&self) -> Option<Log> {
        self.lock().journal.clone()
    }

    /// Bytes of all logs and their snapshots.
    pub(crate) fn size_on_disk(&self) -> u64 {
        let shared = self.lock();
        shared.logs.values().chain(shared.snapshots.values()).map(Log::size_on_disk).sum()
    }

    /// When the log that began first did so, by its bridge's clock, milliseconds since 1970.
    pub(crate) fn oldest_ms(&self) -> Option<u64> {
        self.lock().logs.keys().map(|id| id.epoch.millis()).min()
    }

    /// All logs, by id.
    pub(crate) fn all(&self) -> Vec<(LogId, Log)> {
        let mut all: Vec<_> = self.lock().logs.iter().map(|(id, log)| (*id, log.clone())).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().logs.len()
    }

    /// From now on nothing above `keep` is read. The number is to be given to [`Self::cut_done`].
    pub(crate) fn cut(&self, id: LogId, keep: u64) -> u64 {
        let mut shared = self.lock();
        shared.next_cut += 1;
        let number = shared.next_cut;
        shared.cuts.insert(id, Cut { keep, number });
        number
    }

    /// The store has cut the log; a later cut of the same log stays in force.
    pub(crate) fn cut_done(&self, id: &LogId, number: u64) {
        let mut shared = self.lock();
        if shared.cuts.get(id).is_some_and(|cut| cut.number == number) {
            shared.cuts.remove(id);
        }
    }

    /// More of some log is durable.
    pub(crate) fn tell_grown(&self) {
        self.grown.send_modify(|times| *times += 1);
    }

    /// Counts up when more is durable.
    pub(crate) fn grown(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readable(&self, id: &LogId) -> Option<(Log, u64)> {
        let shared = self.lock();
        let keep = shared.cuts.get(id).map_or(u64::MAX, |cut| cut.keep);
        shared.logs.get(id).map(|log| (log.clone(), keep))
    }
}

impl History for StoredLogs {
    fn read(&self, id: &LogId, first: u64, most: usize, bytes: usize) -> Vec<Entry> {
        let Some((log, keep)) = self.readable(id) else { return Vec::new() };
        let mut entries = Vec::new();
        let mut used = 0;
        for record in log.range(first.max(1)..=keep).take(most) {
            let entry = match record {
                Ok((_, record)) => Entry::decode(record),
                Err(error) => {
                    tracing::warn!(log = %id, %error, "a stored log cannot be read");
                    break;
                }
            };
            let Ok(entry) = entry else {
                tracing::warn!(log = %id, "a stored log holds what is no event");
                break;
            };
            used += entry.event.len();
            if used > bytes && !entries.is_empty() {
                break;
            }
            entries.push(entry);
        }
        entries
    }
}

impl Archive for StoredLogs {
    fn logs(&self) -> Vec<(LogId, u64)> {
        let shared = self.lock();
        let end = |id: &LogId, log: &Log| {
            let keep = shared.cuts.get(id).map_or(u64::MAX, |cut| cut.keep);
            log.head().min(keep)
        };
        let mut logs: Vec<_> = shared.logs.iter().map(|(id, log)| (*id, end(id, log))).collect();
        logs.retain(|(_, last)| *last > 0);
        logs.sort_unstable();
        logs
    }

    fn snapshot(&self, log: &LogId, through: u64) -> Option<Snapshot> {
        let snapshots = self.snapshots_of(log)?;
        snapshots::find(&snapshots, through).filter(|snapshot| snapshot.is_of(self))
    }

    fn journal(&self) -> Option<Box<dyn Iterator<Item = Bytes> + '_>> {
        let journal = self.lock().journal.clone()?;
        // What is damaged, and what lies behind it, is no part of it.
        let records = journal.iter().map_while(|record| record.ok().map(|(_, record)| record));
        Some(Box::new(records))
    }
}

#[cfg(test)]
mod tests {
    use storage::{Options, Store};

    use super::*;

    fn id() -> LogId {
        LogId { owner: NodeId::from_bytes([7; 32]), epoch: Epoch::from_bytes([3; 16]) }
    }

    fn entry(n: u8) -> Entry {
        Entry { event: vec![n; 10].into(), hash: [n; 32], signature: Bytes::new() }
    }

    #[test]
    fn a_name_leads_back_to_its_log() {
        assert_eq!(log_of(&name_of(&id())), Some(id()));
        assert_eq!(log_of(JOURNAL), None);
    }

    #[test]
    fn a_cut_hides_the_rest_before_the_store_has_done_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        let log = store.log(&name_of(&id())).unwrap();
        log.append_sync((1..=5).map(|n| entry(n).encode()).collect()).unwrap();
        let logs = StoredLogs::default();
        logs.insert(id(), log);
        assert_eq!(logs.read(&id(), 2, 2, 1_000), [entry(2), entry(3)]);
        assert_eq!(logs.read(&id(), 2, 10, 25), [entry(2), entry(3)]);
        assert_eq!(logs.read(&id(), 2, 10, 1), [entry(2)]);
        let first = logs.cut(id(), 3);
        let second = logs.cut(id(), 2);
        logs.cut_done(&id(), first);
        assert_eq!(logs.read(&id(), 2, 10, 1_000), [entry(2)]);
        logs.cut_done(&id(), second);
        assert_eq!(logs.read(&id(), 5, 10, 1_000), [entry(5)]);
    }
}
