//! The file that saves a start reading the whole history: what its events folded to, up to some position.
//!
//! It is made from the log alone, by reading on from the one before, and never from what runs: so it says what a start
//! would find out. When it is missing, damaged or of another log, everything is read. But for [`Keeper::keep_up`],
//! what is in here blocks on the disk.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use conversation::{Folded, event};
use storage::Log;
use tokio::sync::watch;

use crate::{
    error::StartError,
    limits::{CHECKPOINT_EVENTS, CHECKPOINT_PAUSE, MAX_CHECKPOINT_BYTES},
};

const FILE: &str = "checkpoint";

/// Makes checkpoints of one history. Clones make the same.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    path: PathBuf,
    log: Log,
    /// Up to where the last one goes.
    kept: Arc<AtomicU64>,
}

impl Keeper {
    pub(crate) fn new(data: &Path, log: Log) -> Self {
        Self { path: data.join(FILE), log, kept: Arc::default() }
    }

    /// The history, folded. If that took long, it does not the next time.
    pub(crate) fn open(&self) -> Result<Folded, StartError> {
        let folded = self.fold()?;
        if self.behind(folded.through()) >= CHECKPOINT_EVENTS {
            self.store_or_warn(&folded);
        }
        Ok(folded)
    }

    /// From the checkpoint, and from the log what came after it.
    fn fold(&self) -> Result<Folded, StartError> {
        let began = Instant::now();
        let mut folded = self.load().unwrap_or_default();
        let from = folded.through();
        self.kept.store(from, Ordering::Relaxed);
        for entry in self.log.iter_from((from + 1).max(self.log.first())) {
            let (position, record) = entry.map_err(StartError::reading)?;
            // A copy, since the records of one block share its memory, and some are kept.
            let record = Bytes::copy_from_slice(&record);
            let event = event::decode(record).map_err(|source| StartError::Event { position, source })?;
            folded.push(position, &event);
        }
        tracing::debug!(from, through = folded.through(), took = ?began.elapsed(), "folded the history");
        Ok(folded)
    }

    /// Makes one whenever many events came since the last one. `head` is the position of the last event.
    pub(crate) async fn keep_up(self, mut head: watch::Receiver<u64>) {
        while head.wait_for(|head| self.behind(*head) >= CHECKPOINT_EVENTS).await.is_ok() {
            let keeper = self.clone();
            let made = tokio::task::spawn_blocking(move || keeper.advance()).await;
            if !matches!(made, Ok(true)) {
                return;
            }
            tokio::time::sleep(CHECKPOINT_PAUSE).await;
        }
    }

    /// Makes one of all that is durable, if that is much more than the last one says; whether that went well.
    pub(crate) fn advance(&self) -> bool {
        if self.behind(self.log.head()) < CHECKPOINT_EVENTS / 16 {
            return true;
        }
        match self.fold() {
            Ok(folded) => self.store_or_warn(&folded),
            Err(error) => {
                tracing::warn!(%error, "the history cannot be read, so no checkpoint is made");
                false
            }
        }
    }

    fn store_or_warn(&self, folded: &Folded) -> bool {
        let stored = self.store(folded);
        if let Err(error) = &stored {
            tracing::warn!(%error, path = %self.path.display(), "the checkpoint could not be written; the next start reads more of the history");
        }
        stored.is_ok()
    }

    fn behind(&self, head: u64) -> u64 {
        head.saturating_sub(self.kept.load(Ordering::Relaxed))
    }

    fn load(&self) -> Option<Folded> {
        let mut bytes = Vec::new();
        let file = File::open(&self.path).ok()?;
        file.take(MAX_CHECKPOINT_BYTES + 1).read_to_end(&mut bytes).ok()?;
        let folded = Folded::restore(&bytes, |position| self.log.get(position).ok().flatten());
        if folded.is_none() {
            tracing::warn!(path = %self.path.display(), "the checkpoint is damaged, or of another history or version; the whole history is read");
        }
        folded
    }

    fn store(&self, folded: &Folded) -> io::Result<()> {
        let Some(last) = self.log.get(folded.through()).map_err(io::Error::other)? else { return Ok(()) };
        let bytes = folded.checkpoint(&last);
        // What waits for its peers is in it, too: it gets smaller again.
        if bytes.len() as u64 <= MAX_CHECKPOINT_BYTES {
            runtime::replace_file(&self.path, &bytes)?;
        }
        self.kept.store(folded.through(), Ordering::Relaxed);
        Ok(())
    }
}
