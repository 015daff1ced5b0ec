//! What lies on the disk at the start: logs are read back into the core, damage is told with its position.

use std::{path::Path, sync::Arc};

use storage::{Log, OpenError, Options, ReadError, Store};
use topology::{Core, Entry, LogId};

use crate::{
    limits::MAX_STORED_LOGS,
    stored_logs::{PREFIX, StoredLogs, log_of},
};

/// The folder of the store in the data directory.
const FOLDER: &str = "store";

/// Why the stored logs could not be read. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The store as a whole.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store gave up in the middle.
    #[error("the logs in {folder} cannot be read: {what}")]
    Read {
        /// The folder of the store.
        folder: String,
        /// What happened.
        what: String,
    },
    /// The own log is damaged.
    #[error(
        "this bridge's own log {log} in {folder} is damaged at event {position}: {what}; restore the data directory from a backup (what neighbours hold beyond it is fetched back), or move {folder} away: the bridge then begins a new log"
    )]
    OwnLog {
        /// Which.
        log: String,
        /// The folder of the store.
        folder: String,
        /// The first event that cannot be read.
        position: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// What was loaded.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) events: u64,
    /// Sentences about foreign logs that were cut back to what is whole.
    pub(crate) cut: Vec<String>,
}

/// One damaged place in a log.
struct Broken {
    position: u64,
    what: String,
}

/// Opens the store of a data directory. Blocks.
pub(crate) fn open(data: &Path) -> Result<Arc<Store>, OpenError> {
    let options = Options { max_logs: MAX_STORED_LOGS, ..Options::default() };
    Store::open(data.join(FOLDER), options).map(Arc::new)
}

/// Reads all logs into the core. A damaged foreign log is cut to before the damage, for neighbours have the rest; a
/// damaged own one is an error. Blocks.
pub(crate) fn load(
    data: &Path,
    store: &Store,
    logs: &StoredLogs,
    core: &mut Core,
) -> Result<Loaded, LoadError> {
    let folder = data.join(FOLDER).display().to_string();
    let failed = |what: String| LoadError::Read { folder: folder.clone(), what };
    let mut loaded = Loaded { events: 0, cut: Vec::new() };
    for name in store.logs(PREFIX) {
        let Some(id) = log_of(&name) else { continue };
        let log = store.log(&name).map_err(|error| failed(error.to_string()))?;
        let (events, broken) = load_one(core, id, &log).map_err(|error| failed(error.to_string()))?;
        loaded.events += events;
        if let Some(Broken { position, what }) = broken {
            if id.owner == core.id() {
                return Err(LoadError::OwnLog { log: id.epoch.to_string(), folder, position, what });
            }
            log.truncate_after(position - 1).map_err(|error| failed(error.to_string()))?;
            let sentence = format!(
                "the stored log {id} was damaged at event {position} ({what}); it was cut there, and the rest is fetched \
                 from neighbours again: check the disk"
            );
            tracing::warn!("{sentence}");
            loaded.cut.push(sentence);
        }
        logs.insert(id, log);
    }
    Ok(loaded)
}

fn load_one(core: &mut Core, id: LogId, log: &Log) -> Result<(u64, Option<Broken>), ReadError> {
    let mut broken = log.damage().map(|damage| Broken { position: damage.position, what: damage.what });
    let end = broken.as_ref().map_or(u64::MAX, |broken| broken.position - 1);
    let mut failure = None;
    let whole = log.range(0..=end).map_while(|record| match record {
        Ok((position, record)) => match Entry::decode(record) {
            Ok(entry) => Some(entry),
            Err(error) => {
                broken = Some(Broken { position, what: error.to_string() });
                None
            }
        },
        Err(ReadError::Damaged { position, what, .. }) => {
            broken = Some(Broken { position, what });
            None
        }
        Err(error) => {
            failure = Some(error);
            None
        }
    });
    let outcome = core.load(id, whole);
    if let Some(error) = failure {
        return Err(error);
    }
    Ok(match outcome {
        Ok(events) => (events, broken),
        Err(damaged) => {
            let position = damaged.good + 1;
            (damaged.good, Some(Broken { position, what: damaged.what }))
        }
    })
}
