//! The bounded queue between the callers and the one writer.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::LogError;
use crate::fault::Refusal;
use crate::log::state::LogState;
use crate::oneshot::Promise;
use crate::options::{MAX_APPEND, Options};
use crate::sync::lock;
use crate::ticket::Outcome;

/// The most bytes of records that one commit takes.
const MAX_COMMIT_BYTES: usize = 2 * MAX_APPEND;
/// The most operations that one commit takes.
const MAX_COMMIT_OPERATIONS: usize = 4096;
/// How long the writer waits for as many writers as came last time: each of them needs a moment to come back after its
/// acknowledgement, and a sync costs as much as this.
const GATHER: Duration = Duration::from_micros(200);

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Append(Append),
    Change(Change, Promise<Result<(), LogError>>),
}

/// Records for one log.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) log: Arc<LogState>,
    pub(crate) records: Vec<Bytes>,
    pub(crate) bytes: usize,
    /// The position that the caller expects for the first record.
    pub(crate) expected: Option<u64>,
    pub(crate) done: Promise<Outcome>,
}

/// Whatever else changes the store.
#[derive(Debug)]
pub(crate) enum Change {
    /// Looks whether the end of a log is whole.
    Verify(Arc<LogState>),
    Create(String),
    Remove(String),
    Truncate {
        log: Arc<LogState>,
        after: u64,
    },
    Drop {
        log: Arc<LogState>,
        before: u64,
    },
}

/// Why a command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    Busy,
    Closed,
}

/// What [`Queue::take`] brings.
#[derive(Debug)]
pub(crate) enum Taken {
    Commands(Vec<Command>),
    TimedOut,
    Closed,
}

#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    filled: Condvar,
    room: Condvar,
    max_bytes: usize,
    max_count: usize,
}

#[derive(Debug)]
struct Inner {
    commands: VecDeque<Command>,
    bytes: usize,
    /// The writer wants to be woken at this many commands.
    wanted: usize,
    closed: bool,
}

impl Command {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(append) => append.bytes,
            Self::Change(..) => 0,
        }
    }

    /// Answers with a refusal.
    pub(crate) fn refuse(self, refusal: Refusal) {
        match self {
            Self::Append(append) => append.done.give(Err(refusal.into())),
            Self::Change(_, done) => done.give(Err(refusal.into())),
        }
    }
}

impl Queue {
    pub(crate) fn new(options: &Options) -> Self {
        let inner = Inner { commands: VecDeque::new(), bytes: 0, wanted: 1, closed: false };
        Self {
            inner: Mutex::new(inner),
            filled: Condvar::new(),
            room: Condvar::new(),
            max_bytes: options.queue_bytes,
            max_count: options.queue_count.max(1),
        }
    }

    /// Queues a command, and waits for room if `wait`.
    pub(crate) fn push(&self, command: Command, wait: bool) -> Result<(), (Command, Full)> {
        let mut inner = lock(&self.inner);
        while !inner.closed && !self.has_room(&inner, command.bytes()) {
            if !wait {
                return Err((command, Full::Busy));
            }
            inner = self.room.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        if inner.closed {
            return Err((command, Full::Closed));
        }
        inner.bytes += command.bytes();
        inner.commands.push_back(command);
        let wake = inner.commands.len() >= inner.wanted;
        drop(inner);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Takes what one commit can hold. Waits for the first at most `limit`, then a moment for `gather` in all.
    pub(crate) fn take(&self, limit: Option<Duration>, gather: usize) -> Taken {
        let inner = lock(&self.inner);
        let Some(mut inner) = self.wait_for(inner, 1, limit) else { return Taken::TimedOut };
        if gather > 1 && !inner.commands.is_empty() {
            inner = match self.wait_for(inner, gather.min(self.max_count), Some(GATHER)) {
                Some(inner) => inner,
                None => lock(&self.inner),
            };
        }
        if inner.commands.is_empty() {
            return Taken::Closed;
        }
        let commands = inner.cut_commit();
        drop(inner);
        self.room.notify_all();
        Taken::Commands(commands)
    }

    /// Takes everything, to refuse it.
    pub(crate) fn drain(&self) -> Vec<Command> {
        let mut inner = lock(&self.inner);
        inner.bytes = 0;
        let commands = inner.commands.drain(..).collect();
        drop(inner);
        self.room.notify_all();
        commands
    }

    /// Refuses new commands; those that wait are still taken.
    pub(crate) fn close(&self) {
        lock(&self.inner).closed = true;
        self.filled.notify_all();
        self.room.notify_all();
    }

    /// A command larger than the whole bound passes when it is alone.
    fn has_room(&self, inner: &Inner, bytes: usize) -> bool {
        inner.commands.is_empty()
            || (inner.bytes + bytes <= self.max_bytes && inner.commands.len() < self.max_count)
    }

    /// Waits until there are `wanted` commands or the queue is closed; `None` when `limit` ends first.
    fn wait_for<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner>,
        wanted: usize,
        limit: Option<Duration>,
    ) -> Option<MutexGuard<'a, Inner>> {
        let end = limit.map(|limit| Instant::now() + limit);
        while inner.commands.len() < wanted && !inner.closed {
            inner.wanted = wanted;
            inner = match end {
                None => self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    self.filled.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        Some(inner)
    }
}

impl Inner {
    fn cut_commit(&mut self) -> Vec<Command> {
        let (mut count, mut bytes) = (0, 0);
        for command in self.commands.iter().take(MAX_COMMIT_OPERATIONS) {
            if count > 0 && bytes + command.bytes() > MAX_COMMIT_BYTES {
                break;
            }
            count += 1;
            bytes += command.bytes();
        }
        self.bytes -= bytes.min(self.bytes);
        self.commands.drain(..count).collect()
    }
}
