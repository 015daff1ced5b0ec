//! What lies on the disk: looked at now and then, and the journal kept short.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use prost::Message as _;
use proto::journal::v1::Record;
use storage::{Log, Store};

use super::DiskUse;
use crate::{
    limits::{JOURNAL_BYTES, JOURNAL_CHECK},
    stored_logs::StoredLogs,
    wall,
};

/// Between two looks at the sizes.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// The least time between two looks at the journal's age.
const MIN_CHECK: Duration = Duration::from_millis(100);

/// The disk of a bridge, as the thread that writes it sees it.
pub(super) struct Disk {
    store: Arc<Store>,
    logs: StoredLogs,
    retain_journal: Option<Duration>,
    measured: Option<Instant>,
    pruned: Option<Instant>,
    /// The position of the journal's first record, and when it was written.
    oldest: Option<(u64, i64)>,
}

impl Disk {
    pub(super) fn new(store: Arc<Store>, logs: StoredLogs, retain_journal: Option<Duration>) -> Self {
        Self { store, logs, retain_journal, measured: None, pruned: None, oldest: None }
    }

    /// How long the thread may sleep although nothing comes.
    pub(super) fn patience(&self) -> Duration {
        self.check_every().unwrap_or(JOURNAL_CHECK)
    }

    /// Drops what the journal holds too much of: by size, the oldest sixteenth, and by age.
    pub(super) fn prune_journal(&mut self, log: &Log, now: Instant) {
        if log.size_on_disk() > JOURNAL_BYTES {
            drop_before(log, log.first() + log.len() / 16 + 1);
        }
        let (Some(every), Some(retain)) = (self.check_every(), self.retain_journal) else { return };
        if self.pruned.is_some_and(|last| now.saturating_duration_since(last) < every) {
            return;
        }
        self.pruned = Some(now);
        let keep = i64::try_from(retain.as_millis()).unwrap_or(i64::MAX);
        let first = first_since(log, wall::now_ms().saturating_sub(keep));
        if first > log.first() {
            drop_before(log, first);
        }
    }

    /// What lies there now, if it is time to look.
    pub(super) fn measure(&mut self, now: Instant) -> Option<DiskUse> {
        if self.measured.is_some_and(|last| now.saturating_duration_since(last) < MEASURE_EVERY) {
            return None;
        }
        self.measured = Some(now);
        let journal = self.logs.journal_log();
        Some(DiskUse {
            store: self.store.size_on_disk(),
            logs: self.logs.size_on_disk(),
            journal: journal.as_ref().map_or(0, Log::size_on_disk),
            logs_since_ms: self.logs.oldest_ms().and_then(|ms| i64::try_from(ms).ok()),
            journal_since_ms: journal.and_then(|journal| self.oldest_record(&journal)),
        })
    }

    fn check_every(&self) -> Option<Duration> {
        self.retain_journal.map(|retain| (retain / 4).clamp(MIN_CHECK, JOURNAL_CHECK))
    }

    fn oldest_record(&mut self, journal: &Log) -> Option<i64> {
        let first = journal.first();
        if self.oldest.is_none_or(|(position, _)| position != first) {
            self.oldest = written_at(journal, first).map(|wall_ms| (first, wall_ms));
        }
        self.oldest.map(|(_, wall_ms)| wall_ms)
    }
}

fn drop_before(log: &Log, position: u64) {
    if let Err(error) = log.drop_before(position) {
        tracing::warn!(%error, "the journal could not be shortened");
    }
}

/// The first record written at `horizon` or later, the last one if there is none. Times grow but for clocks that were
/// set, so few records need to be read; one that cannot be read is not taken for old.
fn first_since(log: &Log, horizon: i64) -> u64 {
    let (mut low, mut high) = (log.first(), log.head());
    while low < high {
        let middle = low + (high - low) / 2;
        let is_old = written_at(log, middle).is_some_and(|wall_ms| wall_ms < horizon);
        if is_old { low = middle + 1 } else { high = middle }
    }
    low
}

fn written_at(log: &Log, position: u64) -> Option<i64> {
    let record = log.get(position).ok()??;
    Record::decode(record).ok().map(|record| record.wall_ms)
}

#[cfg(test)]
mod tests {
    use storage::Options;

    use super::*;

    fn record(wall_ms: i64) -> bytes::Bytes {
        Record { wall_ms, ..Record::default() }.encode_to_vec().into()
    }

    #[test]
    fn a_journal_loses_what_is_older_than_is_kept_and_never_its_last_record() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path(), Options::default()).unwrap());
        let log = store.log("journal").unwrap();
        let (hour, now) = (3_600_000, wall::now_ms());
        log.append_sync((0..100).map(|age| record(now - (100 - age) * hour)).collect()).unwrap();
        let logs = StoredLogs::default();
        logs.set_journal(log.clone());
        let mut disk =
            Disk::new(Arc::clone(&store), logs.clone(), Some(Duration::from_secs(10 * 3_600 + 60)));
        let begin = Instant::now();
        disk.prune_journal(&log, begin);
        assert_eq!((log.first(), log.len()), (91, 10));
        let found = disk.measure(begin).unwrap();
        assert_eq!(found.journal_since_ms, Some(now - 10 * hour));
        assert!(found.journal > 0 && found.journal < found.store);
        assert_eq!(disk.measure(begin), None, "it was just looked at");
        let mut disk = Disk::new(store, logs, Some(Duration::from_secs(1)));
        disk.prune_journal(&log, begin);
        assert_eq!((log.first(), log.len()), (100, 1));
    }
}
