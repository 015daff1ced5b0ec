//! What goes wrong with the key on disk, and what to do.

use std::{io, path::PathBuf};

/// Why the key could not be used. Nothing on disk was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file system refused.
    #[error("cannot use {path}: {source}{}", advice(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other users of the machine could read or change the key.
    #[error(
        "{path} is open to other users (mode {mode:03o}), so the key in it may no longer be secret; if nobody else had it, close it with `chmod go= {path}`"
    )]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not a key. It is left as it is.
    #[error(
        "{path} is damaged: {what}; it was left untouched: restore it from a backup, or from an export with `causeway identity import`; moving it away makes a new identity that nobody knows"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There is no key yet.
    #[error("there is no identity in {path}; `causeway id` makes one")]
    Missing {
        /// The file looked for.
        path: PathBuf,
    },
    /// There is a key already, which is never overwritten.
    #[error(
        "{path} exists already and is never overwritten; choose another --data directory, or move it away"
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

impl KeyFileError {
    /// Whether it is a want of room: on the disk, or in this user's share of it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }
}

/// What to do about it, as the end of a sentence.
fn advice(error: &io::Error) -> &'static str {
    use io::ErrorKind::{NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        NotFound | PermissionDenied | ReadOnlyFilesystem => {
            "; make the directory and its file system writable for this user, or choose another data directory"
        }
        StorageFull | QuotaExceeded => "; free some space and try again",
        _ => "",
    }
}
