//! The thread's loop: take up what waits, store it together, tell.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use storage::{LogError, Store};
use tokio::sync::mpsc;
use topology::{Entry, LogId, Snapshot};

use super::{
    Gauges, Kept, Write,
    disk::Disk,
    foreign::Foreign,
    open,
    waiting::{Settled, Submitted, Waiting},
};
use crate::{
    limits::{JOURNAL_WAITING_BYTES, STORE_RETRY, WRITES_PER_BATCH},
    snapshots,
    stored_logs::{JOURNAL, StoredLogs},
};

pub(super) struct Worker {
    store: Arc<Store>,
    logs: StoredLogs,
    gauges: Arc<Gauges>,
    disk: Disk,
    kept: mpsc::Sender<Kept>,
    /// `None` once the journal of this run has ended.
    journal: Option<Waiting>,
    /// The own logs of this run; those before the last only while something of them waits.
    own: Vec<Own>,
    foreign: Foreign,
}

struct Own {
    id: LogId,
    waiting: Waiting,
}

impl Worker {
    pub(super) fn new(
        (store, logs): (Arc<Store>, StoredLogs),
        disk: Disk,
        gauges: Arc<Gauges>,
        kept: mpsc::Sender<Kept>,
    ) -> Self {
        let foreign = Foreign::new(Arc::clone(&store), logs.clone());
        let journal = Some(Waiting::default());
        Self { store, logs, gauges, disk, kept, journal, own: Vec::new(), foreign }
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
        let own = self.own.iter().any(|own| !own.waiting.is_empty());
        let retry = if journal || own { STORE_RETRY } else { self.disk.patience() };
        self.foreign.patience(Instant::now()).map_or(retry, |patience| patience.min(retry))
    }

    fn store_batch(&mut self, batch: Vec<Write>) {
        let weight: usize = batch.iter().map(Write::bytes).sum();
        self.foreign.retry(Instant::now());
        let mut taken = Vec::new();
        for write in batch {
            match write {
                Write::Journal(record) => self.journal_push(record),
                Write::Own { log, first, entries } => self.own_push(log, first, &entries),
                Write::Foreign { log, first, entries } => self.foreign.append(log, first, &entries),
                Write::Snapshot(snapshot) => taken.push(snapshot),
                Write::Truncate { log, keep, number } => {
                    self.settle_foreign();
                    self.foreign.truncate(log, keep, number);
                }
                Write::Forget { log, number } => {
                    self.settle_foreign();
                    self.foreign.forget(log, number);
                }
            }
        }
        self.settle_journal_and_own();
        self.settle_foreign();
        taken.iter().for_each(|snapshot| self.keep_snapshot(snapshot));
        if weight > 0 {
            self.logs.tell_grown();
        }
        self.gauges.waiting.fetch_sub(weight, Ordering::Relaxed);
        self.look_at_disk();
    }

    /// Behind what it is made of, and only if there is room.
    fn keep_snapshot(&self, snapshot: &Snapshot) {
        let log = snapshot.head.log;
        match snapshots::keep(&self.store, &self.logs, snapshot) {
            Ok(kept) => tracing::debug!(%log, through = snapshot.head.sequence, kept, "a snapshot"),
            Err(error) => tracing::debug!(%log, %error, "a snapshot was not kept"),
        }
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

    fn own_push(&mut self, id: LogId, first: u64, entries: &[Entry]) {
        if self.own.last().is_none_or(|own| own.id != id) {
            tracing::debug!(log = %id, first, "the own log begins");
            self.own.push(Own { id, waiting: Waiting::from(first) });
        }
        if let Some(own) = self.own.last_mut() {
            entries.iter().for_each(|entry| own.waiting.push(entry.encode()));
        }
    }

    /// The journal goes first, so that what is durable of the own log is always explained by the journal.
    fn settle_journal_and_own(&mut self) {
        let (store, logs) = (&self.store, &self.logs);
        let journal = self.journal.as_mut().map(|waiting| waiting.submit(|| store.log(JOURNAL)));
        let own: Vec<_> =
            self.own.iter_mut().map(|own| own.waiting.submit(|| open(store, logs, own.id))).collect();
        if let (Some(submitted), Some(waiting)) = (journal, &mut self.journal) {
            let settled = settle(waiting, submitted);
            if let Some(reason) = settled.failure
                && waiting.bytes() > JOURNAL_WAITING_BYTES
            {
                self.end_journal(reason);
            }
        }
        self.settle_own(own);
    }

    fn settle_own(&mut self, submitted: Vec<Result<Submitted, LogError>>) {
        let mut told = Vec::new();
        for (own, submitted) in self.own.iter_mut().zip(submitted) {
            let settled = settle(&mut own.waiting, submitted);
            let log = own.id;
            if let Some(through) = settled.through {
                told.push(Kept::Own { epoch: log.epoch, through });
            }
            if let Some(reason) = settled.failure {
                told.push(Kept::Failed { log, reason });
            }
        }
        let last = self.own.last().map(|own| own.id);
        self.own.retain(|own| Some(own.id) == last || !own.waiting.is_empty());
        told.into_iter().for_each(|kept| self.tell(kept));
    }

    fn settle_foreign(&mut self) {
        self.foreign.settle(Instant::now()).into_iter().for_each(|kept| self.tell(kept));
    }

    fn look_at_disk(&mut self) {
        let now = Instant::now();
        if let Some(log) = self.journal.as_ref().and_then(Waiting::log) {
            self.disk.prune_journal(log, now);
        }
        if let Some(found) = self.disk.measure(now) {
            *self.gauges.disk.lock().unwrap_or_else(PoisonError::into_inner) = found;
        }
    }

    fn tell(&self, kept: Kept) {
        // An actor that is gone has no use for it.
        let _ = self.kept.blocking_send(kept);
    }
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
