//! The files round sled's data: what a crash leaves there, and what sled does not sync.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::fault::Fault;

/// Removes what would make sled refuse a database that is whole: a snapshot that a crash cut short (sled would take it
/// for the newest) and, while there is no data yet, a settings file that may be cut short too.
pub(super) fn before_open(dir: &Path) -> Result<(), Fault> {
    fs::create_dir_all(dir)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if is_unfinished(&entry.file_name()) {
            fs::remove_file(entry.path())?;
        }
    }
    let is_new = fs::metadata(dir.join("db")).map_or(true, |data| data.len() == 0);
    if is_new { remove_if_there(&dir.join("conf")) } else { Ok(()) }
}

/// Syncs settings, snapshots and the directory: sled syncs neither the settings nor any name.
pub(super) fn after_open(dir: &Path) -> Result<(), Fault> {
    sync_all_in(dir)
}

/// Syncs every plain file in `dir`, and the directory itself.
pub(super) fn sync_all_in(dir: &Path) -> Result<(), Fault> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            sync(&entry.path())?;
        }
    }
    sync(dir)
}

fn sync(path: &Path) -> Result<(), Fault> {
    let file = match File::open(path) {
        // A snapshot that sled replaced meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        result => result?,
    };
    file.sync_all().map_err(|error| Fault::Io(format!("fsync: {error}")))
}

fn is_unfinished(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("snap.") && name.ends_with(".generating")
}

fn remove_if_there(path: &Path) -> Result<(), Fault> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
