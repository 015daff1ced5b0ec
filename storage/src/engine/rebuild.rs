//! A new database made from one that lost something.
//!
//! `sled.new` is filled, then `sled` becomes `sled.old` and `sled.new` becomes `sled`. A crash at any point leaves either the
//! old or the new one, and [`finish`] puts the names right.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::engine::{Engine, NAME};
use crate::fault::Fault;

/// Pairs in one batch.
const BATCH: usize = 512;

fn new(dir: &Path) -> PathBuf {
    dir.join("sled.new")
}

fn old(dir: &Path) -> PathBuf {
    dir.join("sled.old")
}

/// Puts right what a crash left: without `sled`, the exchange was half done and the new one is whole.
pub(crate) fn finish(dir: &Path) -> Result<(), Fault> {
    if old(dir).exists() && !dir.join(NAME).exists() {
        fs::rename(new(dir), dir.join(NAME))?;
        sync(dir)?;
    }
    remove(&new(dir))?;
    remove(&old(dir))
}

/// Copies every pair into a new database beside this one. Each keeps its checksum, so what is wrong stays wrong.
pub(crate) fn copy(dir: &Path, from: &Engine) -> Result<(), Fault> {
    remove(&new(dir))?;
    let copied = Engine::open(&new(dir)).and_then(|to| copy_pairs(from, &to));
    if copied.is_err() {
        remove(&new(dir))?;
    }
    copied
}

/// Puts the copy in the place of the database, which must be closed.
pub(crate) fn exchange(dir: &Path) -> Result<(), Fault> {
    fs::rename(dir.join(NAME), old(dir))?;
    fs::rename(new(dir), dir.join(NAME))?;
    sync(dir)?;
    remove(&old(dir))
}

fn copy_pairs(from: &Engine, to: &Engine) -> Result<(), Fault> {
    let mut last = Vec::new();
    loop {
        let pairs = from.pairs_after(&last, BATCH)?;
        let Some((key, _)) = pairs.last() else { return Ok(()) };
        last = key.to_vec();
        let mut batch = sled::Batch::default();
        pairs.into_iter().for_each(|(key, value)| batch.insert(key, value));
        to.commit(batch)?;
    }
}

fn remove(dir: &Path) -> Result<(), Fault> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn sync(dir: &Path) -> Result<(), Fault> {
    File::open(dir)?.sync_all().map_err(|error| Fault::Io(format!("fsync: {error}")))
}
