//! sled, with a real fsync, its panics contained, and its traps closed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use crate::contain::contain;
use crate::fault::Fault;
use crate::key::Place;
use crate::sync::lock;

mod prepare;
pub(crate) mod rebuild;
mod survey;

/// sled's own cache, bytes. The anchors measured this value: more costs memory and gains nothing for logs.
const CACHE: u64 = 1 << 20;
/// How long a database that was just dropped may keep its file lock: sled lets go on its own threads.
const LOCK_LIMIT: Duration = Duration::from_secs(10);
/// Between two looks at that lock.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// sled's directory inside a store's.
pub(crate) const NAME: &str = "sled";

/// One open database.
#[derive(Debug)]
pub(crate) struct Engine {
    // Before the files: sled flushes when it is dropped.
    db: Option<sled::Tree>,
    whole: Option<sled::Db>,
    data: File,
    blobs: PathBuf,
    blobs_changed: Mutex<Option<SystemTime>>,
}

/// A stored value with its place.
pub(crate) type Found = (Place, Bytes);

impl Engine {
    /// Opens or creates the database in `dir` and has `read` read what it needs of it. Damage that either meets gets its
    /// offset in the data file.
    pub(crate) fn open_and<T>(
        dir: &Path,
        read: impl FnOnce(&Self) -> Result<T, Fault>,
    ) -> Result<(Self, T), Fault> {
        let length = survey::length(dir);
        let opened = Self::open(dir).and_then(|engine| Ok((read(&engine)?, engine)));
        opened.map(|(read, engine)| (engine, read)).map_err(|fault| survey::locate(dir, length, fault))
    }

    /// Opens or creates the database in `dir`, and makes what sled recovered durable: after kill -9 that may so far lie in
    /// the page cache only.
    pub(crate) fn open(dir: &Path) -> Result<Self, Fault> {
        prepare::before_open(dir)?;
        let whole = open_when_unlocked(dir)?;
        let db = (*whole).clone();
        let data = File::open(dir.join("db"))?;
        let blobs = dir.join("blobs");
        let engine = Self { db: Some(db), whole: Some(whole), data, blobs, blobs_changed: Mutex::new(None) };
        engine.sync()?;
        prepare::after_open(dir)?;
        Ok(engine)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let tree = self.tree()?;
        contain(|| Ok(tree.get(key)?.map(Bytes::from_owner)))
    }

    /// All pairs whose key begins with `prefix`.
    pub(crate) fn scan_prefix(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Bytes)>, Fault> {
        let tree = self.tree()?;
        contain(|| {
            let pair = |pair: sled::Result<(sled::IVec, sled::IVec)>| {
                let (key, value) = pair?;
                Ok((key.to_vec(), Bytes::from_owner(value)))
            };
            tree.scan_prefix(prefix).map(pair).collect()
        })
    }

    /// The last value of a log at or before `place`.
    pub(crate) fn floor(&self, place: Place) -> Result<Option<Found>, Fault> {
        let low = Place::new(place.log, 0, 0);
        Ok(self.backward(low, place, 1)?.pop())
    }

    /// Up to `limit` values from `low` to `high`, in order.
    pub(crate) fn forward(&self, low: Place, high: Place, limit: usize) -> Result<Vec<Found>, Fault> {
        let tree = self.tree()?;
        contain(|| tree.range(low.key()..=high.key()).take(limit).map(found).collect())
    }

    /// Up to `limit` values from `high` down to `low`.
    pub(crate) fn backward(&self, low: Place, high: Place, limit: usize) -> Result<Vec<Found>, Fault> {
        let tree = self.tree()?;
        contain(|| tree.range(low.key()..=high.key()).rev().take(limit).map(found).collect())
    }

    /// Applies a batch, all or nothing, and returns once it is on the disk.
    ///
    /// One batch, one sync: sled hands the place of a moved page to new data only after a later batch, so that what
    /// is overwritten was synced at its new place before.
    pub(crate) fn commit(&self, batch: sled::Batch) -> Result<(), Fault> {
        let tree = self.tree()?;
        contain(|| {
            tree.apply_batch(batch)?;
            tree.flush()?;
            Ok(())
        })?;
        self.sync()
    }

    /// Up to `limit` pairs after `key`, whatever they are.
    fn pairs_after(&self, key: &[u8], limit: usize) -> Result<Vec<(sled::IVec, sled::IVec)>, Fault> {
        let tree = self.tree()?;
        let after = (std::ops::Bound::Excluded(key), std::ops::Bound::Unbounded);
        contain(|| Ok(tree.range::<&[u8], _>(after).take(limit).collect::<Result<_, _>>()?))
    }

    /// Bytes that the database takes on the disk.
    pub(crate) fn size_on_disk(&self) -> Result<u64, Fault> {
        let Some(whole) = &self.whole else { return Err(Fault::Closed) };
        contain(|| Ok(whole.size_on_disk()?))
    }

    /// fdatasync of the data file, and of blobs should there ever be one (our values are too small for them).
    fn sync(&self) -> Result<(), Fault> {
        self.data.sync_data().map_err(|error| Fault::Io(format!("fdatasync: {error}")))?;
        let changed = std::fs::metadata(&self.blobs).and_then(|blobs| blobs.modified()).ok();
        let mut known = lock(&self.blobs_changed);
        if *known != changed {
            prepare::sync_all_in(&self.blobs)?;
            *known = changed;
        }
        Ok(())
    }

    fn tree(&self) -> Result<&sled::Tree, Fault> {
        self.db.as_ref().ok_or(Fault::Closed)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let (tree, whole) = (self.db.take(), self.whole.take());
        let dropped = contain(|| {
            drop(tree);
            drop(whole);
            Ok(())
        });
        if let Err(fault) = dropped {
            tracing::warn!(%fault, "the database did not close cleanly");
        }
    }
}

fn open_when_unlocked(dir: &Path) -> Result<sled::Db, Fault> {
    let end = Instant::now() + LOCK_LIMIT;
    loop {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE).flush_every_ms(None);
        match contain(|| Ok(config.open()?)) {
            Err(Fault::Locked(_)) if Instant::now() < end => std::thread::sleep(LOCK_PAUSE),
            result => return result,
        }
    }
}

fn found(pair: sled::Result<(sled::IVec, sled::IVec)>) -> Result<Found, Fault> {
    let (key, value) = pair?;
    let place = Place::parse(&key).ok_or_else(|| Fault::damaged("a key of no known kind"))?;
    Ok((place, Bytes::from_owner(value)))
}
