//! The data directory of a bridge that does not run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use identity::keyfile;
use storage::{LogError, OpenError, Store};
use topology::{
    Entry, History, LogId, Snapshot,
    past::{Archive, export::ExportedLogs},
};

use super::{FileError, Source};
use crate::{
    loading, snapshots,
    stored_logs::{JOURNAL, PREFIX, StoredLogs, log_of, name_of},
};

/// Why the logs in a data directory cannot be looked at. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// There is no store in it.
    #[error("{0} holds no logs: it is not the data directory of a bridge, or the bridge never ran")]
    NoStore(PathBuf),
    /// The store cannot be opened, or is in use.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A log in it cannot.
    #[error("the logs in {folder} cannot be read: {source}")]
    Log {
        /// The data directory.
        folder: PathBuf,
        /// What happened.
        source: LogError,
    },
    /// The file to import.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is imported contradicts what is there.
    #[error(
        "log {log} in the file is not the one in {folder}: they differ at event {event}, so one of them is not what its \
         owner told everybody"
    )]
    Differs {
        /// The data directory.
        folder: PathBuf,
        /// The log.
        log: String,
        /// The first event that differs.
        event: u64,
    },
    /// The disk did not take it.
    #[error("importing into {folder} failed, and what is there is whole: {what}")]
    Write {
        /// The data directory.
        folder: PathBuf,
        /// What happened.
        what: String,
    },
}

/// An open store with its logs. Other processes cannot open it meanwhile.
#[derive(Debug)]
struct Opened {
    logs: StoredLogs,
    _store: Arc<Store>,
}

impl History for Opened {
    fn read(&self, log: &LogId, first: u64, most: usize, bytes: usize) -> Vec<Entry> {
        self.logs.read(log, first, most, bytes)
    }
}

impl Archive for Opened {
    fn logs(&self) -> Vec<(LogId, u64)> {
        Archive::logs(&self.logs)
    }

    fn snapshot(&self, log: &LogId, through: u64) -> Option<Snapshot> {
        self.logs.snapshot(log, through)
    }

    fn journal(&self) -> Option<Box<dyn Iterator<Item = Bytes> + '_>> {
        Archive::journal(&self.logs)
    }
}

/// Opens the logs in the data directory of a bridge that does not run. Blocks.
///
/// # Errors
/// [`DirectoryError`] says what is missing, or which process has it open.
pub fn open_directory(data: &Path) -> Result<Source, DirectoryError> {
    if !loading::exists(data) {
        return Err(DirectoryError::NoStore(data.to_owned()));
    }
    let store = loading::open(data)?;
    let logs = stored(data, &store)?;
    // A directory that logs were imported into has no key, and no bridge's point of view.
    let key = keyfile::load(data).ok().map(Arc::new);
    let me = key.as_ref().map(|key| key.node_id());
    Ok(Source::at_rest(Arc::new(Opened { logs, _store: store }), me, key))
}

fn stored(data: &Path, store: &Store) -> Result<StoredLogs, DirectoryError> {
    let failed = |source| DirectoryError::Log { folder: data.to_owned(), source };
    let logs = StoredLogs::default();
    for name in store.logs(PREFIX) {
        let Some(id) = log_of(&name) else { continue };
        let log = store.log(&name);
        logs.insert(id, log.map_err(failed)?);
    }
    snapshots::open(store, &logs).map_err(failed)?;
    if !store.logs(JOURNAL).is_empty() {
        logs.set_journal(store.log(JOURNAL).map_err(failed)?);
    }
    Ok(logs)
}

/// Records that are appended at once.
const IMPORT_BATCH: usize = 1_024;

/// Puts the logs of an exported file that verify into a data directory, beside and behind what is there: of a bridge that
/// does not run, or a new one that is only for looking. Gives the number of new events, and notes about what was left
/// out. Blocks.
///
/// # Errors
/// [`DirectoryError`]; a log that contradicts one that is there is taken over in no part, and nothing else either.
pub fn import(data: &Path, file: &Path) -> Result<(u64, Vec<String>), DirectoryError> {
    let (exported, notes) = super::file::read_good(file)?;
    let store = loading::open(data)?;
    let held = stored(data, &store)?;
    for (log, last) in exported.logs() {
        agrees(data, &held, &exported, &log, last)?;
    }
    let failed = |what: String| DirectoryError::Write { folder: data.to_owned(), what };
    let mut taken = 0;
    for (id, last) in exported.logs() {
        let log = store.log(&name_of(&id)).map_err(|error| failed(error.to_string()))?;
        while log.head() < last {
            let entries = exported.read(&id, log.head() + 1, IMPORT_BATCH, usize::MAX);
            let records: Vec<_> = entries.iter().map(Entry::encode).collect();
            taken += records.len() as u64;
            log.append_sync(records).map_err(|error| failed(error.to_string()))?;
        }
    }
    Ok((taken, notes))
}

/// Whether both tell the same as far as both go. A hash covers all that comes before it.
fn agrees(
    data: &Path,
    held: &StoredLogs,
    exported: &ExportedLogs,
    log: &LogId,
    last: u64,
) -> Result<(), DirectoryError> {
    let hash =
        |logs: &dyn History, event: u64| logs.read(log, event, 1, usize::MAX).first().map(|entry| entry.hash);
    let common = held.get(log).map_or(0, |held| held.head()).min(last);
    let same = |event: u64| hash(held, event) == hash(exported, event);
    if common == 0 || same(common) {
        return Ok(());
    }
    let (mut low, mut high) = (0, common);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if same(middle) { low = middle } else { high = middle }
    }
    Err(DirectoryError::Differs { folder: data.to_owned(), log: log.to_string(), event: high })
}
