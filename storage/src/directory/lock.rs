//! One store per directory: a lock that ends with its process, and says who holds it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::{FlockOperation, flock};

use crate::directory::Directory;
use crate::error::OpenError;

const FILE: &str = "lock";
/// The most that is read of a lock file, bytes.
const HOLDER_LEN: u64 = 200;

/// Held while the store is open. The kernel lets go when the process ends, so what a killed one left is taken over.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    pub(crate) fn take(directory: &Directory) -> Result<Self, OpenError> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true).mode(0o600);
        let file = options.open(directory.file(FILE)).map_err(|error| directory.refuse_io(error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(OpenError::InUse { dir: directory.path().to_owned(), holder: holder(&file) });
            }
            Err(errno) => return Err(directory.refuse_io(errno.into())),
        }
        if let Err(error) = sign(&file) {
            // The name only helps people; a full disk must not keep the store from being read.
            tracing::debug!(%error, "the lock file could not be signed");
        }
        Ok(Self { file })
    }
}

impl Drop for DirectoryLock {
    /// Closing is not enough: a process that is just being started holds the file open until it runs its own program.
    fn drop(&mut self) {
        if let Err(error) = flock(&self.file, FlockOperation::Unlock) {
            tracing::debug!(%error, "the lock of the store could not be given back; closing it does");
        }
    }
}

fn sign(mut file: &File) -> io::Result<()> {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{} (process {})", program.as_deref().unwrap_or("a program"), std::process::id())
}

fn holder(file: &File) -> String {
    let mut text = Vec::new();
    let read = file.take(HOLDER_LEN).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    match read {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another program".to_owned(),
    }
}
