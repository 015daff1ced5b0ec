//! Appends that must not be lost: they wait, in order, until the disk takes them.

use std::collections::VecDeque;

use bytes::Bytes;
use storage::{AppendError, Log, LogError, Ticket};

/// At most this much goes into one append, bytes; the storage takes 4 MiB.
const APPEND_BYTES: usize = 1024 * 1024;

/// The records of one log that are not durable yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Not there before the disk has room for it.
    log: Option<Log>,
    records: VecDeque<Bytes>,
    bytes: usize,
}

/// Appends under way.
#[derive(Debug)]
pub(super) struct Submitted {
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
        let Some(log) = &self.log else { return Ok(Submitted { before: 0, tickets: Vec::new() }) };
        let before = log.head();
        let mut next = before + 1;
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
        let head = self.log.as_ref().map_or(0, Log::head);
        for _ in submitted.before..head {
            if let Some(record) = self.records.pop_front() {
                self.bytes -= record.len();
            }
        }
        let through = (head > submitted.before).then_some(head);
        Settled { through, failure: failure.map(|error: AppendError| error.to_string()) }
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
