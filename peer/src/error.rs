//! Why a peer did not start.

use std::{io, path::PathBuf};

use identity::{InvalidRecord, keyfile::KeyFileError, tls::IdentityError};
use storage::{LogError, OpenError, ReadError};

use crate::ports::PortError;

/// Why a peer did not start. Nothing that was stored is lost by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A file beside it.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A name that cannot be announced.
    #[error(
        "the name or the network cannot be used: {0}; names have 1 to 64 bytes, networks 1 to 32, without control characters"
    )]
    Name(#[from] InvalidRecord),
    /// The claim of a peer that a dispatcher keeps.
    #[error(
        "the claim in {} cannot be read, and to go on without could give this peer to somebody else: {source}; restore the file from a backup", path.display()
    )]
    Claim {
        /// The data directory.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The history in it.
    #[error("the history cannot be opened: {0}")]
    Log(#[from] LogError),
    /// The history in it cannot be read.
    #[error("the history cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The history in it is damaged before its end.
    #[error(
        "the history is damaged at record {position} ({what}), and more that is whole comes after it, so it was left untouched: restore the data directory from a backup, or move the folder `store` in it away to begin with an empty history"
    )]
    Damaged {
        /// The first record that is damaged.
        position: u64,
        /// What was found.
        what: String,
    },
    /// The history holds what this version does not understand.
    #[error("the history cannot be read at position {position}: {source}")]
    Event {
        /// Where.
        position: u64,
        /// What is wrong there.
        source: conversation::event::InvalidEvent,
    },
    /// A port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A file or socket of the data directory.
    #[error("cannot use {}: {source}; check the directory's permissions and free space", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The TLS configuration.
    #[error("the identity cannot be used for TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl StartError {
    pub(crate) fn reading(error: ReadError) -> Self {
        match error {
            ReadError::Damaged { position, what, .. } => Self::Damaged { position, what },
            error => Self::Read(error),
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
