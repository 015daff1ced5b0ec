//! What lies on the disk at the start: logs are read back into the core, damage is told with its position.

use std::{path::Path, sync::Arc};

use storage::{Log, LogError, OpenError, Options, ReadError, Store};
use topology::{Core, Entry, LogId, past::Archive as _};

use crate::{
    limits::MAX_STORED_LOGS,
    snapshots,
    stored_logs::{JOURNAL, PREFIX, StoredLogs, log_of},
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
}

/// What was loaded.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) events: u64,
    /// Sentences about logs that were cut back to what is whole.
    pub(crate) cut: Vec<String>,
}

/// One damaged place in a log.
struct Broken {
    position: u64,
    what: String,
}

/// Whether there is a store in a data directory.
pub(crate) fn exists(data: &Path) -> bool {
    data.join(FOLDER).is_dir()
}

/// Opens the store of a data directory. Blocks.
pub(crate) fn open(data: &Path) -> Result<Arc<Store>, OpenError> {
    let options = Options { max_logs: MAX_STORED_LOGS, ..Options::default() };
    Store::open(data.join(FOLDER), options).map(Arc::new)
}

/// Reads all logs into the core. A damaged log is cut to before the damage and told with its position, for neighbours
/// have the rest: of a foreign log, and of the own one, too. No sequence number of an own log is used twice by that, for
/// every start begins a new epoch. Blocks.
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
        logs.insert(id, store.log(&name).map_err(|error| failed(error.to_string()))?);
    }
    snapshots::open(store, logs).map_err(|error| failed(error.to_string()))?;
    for (id, log) in logs.all() {
        let (events, broken) = load_one(core, id, &log, logs).map_err(|error| failed(error.to_string()))?;
        loaded.events += events;
        if let Some(Broken { position, what }) = broken {
            log.truncate_after(position - 1).map_err(|error| failed(error.to_string()))?;
            let whose = if id.owner == core.id() { "this bridge's own log" } else { "the log" };
            let sentence = format!(
                "{whose} {id} in {folder} was damaged at event {position}: {what}; it was cut there, and what neighbours \
                 hold beyond it is fetched back from them: check the disk"
            );
            tracing::warn!("{sentence}");
            loaded.cut.push(sentence);
        }
    }
    loaded.cut.extend(mend_journal(store).map_err(|error| failed(error.to_string()))?);
    logs.set_journal(store.log(JOURNAL).map_err(|error| failed(error.to_string()))?);
    Ok(loaded)
}

/// A journal whose end is damaged takes nothing more until it is cut. It is for looking back; the bridge runs without.
fn mend_journal(store: &Store) -> Result<Option<String>, LogError> {
    if store.logs(JOURNAL).is_empty() {
        return Ok(None);
    }
    let journal = store.log(JOURNAL)?;
    let Some(damage) = journal.damage() else { return Ok(None) };
    journal.truncate_after(damage.position - 1)?;
    let (position, what) = (damage.position, damage.what);
    Ok(Some(format!(
        "the journal was damaged at record {position} ({what}) and was cut there: check the disk"
    )))
}

fn load_one(
    core: &mut Core,
    id: LogId,
    log: &Log,
    logs: &StoredLogs,
) -> Result<(u64, Option<Broken>), ReadError> {
    let mut broken = log.damage().map(|damage| Broken { position: damage.position, what: damage.what });
    let end = broken.as_ref().map_or(u64::MAX, |broken| broken.position - 1);
    let mut failure = None;
    let snapshot = logs.snapshot(&id, end.min(log.head())).filter(|snapshot| core.takes(snapshot));
    let begin = snapshot.as_ref().map_or(0, |snapshot| snapshot.head.sequence + 1);
    let whole = log.range(begin..=end).map_while(|record| match record {
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
    let outcome = match snapshot {
        Some(snapshot) => core.load_from(snapshot, whole),
        None => core.load(id, whole),
    };
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
