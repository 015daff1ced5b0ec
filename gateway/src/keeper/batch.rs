//! The thread's loop: take up what waits, store it together, tell.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use storage::{Log, LogError, Store, Ticket};
use tokio::sync::mpsc;
use topology::{Entry, LogId};

use super::{
    Gauges, Kept, Write,
    waiting::{Settled, Submitted, Waiting},
};
use crate::{
    limits::{JOURNAL_BYTES, JOURNAL_WAITING_BYTES, STORE_RETRY, WRITES_PER_BATCH},
    stored_logs::{JOURNAL, StoredLogs, name_of},
};

/// Between two looks at the size of the store.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Worker {
    store: Arc<Store>,
    logs: StoredLogs,
    gauges: Arc<Gauges>,
    measured: Option<Instant>,
    kept: mpsc::Sender<Kept>,
    /// `None` once the journal of this run has ended.
    journal: Option<Waiting>,
    own: Option<Own>,
    /// Foreign logs whose failure was told: what was under way behind it is dropped until they go on where they are.
    failed: HashSet<LogId>,
    last_failure: Option<Instant>,
}

struct Own {
    id: LogId,
    waiting: Waiting,
}

/// One append to a foreign log under way.
struct Foreign {
    id: LogId,
    log: Log,
    through: u64,
    ticket: Ticket,
}

impl Worker {
    pub(super) fn new(
        store: Arc<Store>,
        logs: StoredLogs,
        gauges: Arc<Gauges>,
        kept: mpsc::Sender<Kept>,
    ) -> Self {
        let journal = Some(Waiting::default());
        Self {
            store,
            logs,
            gauges,
            measured: None,
            kept,
            journal,
            own: None,
            failed: HashSet::new(),
            last_failure: None,
        }
    }

    /// Until the handle is dropped and everything is stored, or the disk refuses it.
    pub(super) fn run(mut self, queue: &Receiver<Write>) {
        loop {
            let first = match queue.recv_timeout(self.patience()) {
                Ok(write) => Some(write),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    self.store_batch(Vec::new());
                    return;
                }
            };
            let batch = first.into_iter().chain(queue.try_iter()).take(WRITES_PER_BATCH).collect();
            self.store_batch(batch);
            if self.kept.blocking_send(Kept::Batch(self.store.health())).is_err() {
                // Nobody listens any more; what waits is still stored.
                self.store_batch(queue.try_iter().collect());
                return;
            }
        }
    }

    /// How long to wait for more: not long while something waits to be tried again.
    fn patience(&self) -> Duration {
        let journal = self.journal.as_ref().is_some_and(|waiting| !waiting.is_empty());
        let own = self.own.as_ref().is_some_and(|own| !own.waiting.is_empty());
        if journal || own || !self.failed.is_empty() { STORE_RETRY } else { Duration::from_secs(3_600) }
    }

    fn store_batch(&mut self, batch: Vec<Write>) {
        let mut foreign = Vec::new();
        let weight: usize = batch.iter().map(Write::bytes).sum();
        for write in batch {
            match write {
                Write::Journal(record) => self.journal_push(record),
                Write::Own { log, first, entries } => self.own_push(log, first, entries),
                Write::Foreign { log, first, entries } => {
                    foreign.extend(self.submit_foreign(log, first, entries));
                }
                Write::Truncate { log, keep, number } => {
                    self.settle_foreign(std::mem::take(&mut foreign));
                    self.truncate(log, keep, number);
                }
                Write::Forget { log, number } => {
                    self.settle_foreign(std::mem::take(&mut foreign));
                    self.forget(log, number);
                }
            }
        }
        self.settle_journal_and_own();
        self.settle_foreign(foreign);
        self.gauges.waiting.fetch_sub(weight, Ordering::Relaxed);
        self.prune_journal();
        self.measure();
    }

    fn journal_push(&mut self, record: bytes::Bytes) {
        if record.len() > storage::MAX_RECORD {
            // The start of a bridge that holds thousands of logs. Without it the rest does not replay.
            self.end_journal(format!(
                "a record of {} bytes is longer than a stored one may be",
                record.len()
            ));
        } else if let Some(waiting) = &mut self.journal {
            waiting.push(record);
        }
    }

    fn end_journal(&mut self, reason: String) {
        self.journal = None;
        self.tell(Kept::JournalEnded { reason });
    }

    fn own_push(&mut self, id: LogId, first: u64, entries: Vec<Entry>) {
        if self.own.as_ref().is_none_or(|own| own.id != id) {
            tracing::debug!(log = %id, first, "the own log begins");
            self.own = Some(Own { id, waiting: Waiting::default() });
        }
        if let Some(own) = &mut self.own {
            entries.iter().for_each(|entry| own.waiting.push(entry.encode()));
        }
    }

    /// The journal goes first, so that what is durable of the own log is always explained by the journal.
    fn settle_journal_and_own(&mut self) {
        let (store, logs) = (&self.store, &self.logs);
        let journal = self.journal.as_mut().map(|waiting| waiting.submit(|| store.log(JOURNAL)));
        let own = self.own.as_mut().map(|own| own.waiting.submit(|| open(store, logs, own.id)));
        if let (Some(submitted), Some(waiting)) = (journal, &mut self.journal) {
            let settled = settle(waiting, submitted);
            if let Some(reason) = settled.failure
                && waiting.bytes() > JOURNAL_WAITING_BYTES
            {
                self.end_journal(reason);
            }
        }
        if let (Some(submitted), Some(own)) = (own, &mut self.own) {
            let settled = settle(&mut own.waiting, submitted);
            let log = own.id;
            if let Some(through) = settled.through {
                self.tell(Kept::Own { epoch: log.epoch, through });
            }
            if let Some(reason) = settled.failure {
                self.tell(Kept::Failed { log, reason });
            }
        }
    }

    fn submit_foreign(&mut self, id: LogId, first: u64, entries: Vec<Entry>) -> Option<Foreign> {
        let log = match open(&self.store, &self.logs, id) {
            Ok(log) => log,
            Err(error) => {
                self.fail_foreign(id, error.to_string());
                return None;
            }
        };
        if self.failed.contains(&id) {
            if log.head() + 1 != first {
                return None;
            }
            self.failed.remove(&id);
        }
        let through = first + entries.len() as u64 - 1;
        let ticket = log.append_at(first, entries.iter().map(Entry::encode).collect());
        Some(Foreign { id, log, through, ticket })
    }

    fn settle_foreign(&mut self, appends: Vec<Foreign>) {
        let mut durable: Vec<(LogId, u64)> = Vec::new();
        for Foreign { id, log, through, ticket } in appends {
            match ticket.wait() {
                Ok(_) => match durable.last_mut() {
                    Some((last, up_to)) if *last == id => *up_to = through,
                    _ => durable.push((id, through)),
                },
                // A failed store may have kept it nevertheless.
                Err(_) if log.head() >= through => durable.push((id, through)),
                Err(error) => self.fail_foreign(id, error.to_string()),
            }
        }
        for (log, through) in durable {
            self.tell(Kept::Foreign { log, through });
        }
    }

    /// Tells the core once, and not more often than it helps: it will ask a neighbour for the same again.
    fn fail_foreign(&mut self, log: LogId, reason: String) {
        if !self.failed.insert(log) {
            return;
        }
        let pause =
            self.last_failure.map_or(Duration::ZERO, |last| STORE_RETRY.saturating_sub(last.elapsed()));
        std::thread::sleep(pause);
        self.last_failure = Some(Instant::now());
        self.tell(Kept::Failed { log, reason });
    }

    fn truncate(&self, id: LogId, keep: u64, number: u64) {
        match open(&self.store, &self.logs, id).and_then(|log| log.truncate_after(keep)) {
            Ok(()) => self.logs.cut_done(&id, number),
            // The cut stays in force for readers; it is found again, with the proof, after a restart.
            Err(error) => tracing::warn!(log = %id, %error, "a log could not be cut back"),
        }
    }

    fn forget(&mut self, id: LogId, number: u64) {
        self.logs.remove(&id);
        self.failed.remove(&id);
        match self.store.remove(&name_of(&id)) {
            Ok(()) | Err(LogError::NotFound) => self.logs.cut_done(&id, number),
            Err(error) => tracing::warn!(log = %id, %error, "a log could not be removed"),
        }
    }

    /// Drops the oldest sixteenth of a journal that is too large.
    fn prune_journal(&self) {
        let Some(log) = self.journal.as_ref().and_then(Waiting::log) else { return };
        if log.size_on_disk() > JOURNAL_BYTES {
            let before = log.first() + log.len() / 16 + 1;
            if let Err(error) = log.drop_before(before) {
                tracing::warn!(%error, "the journal could not be shortened");
            }
        }
    }

    /// Looks at the size of the store, once in a while.
    fn measure(&mut self) {
        if self.measured.is_none_or(|last| last.elapsed() >= MEASURE_EVERY) {
            self.gauges.size.store(self.store.size_on_disk(), Ordering::Relaxed);
            self.measured = Some(Instant::now());
        }
    }

    fn tell(&self, kept: Kept) {
        // An actor that is gone has no use for it.
        let _ = self.kept.blocking_send(kept);
    }
}

fn open(store: &Store, logs: &StoredLogs, id: LogId) -> Result<Log, LogError> {
    if let Some(log) = logs.get(&id) {
        return Ok(log);
    }
    let log = store.log(&name_of(&id))?;
    logs.insert(id, log.clone());
    Ok(log)
}

fn settle(waiting: &mut Waiting, submitted: Result<Submitted, LogError>) -> Settled {
    match submitted {
        Ok(submitted) => waiting.settle(submitted),
        Err(error) => Settled { through: None, failure: Some(error.to_string()) },
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}
