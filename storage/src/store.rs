//! A store: one database with many logs, and its writer.

use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::directory::lock::DirectoryLock;
use crate::directory::witness::Witness;
use crate::directory::{Directory, format, space};
use crate::engine::{Engine, rebuild};
use crate::error::{LogError, OpenError};
use crate::fault::{Fault, Refusal};
use crate::health::Health;
use crate::log::Log;
use crate::metrics::{Counters, Metrics};
use crate::options::{MAX_NAME, MIN_RESERVE, Options};
use crate::queue::{Change, Queue};
use crate::recover::{Loaded, compare, load};
use crate::shared::Shared;
use crate::sync::{lock, read, write};
use crate::writer::Writer;

/// A commit that takes longer is told; even a spun-down disk is faster.
const STALL: Duration = Duration::from_secs(10);

/// One directory with many named logs, open once at a time.
///
/// Dropping it does what [`Store::close`] does. Logs that outlive it answer that it was closed.
#[derive(Debug)]
#[must_use = "a store that is dropped is closed"]
pub struct Store {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    lock: Option<DirectoryLock>,
}

impl Store {
    /// Opens the store in `dir`, or creates one there. On a full disk, a store that exists can still be read.
    ///
    /// # Errors
    /// [`OpenError`] says why not, and what to do. Nothing that was stored is lost by failing.
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let options = Options { reserve: options.reserve.max(MIN_RESERVE), ..options };
        let directory = Directory::create(dir.as_ref())?;
        let lock = DirectoryLock::take(&directory)?;
        rebuild::finish(directory.path()).map_err(|fault| directory.refuse(fault))?;
        let room = space::check(directory.path(), options.reserve);
        if !directory.has_data() {
            refuse_new(&directory, &room)?;
        }
        format::check_or_create(&directory)?;
        let (engine, mut loaded) = open_engine(&directory)?;
        let opened = Witness::open(&directory.file("heads"));
        let (witness, witnessed) = opened.map_err(|error| directory.refuse_io(error))?;
        let logs = compare(&mut loaded, &witnessed);
        let engine = if logs.are_damaged() { renewed(&directory, engine)? } else { engine };
        space::set_ballast_aside(&directory, options.reserve);
        let shared = Arc::new(Shared {
            queue: Queue::new(&options),
            engine: RwLock::new(Some(engine)),
            batch: Mutex::new(()),
            logs: Mutex::new(logs),
            health: Mutex::new(health(&room)),
            counters: Counters::default(),
            committing: Mutex::new(None),
            directory,
            options,
        });
        let writer = Writer::new(Arc::clone(&shared), witness, loaded.next_id, loaded.dead);
        let spawned = std::thread::Builder::new().name("storage-writer".into()).spawn(move || writer.run());
        let writer = Some(spawned.map_err(|error| shared.directory.refuse_io(error))?);
        Ok(Self { shared, writer, lock: Some(lock) })
    }

    /// Opens the log of this name, or creates it. Its end is checked: see [`Log::damage`].
    ///
    /// # Errors
    /// [`LogError`] says why it could not be created; a log that exists opens on a full disk too.
    pub fn log(&self, name: &str) -> Result<Log, LogError> {
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(LogError::Name { length: name.len() });
        }
        if self.known(name).is_none() {
            self.shared.change(Change::Create(name.to_owned()))?;
        }
        let log = self.known(name).ok_or(LogError::NotFound)?;
        self.shared.change(Change::Verify(Arc::clone(&log)))?;
        Ok(Log::new(Arc::clone(&self.shared), log))
    }

    /// The names of all logs that begin with `prefix`, in order; those too whose records are all gone.
    #[must_use]
    pub fn logs(&self, prefix: &str) -> Vec<String> {
        let logs = lock(&self.shared.logs);
        let mut names: Vec<_> = logs
            .by_name
            .keys()
            .chain(logs.lost.keys())
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Removes a log with all its records. Durable on return; clearing goes on after a crash.
    ///
    /// # Errors
    /// [`LogError::NotFound`] if there is no such log.
    pub fn remove(&self, name: &str) -> Result<(), LogError> {
        self.shared.change(Change::Remove(name.to_owned()))
    }

    /// How the store is just now. A disk that has not answered for 10 s counts as failed, until it does.
    #[must_use]
    pub fn health(&self) -> Health {
        let stalled =
            lock(&self.shared.committing).map(|since| since.elapsed()).filter(|since| *since > STALL);
        if let Some(since) = stalled {
            let reason = format!("the disk has not answered for {} s; check it", since.as_secs());
            return Health::Failed { reason };
        }
        lock(&self.shared.health).clone()
    }

    /// What the store has done since it was opened.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.shared.counters.snapshot()
    }

    /// Bytes that the whole database takes on the disk; 0 while it cannot be read.
    #[must_use]
    pub fn size_on_disk(&self) -> u64 {
        let engine = read(&self.shared.engine);
        engine.as_ref().and_then(|engine| engine.size_on_disk().ok()).unwrap_or(0)
    }

    /// Makes durable what waits, ends the writer and gives the directory free.
    pub fn close(mut self) {
        self.shut();
    }

    fn known(&self, name: &str) -> Option<Arc<crate::log::state::LogState>> {
        lock(&self.shared.logs).by_name.get(name).cloned()
    }

    fn shut(&mut self) {
        self.shared.queue.close();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the storage writer panicked");
        }
        *write(&self.shared.engine) = None;
        self.lock = None;
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shut();
    }
}

/// Opens the database; on a full disk, with the room that was set aside for that.
fn open_engine(directory: &Directory) -> Result<(Engine, Loaded), OpenError> {
    let open = || Engine::open_and(&directory.sled(), load);
    let opened = match open() {
        Err(Fault::Full) if space::drop_ballast(directory) => open(),
        opened => opened,
    };
    opened.map_err(|fault| directory.refuse(fault))
}

/// After a loss, sled works on, but a later opening may fail: what is left moves to a new database, if all of it can be read.
fn renewed(directory: &Directory, engine: Engine) -> Result<Engine, OpenError> {
    match rebuild::copy(directory.path(), &engine) {
        Ok(()) => {
            drop(engine);
            rebuild::exchange(directory.path()).map_err(|fault| directory.refuse(fault))?;
            Engine::open(&directory.sled()).map_err(|fault| directory.refuse(fault))
        }
        Err(fault) => {
            tracing::warn!(%fault, "the damaged database could not be copied, and is used as it is");
            Ok(engine)
        }
    }
}

fn refuse_new(directory: &Directory, room: &Result<(), Refusal>) -> Result<(), OpenError> {
    match room {
        Err(Refusal::Full { free, needed }) => {
            Err(OpenError::Full { dir: directory.path().to_owned(), free: *free, needed: *needed })
        }
        _ => Ok(()),
    }
}

fn health(room: &Result<(), Refusal>) -> Health {
    match room {
        Err(Refusal::Full { free, needed }) => Health::Full { free: *free, needed: *needed },
        Err(Refusal::ReadOnly) => Health::ReadOnly,
        Ok(()) | Err(_) => Health::Ok,
    }
}
