//! Reading a log forwards and backwards. No iterator holds the database: each chunk is fetched when it is needed.

use bytes::Bytes;

use crate::error::ReadError;
use crate::log::Log;
use crate::read::Chunk;

/// Records from lower to higher positions. Ends after the first error.
#[derive(Debug)]
pub struct Records {
    log: Log,
    /// The next position, and the last one to read; at its end when `next > last`.
    next: u64,
    last: u64,
    chunk: Option<Chunk>,
    /// Reported once at the end: what should follow is gone.
    tail: Option<ReadError>,
}

/// Records from higher to lower positions. Ends after the first error.
#[derive(Debug)]
pub struct Backward {
    log: Log,
    /// The next position to read; at its end when `next < first`.
    next: u64,
    first: u64,
    chunk: Option<Chunk>,
    /// Reported first: what should stand at the end is gone.
    tail: Option<ReadError>,
}

impl Records {
    pub(super) fn new(log: Log, from: u64, to: u64) -> Self {
        let (first, head, tail) = bounds(&log, to);
        Self { next: from.max(first), last: to.min(head), chunk: None, tail, log }
    }

    fn read(&mut self) -> Result<(u64, Bytes), ReadError> {
        loop {
            if let Some(record) = self.chunk.as_ref().and_then(|chunk| chunk.record(self.next)) {
                self.next += 1;
                return Ok((self.next - 1, record));
            }
            self.chunk = Some(self.log.chunk_at(self.next)?);
        }
    }
}

impl Iterator for Records {
    type Item = Result<(u64, Bytes), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.last {
            return self.tail.take().map(Err);
        }
        let result = self.read();
        if result.is_err() {
            self.next = u64::MAX;
            self.last = 0;
            self.tail = None;
        }
        Some(result)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from((self.last + 1).saturating_sub(self.next)).unwrap_or(usize::MAX);
        (0, left.checked_add(1))
    }
}

impl Backward {
    pub(super) fn new(log: Log, from: u64) -> Self {
        let (first, head, tail) = bounds(&log, from);
        Self { next: from.min(head), first, chunk: None, tail, log }
    }

    fn read(&mut self) -> Result<(u64, Bytes), ReadError> {
        loop {
            let here =
                self.chunk.as_ref().filter(|chunk| chunk.first() <= self.next && self.next <= chunk.last());
            if let Some(record) = here.and_then(|chunk| chunk.record(self.next)) {
                self.next -= 1;
                return Ok((self.next + 1, record));
            }
            self.chunk = Some(self.log.chunk_at(self.next)?);
        }
    }
}

impl Iterator for Backward {
    type Item = Result<(u64, Bytes), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(damage) = self.tail.take() {
            self.first = u64::MAX;
            return Some(Err(damage));
        }
        if self.next < self.first {
            return None;
        }
        let result = self.read();
        if result.is_err() {
            self.first = u64::MAX;
        }
        Some(result)
    }
}

/// First position, the last that can be trusted, and the damage after it if that lies within what was asked for.
fn bounds(log: &Log, to: u64) -> (u64, u64, Option<ReadError>) {
    let view = log.state.view();
    let first = view.head.first;
    let sound = view.damage.as_ref().map_or(u64::MAX, |damage| damage.position - 1);
    let head = view.head.head.min(sound);
    let tail = if view.removed {
        Some(ReadError::Removed)
    } else {
        view.damage.filter(|damage| to >= damage.position).map(|damage| ReadError::Damaged {
            log: log.name().to_owned(),
            position: damage.position,
            what: damage.what,
        })
    };
    if view.removed { (first, first.saturating_sub(1), tail) } else { (first, head, tail) }
}
