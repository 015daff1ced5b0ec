//! The logs of others: appended, cut and removed as the core says, and told to it when that fails.
//!
//! The core takes what failed as never come and asks its neighbours for it anew. Until it knows, it goes on handing over
//! what came behind; that is dropped, for a log is believed only up to where the core was told. A failed store may have
//! kept what it refused, and may find that out late: such a rest is cut before the log goes on. Cuts and removals that
//! the store refused are tried again, and first of all before their log takes anything.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use storage::{AppendError, Log, LogError, Store, Ticket};
use topology::{Entry, LogId};

use super::{Kept, open};
use crate::{
    limits::STORE_RETRY,
    snapshots,
    stored_logs::{StoredLogs, name_of},
};

/// The logs of others, as the thread that stores them sees them.
pub(super) struct Foreign {
    store: Arc<Store>,
    logs: StoredLogs,
    under_way: Vec<Append>,
    /// Logs of which an append failed, and the number of its first record: the core goes on there, or before.
    failed: HashMap<LogId, u64>,
    /// Failures of which the core does not know.
    untold: HashMap<LogId, String>,
    last_told: Option<Instant>,
    /// What the store refused to cut.
    uncut: HashMap<LogId, Cut>,
    last_cut: Option<Instant>,
}

/// One append under way.
struct Append {
    id: LogId,
    log: Log,
    first: u64,
    through: u64,
    ticket: Ticket,
}

/// A cut to be done.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// What stays; `None`: the log itself does not.
    keep: Option<u64>,
    number: u64,
}

impl Foreign {
    pub(super) fn new(store: Arc<Store>, logs: StoredLogs) -> Self {
        Self {
            store,
            logs,
            under_way: Vec::new(),
            failed: HashMap::new(),
            untold: HashMap::new(),
            last_told: None,
            uncut: HashMap::new(),
            last_cut: None,
        }
    }

    /// How long until something is to be tried or told; nothing: for ever.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        let told = (!self.untold.is_empty()).then(|| pause(self.last_told, now));
        let cut = (!self.uncut.is_empty()).then(|| pause(self.last_cut, now));
        // While a log does not go on, the actor is to hear how the store is.
        let failed = (!self.failed.is_empty()).then_some(STORE_RETRY);
        [told, cut, failed].into_iter().flatten().min()
    }

    /// Hands an append to the storage without waiting; [`Self::settle`] waits.
    pub(super) fn append(&mut self, id: LogId, first: u64, entries: &[Entry]) {
        let failed = self.failed.get(&id).copied();
        if failed.is_some_and(|failed| first > failed) {
            // From before the core knew.
            return;
        }
        match self.ready(id, first, failed.is_some()) {
            Ok(log) => {
                self.failed.remove(&id);
                let through = first + entries.len() as u64 - 1;
                let ticket = log.append_at(first, entries.iter().map(Entry::encode).collect());
                self.under_way.push(Append { id, log, first, through, ticket });
            }
            Err(error) => self.fail(id, first, error.to_string()),
        }
    }

    /// Waits for the appends under way. Gives what is to be told, what is durable first: a failure takes back all that
    /// the core was not told of.
    pub(super) fn settle(&mut self, now: Instant) -> Vec<Kept> {
        let mut durable: Vec<(LogId, u64)> = Vec::new();
        for Append { id, log, first, through, ticket } in std::mem::take(&mut self.under_way) {
            let kept = match ticket.wait() {
                Ok(_) => Ok(()),
                // A failed store may have kept it nevertheless.
                Err(AppendError::Failed { .. } | AppendError::Closed) if log.head() >= through => Ok(()),
                Err(error) => Err(error.to_string()),
            };
            match kept {
                // Behind a failure: the core takes it as lost.
                _ if self.failed.contains_key(&id) => {}
                Ok(()) => match durable.last_mut() {
                    Some((last, up_to)) if *last == id => *up_to = through,
                    _ => durable.push((id, through)),
                },
                Err(reason) => self.fail(id, first, reason),
            }
        }
        let mut told: Vec<_> =
            durable.into_iter().map(|(log, through)| Kept::Foreign { log, through }).collect();
        told.extend(self.failures(now));
        told
    }

    /// Cuts a log; nothing of it is under way.
    pub(super) fn truncate(&mut self, id: LogId, keep: u64, number: u64) {
        if let Some(first) = self.failed.get_mut(&id) {
            *first = (*first).min(keep + 1);
        }
        self.cut(id, Cut { keep: Some(keep), number });
    }

    /// Removes a log; nothing of it is under way.
    pub(super) fn forget(&mut self, id: LogId, number: u64) {
        self.logs.remove(&id);
        self.failed.remove(&id);
        self.untold.remove(&id);
        self.cut(id, Cut { keep: None, number });
    }

    /// Tries again what the store refused to cut, once in a while.
    pub(super) fn retry(&mut self, now: Instant) {
        if self.uncut.is_empty() || !pause(self.last_cut, now).is_zero() {
            return;
        }
        self.last_cut = Some(now);
        let uncut: Vec<LogId> = self.uncut.keys().copied().collect();
        for id in uncut {
            if let Err(error) = self.cut_now(id) {
                tracing::debug!(log = %id, %error, "a log still cannot be cut back");
            }
        }
    }

    /// The log, cut to where an append may begin.
    fn ready(&mut self, id: LogId, first: u64, failed: bool) -> Result<Log, LogError> {
        self.cut_now(id)?;
        let log = open(&self.store, &self.logs, id)?;
        if failed && log.head() >= first {
            tracing::debug!(log = %id, first, head = log.head(), "the store kept what it had refused");
            log.truncate_after(first - 1)?;
        }
        Ok(log)
    }

    fn fail(&mut self, id: LogId, first: u64, reason: String) {
        self.failed.insert(id, first);
        self.untold.insert(id, reason);
    }

    /// The failures that are to be told now: not more often than it helps, for the core asks for the same again.
    fn failures(&mut self, now: Instant) -> Vec<Kept> {
        if self.untold.is_empty() || !pause(self.last_told, now).is_zero() {
            return Vec::new();
        }
        self.last_told = Some(now);
        self.untold.drain().map(|(log, reason)| Kept::Failed { log, reason }).collect()
    }

    fn cut(&mut self, id: LogId, cut: Cut) {
        let keep = match self.uncut.get(&id) {
            Some(before) => before.keep.and_then(|before| cut.keep.map(|keep| keep.min(before))),
            None => cut.keep,
        };
        self.uncut.insert(id, Cut { keep, ..cut });
        if let Err(error) = self.cut_now(id) {
            // It stays in force for readers; it is found again, with the proof, after a restart.
            tracing::warn!(log = %id, %error, "a log could not be cut back; it is tried again");
        }
    }

    /// Does what is to be cut of a log, if anything is.
    fn cut_now(&mut self, id: LogId) -> Result<(), LogError> {
        let Some(&Cut { keep, number }) = self.uncut.get(&id) else { return Ok(()) };
        let done = match keep {
            Some(keep) => open(&self.store, &self.logs, id).and_then(|log| log.truncate_after(keep)),
            // The snapshots first: without the log nobody would look for them.
            None => match self.store.remove(&snapshots::name(&id)) {
                Ok(()) | Err(LogError::NotFound) => self.store.remove(&name_of(&id)),
                Err(error) => Err(error),
            },
        };
        match done {
            Ok(()) | Err(LogError::NotFound) => {
                self.uncut.remove(&id);
                self.logs.cut_done(&id, number);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// How long until something that is done once in a while may be done again.
fn pause(last: Option<Instant>, now: Instant) -> Duration {
    last.map_or(Duration::ZERO, |last| STORE_RETRY.saturating_sub(now.saturating_duration_since(last)))
}

#[cfg(test)]
mod tests;
