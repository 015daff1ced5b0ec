//! One named log of a store.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{AppendError, LogError, ReadError};
use crate::health::Damage;
use crate::oneshot::pair;
use crate::options::{MAX_APPEND, MAX_RECORD};
use crate::queue::{Append, Change, Command, Full};
use crate::read::chunk_at;
use crate::shared::Shared;
use crate::ticket::{Appended, Ticket};

mod iter;
pub(crate) mod state;

pub use iter::{Backward, Records};
use state::LogState;

/// An append-only log: records at the positions 1, 2, 3 and so on. Clones are the same log; all methods may be called
/// from any thread. Methods that touch the disk block: call them from a thread that may.
#[derive(Debug, Clone)]
pub struct Log {
    shared: Arc<Shared>,
    state: Arc<LogState>,
}

/// Whether to wait for room in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Wait,
    Refuse,
}

impl Log {
    pub(crate) fn new(shared: Arc<Shared>, state: Arc<LogState>) -> Self {
        Self { shared, state }
    }

    /// The name it was opened by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Appends records, which get the next positions, all or none. Blocks only while the queue to the writer is full;
    /// the ticket resolves when the records are on the disk. Appends from one thread keep their order.
    pub fn append(&self, records: Vec<Bytes>) -> Ticket {
        self.send(records, None, Room::Wait)
    }

    /// Like [`Self::append`], but refuses with [`AppendError::Busy`] where that would block.
    pub fn try_append(&self, records: Vec<Bytes>) -> Ticket {
        self.send(records, None, Room::Refuse)
    }

    /// Like [`Self::append`], but refuses with [`AppendError::Position`] unless the first record gets position `first`.
    pub fn append_at(&self, first: u64, records: Vec<Bytes>) -> Ticket {
        self.send(records, Some(first), Room::Wait)
    }

    /// Appends records and waits until they are on the disk.
    ///
    /// # Errors
    /// [`AppendError`] says why they were not stored.
    pub fn append_sync(&self, records: Vec<Bytes>) -> Result<Appended, AppendError> {
        self.append(records).wait()
    }

    /// The position of the last durable record; 0 if there never was one.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.state.head().head
    }

    /// The first position that the log still holds; the next one to come if it is empty.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.state.head().first
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.state.head().len()
    }

    /// Whether it holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that its records take with all that storing them adds, before sled's own overhead.
    #[must_use]
    pub fn size_on_disk(&self) -> u64 {
        self.state.head().bytes
    }

    /// Damage at the end of the log that opening it found: it takes no records until [`Self::truncate_after`] has cut
    /// it to before that position. Damage in the middle shows when it is read.
    #[must_use]
    pub fn damage(&self) -> Option<Damage> {
        self.state.view().damage
    }

    /// The record at `position`, or `None` if the log does not hold that position.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] if the record should be there and is not whole.
    pub fn get(&self, position: u64) -> Result<Option<Bytes>, ReadError> {
        self.range(position..=position).next().transpose().map(|found| found.map(|(_, record)| record))
    }

    /// The records at these positions, as far as the log holds them now. Each shares the memory of a block of up to
    /// 6 KiB: copy a record that is kept for long. Ends after the first error.
    #[must_use]
    pub fn range(&self, positions: RangeInclusive<u64>) -> Records {
        Records::new(self.clone(), *positions.start(), *positions.end())
    }

    /// The records from `position` to what is the head now.
    #[must_use]
    pub fn iter_from(&self, position: u64) -> Records {
        self.range(position..=u64::MAX)
    }

    /// All records, from the oldest.
    #[must_use]
    pub fn iter(&self) -> Records {
        self.iter_from(0)
    }

    /// Reads back: all records, from the newest. Ends after the first error.
    #[must_use]
    pub fn backward(&self) -> Backward {
        self.backward_from(u64::MAX)
    }

    /// Reads back from `position`, or from the head if that is lower.
    #[must_use]
    pub fn backward_from(&self, position: u64) -> Backward {
        Backward::new(self.clone(), position)
    }

    /// Removes all records after `position`: the next one appended gets the position after it. Durable on return.
    /// Below [`Self::first`], the log becomes empty and goes on after `position`.
    ///
    /// # Errors
    /// [`LogError::Damaged`] if the block in which `position` lies is not whole.
    pub fn truncate_after(&self, position: u64) -> Result<(), LogError> {
        self.change(Change::Truncate { log: Arc::clone(&self.state), after: position })
    }

    /// Drops all records before `position`, or all if it is beyond the head. Durable on return. Positions stay as they
    /// are. The space is used again by later appends; the data file does not shrink.
    ///
    /// # Errors
    /// [`LogError`] says what failed; records before `position` may be dropped in part then.
    pub fn drop_before(&self, position: u64) -> Result<(), LogError> {
        self.change(Change::Drop { log: Arc::clone(&self.state), before: position })
    }

    fn send(&self, records: Vec<Bytes>, expected: Option<u64>, room: Room) -> Ticket {
        let bytes = records.iter().map(Bytes::len).sum();
        let largest = records.iter().map(Bytes::len).max().unwrap_or(0);
        if largest > MAX_RECORD {
            return Ticket::refused(AppendError::TooLarge { bytes: largest, allowed: MAX_RECORD });
        }
        if bytes > MAX_APPEND {
            return Ticket::refused(AppendError::TooLarge { bytes, allowed: MAX_APPEND });
        }
        let (done, ticket) = Ticket::pair();
        let append = Append { log: Arc::clone(&self.state), records, bytes, expected, done };
        match self.shared.queue.push(Command::Append(append), room == Room::Wait) {
            Ok(()) => ticket,
            Err((_, Full::Busy)) => Ticket::refused(AppendError::Busy),
            Err((_, Full::Closed)) => Ticket::refused(AppendError::Closed),
        }
    }

    fn change(&self, change: Change) -> Result<(), LogError> {
        self.shared.change(change)
    }

    fn chunk_at(&self, position: u64) -> Result<crate::read::Chunk, ReadError> {
        chunk_at(&self.shared, &self.state, position)
    }
}

impl Shared {
    /// Has the writer make a change, and waits for it.
    pub(crate) fn change(&self, change: Change) -> Result<(), LogError> {
        let (done, waiter) = pair();
        match self.queue.push(Command::Change(change, done), true) {
            Ok(()) => waiter.wait().unwrap_or(Err(LogError::Closed)),
            Err(_) => Err(LogError::Closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::health::Health;
    use crate::options::Options;
    use crate::store::Store;
    use crate::sync::lock;

    /// It once took the lock on the store's health twice, and everybody who asked for it waited for ever.
    #[test]
    fn a_read_that_a_failed_store_cannot_answer_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        let log = store.log("log").unwrap();
        log.append_sync(vec![Bytes::from_static(b"one")]).unwrap();
        // As after a batch that failed half-way: the head is ahead of what can be found.
        log.state.change(|view| view.head.head = 9);
        *lock(&log.shared.health) = Health::ReadOnly;
        let (answer, answered) = mpsc::channel();
        std::thread::spawn(move || answer.send(log.get(9)));
        let Ok(read) = answered.recv_timeout(Duration::from_secs(60)) else {
            // Closing it would wait for ever, too.
            std::mem::forget(store);
            panic!("no answer");
        };
        assert!(matches!(read, Err(ReadError::Unavailable { .. })), "{read:?}");
        assert_eq!(store.health(), Health::ReadOnly);
    }
}
