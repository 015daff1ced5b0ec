//! The thread that stores: journal, own log and foreign logs, in the order in which the core asked for it.
//!
//! The actor hands over writes without ever waiting; the thread takes up what has come meanwhile, makes it durable
//! with one sync, and tells what is durable. What the disk refuses of the journal and the own log stays here and is
//! tried again; what it refuses of a foreign log is told, and the core asks its neighbours for it anew.

mod batch;
mod disk;
mod foreign;
mod waiting;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc as std_mpsc,
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use storage::{Health, Log, LogError, Store};
use tokio::sync::mpsc;
use topology::{Entry, Epoch, LogId, Snapshot};

use crate::{
    limits::STORED_QUEUE,
    stored_logs::{StoredLogs, name_of},
};

/// One thing to be stored.
#[derive(Debug)]
pub(crate) enum Write {
    /// Append to the journal.
    Journal(Bytes),
    /// Append to the own log of this run.
    Own { log: LogId, first: u64, entries: Vec<Entry> },
    /// Append to another log.
    Foreign { log: LogId, first: u64, entries: Vec<Entry> },
    /// Keep a snapshot of a log.
    Snapshot(Box<Snapshot>),
    /// Cut a log; `number` is from [`StoredLogs::cut`].
    Truncate { log: LogId, keep: u64, number: u64 },
    /// Remove a log; likewise.
    Forget { log: LogId, number: u64 },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The own log is durable up to here.
    Own { epoch: Epoch, through: u64 },
    /// Another log is durable up to here.
    Foreign { log: LogId, through: u64 },
    /// Storing failed; of the own log it is tried again.
    Failed { log: LogId, reason: String },
    /// The journal of this run ends: it could not be stored for too long.
    JournalEnded { reason: String },
    /// A batch was dealt with: room for more, and how the store is.
    Batch(Health),
}

/// What lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DiskUse {
    /// Bytes that the store takes in all.
    pub(crate) store: u64,
    /// Bytes of the logs and their snapshots.
    pub(crate) logs: u64,
    /// Bytes of the journal.
    pub(crate) journal: u64,
    /// When the log that began first did so, milliseconds since 1970.
    pub(crate) logs_since_ms: Option<i64>,
    /// The time of the oldest record of the journal, milliseconds since 1970.
    pub(crate) journal_since_ms: Option<i64>,
}

/// What the thread and its handle share.
#[derive(Debug, Default)]
struct Gauges {
    /// Bytes that wait for the disk.
    waiting: AtomicUsize,
    disk: Mutex<DiskUse>,
}

/// The handle of the actor.
#[derive(Debug)]
pub(crate) struct Keeper {
    writes: Option<std_mpsc::Sender<Write>>,
    gauges: Arc<Gauges>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread. It owns the store's writing; reading goes through `logs`.
    pub(crate) fn spawn(
        store: Arc<Store>,
        logs: StoredLogs,
        retain_journal: Option<Duration>,
    ) -> std::io::Result<(Self, mpsc::Receiver<Kept>)> {
        let (writes, queue) = std_mpsc::channel();
        let (kept, told) = mpsc::channel(STORED_QUEUE);
        let gauges = Arc::new(Gauges::default());
        let disk = disk::Disk::new(Arc::clone(&store), logs.clone(), retain_journal);
        let worker = batch::Worker::new((store, logs), disk, Arc::clone(&gauges), kept);
        let thread = thread::Builder::new().name("bridge-keeper".into()).spawn(move || worker.run(&queue))?;
        Ok((Self { writes: Some(writes), gauges, thread: Some(thread) }, told))
    }

    /// Hands over a write. Never waits: the actor looks at [`Self::waiting`] before it takes in more.
    pub(crate) fn write(&self, write: Write) {
        self.gauges.waiting.fetch_add(write.bytes(), Ordering::Relaxed);
        if let Some(writes) = &self.writes {
            writes.send(write).expect("the keeper ends after its handle, or with the process");
        }
    }

    /// Bytes that wait for the disk.
    pub(crate) fn waiting(&self) -> usize {
        self.gauges.waiting.load(Ordering::Relaxed)
    }

    /// What lies on the disk, as it was found last.
    pub(crate) fn disk(&self) -> DiskUse {
        *self.gauges.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No further writes: the thread stores what waits, as far as the disk takes it, and ends. The returned handle is
    /// to be joined where blocking is allowed.
    pub(crate) fn finish(mut self) -> Option<thread::JoinHandle<()>> {
        self.writes = None;
        self.thread.take()
    }
}

impl Write {
    /// What it weighs while it waits.
    fn bytes(&self) -> usize {
        /// The least that a write takes in memory.
        const OVERHEAD: usize = 128;
        OVERHEAD
            + match self {
                Self::Journal(record) => record.len(),
                Self::Own { entries, .. } | Self::Foreign { entries, .. } => weight(entries),
                // About what it takes while it waits; its peers are shared with the core.
                Self::Snapshot(_) | Self::Truncate { .. } | Self::Forget { .. } => 0,
            }
    }
}

fn weight(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| entry.event.len() + entry.signature.len() + 40).sum()
}

/// What status says about the storage; nothing when it works.
pub(crate) fn sentence(health: &Health) -> Option<String> {
    match health {
        Health::Ok => None,
        Health::Full { free, needed } => Some(format!(
            "the disk is full ({free} bytes free, {needed} needed): the bridge relays and gossips on with what is \
             stored, and goes on storing by itself once there is room"
        )),
        Health::ReadOnly => Some(
            "the data directory's file system is read-only: the bridge relays on, but stores nothing; check the disk \
             and mount it writable"
                .into(),
        ),
        Health::Failed { reason } => Some(format!("storing fails: {reason}")),
        other => Some(format!("storing is impaired: {other:?}")),
    }
}

/// The log of an id, open from now on.
fn open(store: &Store, logs: &StoredLogs, id: LogId) -> Result<Log, LogError> {
    if let Some(log) = logs.get(&id) {
        return Ok(log);
    }
    let log = store.log(&name_of(&id))?;
    logs.insert(id, log.clone());
    Ok(log)
}

#[cfg(test)]
mod tests;
