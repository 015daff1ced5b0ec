//! Appends that must not be lost: they wait, in order, until the disk takes them.

use std::collections::VecDeque;

use bytes::Bytes;
use storage::{AppendError, Log, LogError, Ticket};

/// At most this much goes into one append, bytes; the storage takes 4 MiB.
const APPEND_BYTES: usize = 1024 * 1024;

/// The records of one log that are not durable yet.
///
/// Each has its number from the start. A failed store may have kept what it refused, and may find that out only when it
/// opens its database again; with their numbers known, records are never appended a second time behind themselves.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Not there before the disk has room for it.
    log: Option<Log>,
    /// The number of the first record that waits; `None` until the log says where it goes on.
    next: Option<u64>,
    records: VecDeque<Bytes>,
    bytes: usize,
}

/// Appends under way.
#[derive(Debug)]
pub(super) struct Submitted {
    /// How far the log was durable before, as far as was known.
    before: u64,
    tickets: Vec<Ticket>,
}

/// How far the log is durable now, and what kept the rest from it.
#[derive(Debug)]
pub(super) struct Settled {
    /// The new head, if it moved.
    pub(super) through: Option<u64>,
    pub(super) failure: Option<String>,
}

impl Waiting {
    /// Records of a log of which the first is to have this number.
    pub(super) fn from(first: u64) -> Self {
        Self { next: Some(first), ..Self::default() }
    }

    pub(super) fn push(&mut self, record: Bytes) {
        self.bytes += record.len();
        self.records.push_back(record);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn log(&self) -> Option<&Log> {
        self.log.as_ref()
    }

    /// Hands everything to the storage without waiting; [`Self::settle`] waits.
    pub(super) fn submit(
        &mut self,
        open: impl FnOnce() -> Result<Log, LogError>,
    ) -> Result<Submitted, LogError> {
        if self.log.is_none() && !self.records.is_empty() {
            self.log = Some(open()?);
        }
        let Some(log) = self.log.clone() else { return Ok(Submitted { before: 0, tickets: Vec::new() }) };
        let before = *self.next.get_or_insert_with(|| log.head() + 1) - 1;
        let mut next = self.drop_stored(log.head());
        let mut tickets = Vec::new();
        for group in groups(&self.records) {
            let count = group.len() as u64;
            // At its place or not at all: after a failure in the middle the rest must not close up.
            tickets.push(log.append_at(next, group));
            next += count;
        }
        Ok(Submitted { before, tickets })
    }

    /// Waits for the storage and drops what is durable.
    pub(super) fn settle(&mut self, submitted: Submitted) -> Settled {
        let mut failure = None;
        for ticket in submitted.tickets {
            if let Err(error) = ticket.wait() {
                failure.get_or_insert(error);
            }
        }
        let durable = match self.log.as_ref().map(Log::head) {
            Some(head) => self.drop_stored(head) - 1,
            None => 0,
        };
        let through = (durable > submitted.before).then_some(durable);
        Settled { through, failure: failure.map(|error: AppendError| error.to_string()) }
    }

    /// Drops the records up to this number. Gives the number of the first that waits still.
    fn drop_stored(&mut self, through: u64) -> u64 {
        let mut next = self.next.unwrap_or(through + 1);
        while next <= through
            && let Some(record) = self.records.pop_front()
        {
            self.bytes -= record.len();
            next += 1;
        }
        self.next = Some(next);
        next
    }
}

/// Runs of records that go into one append each.
fn groups(records: &VecDeque<Bytes>) -> Vec<Vec<Bytes>> {
    let mut groups: Vec<Vec<Bytes>> = Vec::new();
    let mut bytes = 0;
    for record in records {
        bytes += record.len();
        match groups.last_mut() {
            Some(group) if bytes <= APPEND_BYTES => group.push(record.clone()),
            _ => {
                bytes = record.len();
                groups.push(vec![record.clone()]);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use storage::{Options, Store};

    use super::*;

    fn record(n: u8) -> Bytes {
        Bytes::from(vec![n; 10])
    }

    /// They were once appended again, under new numbers.
    #[test]
    fn what_a_failed_store_kept_after_all_is_not_appended_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        let log = store.log("journal").unwrap();
        log.append_sync(vec![record(1)]).unwrap();
        let mut waiting = Waiting::default();
        waiting.push(record(2));
        let submitted = waiting.submit(|| store.log("journal")).unwrap();
        assert_eq!(waiting.settle(submitted).through, Some(2));
        // The append of this one failed, and the reopened database has it.
        waiting.push(record(3));
        log.append_sync(vec![record(3)]).unwrap();
        waiting.push(record(4));
        let submitted = waiting.submit(|| store.log("journal")).unwrap();
        let settled = waiting.settle(submitted);
        assert_eq!((settled.through, settled.failure), (Some(4), None));
        assert!(waiting.is_empty() && waiting.bytes() == 0);
        let stored: Vec<_> = log.iter().map(|found| found.unwrap().1).collect();
        assert_eq!(stored, [record(1), record(2), record(3), record(4)]);
    }
}
