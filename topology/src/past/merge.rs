//! All logs as one history.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    fmt,
};

use bytes::Bytes;

use crate::{Event, Hlc, LogId};

use super::archive::{Archive, BATCH_BYTES, BATCH_EVENTS};

/// An event and the log that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The log.
    pub log: LogId,
    /// The event.
    pub event: Event,
    /// As its owner encoded it.
    pub bytes: Bytes,
}

/// Events of several logs in the order of (time, owner, epoch, sequence). Memory: one batch for each log.
pub struct Merged<'a> {
    archive: &'a dyn Archive,
    cursors: Vec<Cursor>,
    /// The next event of each log: its place in the order, and the cursor's.
    next: BinaryHeap<Reverse<(Hlc, LogId, usize)>>,
    unreadable: Vec<(LogId, u64)>,
}

/// A log that is read from front to back.
struct Cursor {
    log: LogId,
    next: u64,
    last: u64,
    batch: VecDeque<(Event, Bytes)>,
}

impl<'a> Merged<'a> {
    /// The events `first..=last` of each log.
    pub fn new(archive: &'a dyn Archive, parts: impl IntoIterator<Item = (LogId, u64, u64)>) -> Self {
        let mut merged =
            Self { archive, cursors: Vec::new(), next: BinaryHeap::new(), unreadable: Vec::new() };
        for (log, first, last) in parts {
            merged.cursors.push(Cursor { log, next: first.max(1), last, batch: VecDeque::new() });
            merged.line_up(merged.cursors.len() - 1);
        }
        merged
    }

    /// Logs that could not be read to their end, and the first event that was missing.
    pub fn unreadable(&self) -> &[(LogId, u64)] {
        &self.unreadable
    }

    /// Puts the next event of a log in its place, reading on where necessary.
    fn line_up(&mut self, index: usize) {
        let cursor = &mut self.cursors[index];
        if cursor.batch.is_empty() && cursor.next <= cursor.last {
            cursor.fill(self.archive);
            if cursor.batch.is_empty() {
                self.unreadable.push((cursor.log, cursor.next));
                cursor.next = u64::MAX;
            }
        }
        if let Some((event, _)) = cursor.batch.front() {
            self.next.push(Reverse((event.time, cursor.log, index)));
        }
    }
}

impl Cursor {
    fn fill(&mut self, archive: &dyn Archive) {
        let left = usize::try_from(self.last - self.next).unwrap_or(usize::MAX).saturating_add(1);
        for entry in archive.read(&self.log, self.next, BATCH_EVENTS.min(left), BATCH_BYTES) {
            match Event::decode(&entry.event) {
                Ok(event) if event.sequence == self.next => {
                    self.next += 1;
                    self.batch.push_back((event, entry.event));
                }
                _ => break,
            }
        }
    }
}

impl Iterator for Merged<'_> {
    type Item = Placed;

    fn next(&mut self) -> Option<Placed> {
        let Reverse((_, log, index)) = self.next.pop()?;
        let (event, bytes) = self.cursors[index].batch.pop_front()?;
        self.line_up(index);
        Some(Placed { log, event, bytes })
    }
}

impl fmt::Debug for Merged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merged").field("logs", &self.cursors.len()).finish_non_exhaustive()
    }
}
