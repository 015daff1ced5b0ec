//! Group commit: one append is on its way to the disk, the next one gathers meanwhile.

use std::{
    collections::VecDeque,
    future::{pending, poll_fn},
    pin::Pin,
};

use bytes::Bytes;
use storage::{AppendError, Appended, Health, Log, Store, Ticket};

use crate::limits::{APPEND_BYTES, APPEND_RECORDS};

/// The queue to the history.
#[derive(Debug)]
pub(crate) struct Writer {
    log: Log,
    /// The last position that was told as stored.
    told: u64,
    queue: VecDeque<Bytes>,
    under_way: Option<Append>,
    /// Why the last append failed.
    failed: Option<String>,
}

#[derive(Debug)]
struct Append {
    ticket: Ticket,
    records: usize,
}

/// What came of an append.
#[derive(Debug)]
pub(crate) enum Written {
    Stored { first: u64, records: usize },
    Failed { reason: String },
}

impl Writer {
    pub(crate) fn new(log: Log) -> Self {
        Self { told: log.head(), log, queue: VecDeque::new(), under_way: None, failed: None }
    }

    pub(crate) fn push(&mut self, record: Bytes) {
        if self.failed.is_none() {
            self.queue.push_back(record);
        }
    }

    /// Begins the next append, if none is under way.
    pub(crate) fn start(&mut self) {
        if self.under_way.is_some() || self.queue.is_empty() {
            return;
        }
        let mut bytes = 0;
        let fits = self.queue.iter().take(APPEND_RECORDS).take_while(|record| {
            bytes += record.len();
            bytes <= APPEND_BYTES
        });
        let count = fits.count().max(1);
        let records: Vec<_> = self.queue.drain(..count).collect();
        let records_count = records.len();
        let ticket = self.log.append(records);
        self.under_way = Some(Append { ticket, records: records_count });
    }

    /// Resolves when the append under way ends; never, when there is none. Safe to drop and call again.
    pub(crate) async fn done(&mut self) -> Written {
        let Some(append) = &mut self.under_way else { return pending().await };
        let outcome = poll_fn(|context| Pin::new(&mut append.ticket).poll(context)).await;
        let records = append.records;
        self.under_way = None;
        self.on_outcome(outcome, records)
    }

    fn on_outcome(&mut self, outcome: Result<Appended, AppendError>, records: usize) -> Written {
        match outcome {
            Ok(appended) => {
                self.told = appended.last;
                Written::Stored { first: appended.first, records }
            }
            Err(error) => {
                self.queue.clear();
                let reason = error.to_string();
                self.failed = Some(reason.clone());
                Written::Failed { reason }
            }
        }
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// The last durable position.
    pub(crate) fn head(&self) -> u64 {
        self.log.head()
    }

    pub(crate) const fn log(&self) -> &Log {
        &self.log
    }

    /// Looks whether the store works again. What was told as not stored is cut off, should it be there.
    pub(crate) fn try_again(&mut self, store: &Store) -> bool {
        if self.failed.is_none() || store.health() != Health::Ok {
            return false;
        }
        if self.log.head() > self.told
            && let Err(error) = self.log.truncate_after(self.told)
        {
            tracing::warn!(%error, "the end of the history could not be cut off; trying again");
            return false;
        }
        self.failed = None;
        true
    }
}
