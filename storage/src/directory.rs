//! The directory of a store: `lock`, `format`, `heads`, `ballast`, and sled's files in `sled`.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::fault::Fault;

pub(crate) mod format;
pub(crate) mod lock;
pub(crate) mod space;
pub(crate) mod witness;

/// Paths inside a store's directory.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Creates the directory, for its owner only, if it is not there.
    pub(crate) fn create(path: &Path) -> Result<Self, OpenError> {
        let directory = Self { path: path.to_owned() };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.and_then(|()| sync_parent(path)).map_err(|error| directory.refuse_io(error))?;
        Ok(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn sled(&self) -> PathBuf {
        self.file(crate::engine::NAME)
    }

    /// Whether sled has written anything here before.
    pub(crate) fn has_data(&self) -> bool {
        fs::metadata(self.sled().join("db")).is_ok_and(|data| data.len() > 0)
    }

    pub(crate) fn refuse(&self, fault: Fault) -> OpenError {
        let dir = self.path.clone();
        match fault {
            Fault::Full => {
                OpenError::Full { free: space::free(&self.path).unwrap_or(0), needed: MIN_OPEN, dir }
            }
            Fault::ReadOnly(why) => OpenError::ReadOnly { dir, why },
            Fault::Locked(_) => OpenError::InUse { dir, holder: "another program".into() },
            Fault::Damaged { offset, what } => OpenError::Damaged { dir, position: offset, what },
            Fault::Limited(_) | Fault::Io(_) | Fault::Closed => {
                OpenError::Io { dir, source: io::Error::other(fault.to_string()) }
            }
        }
    }

    pub(crate) fn refuse_io(&self, error: io::Error) -> OpenError {
        match Fault::from_ref(&error) {
            Fault::Io(_) | Fault::Limited(_) => OpenError::Io { dir: self.path.clone(), source: error },
            fault => self.refuse(fault),
        }
    }
}

/// What sled writes when it opens a database after a crash is below this, bytes.
pub(crate) const MIN_OPEN: u64 = 1024 * 1024;

/// Syncs the directory that holds `path`, so that its name survives a power loss.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    let absolute = std::path::absolute(path)?;
    // The root has no parent, and a parent that cannot be read cannot be synced.
    match absolute.parent().map(File::open) {
        Some(Ok(parent)) => parent.sync_all(),
        _ => Ok(()),
    }
}
