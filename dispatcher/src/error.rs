//! Why a dispatcher did not start.

use std::{io, path::PathBuf};

use identity::{InvalidRecord, keyfile::KeyFileError, tls::IdentityError};
use runtime::rpc::BindError;
use storage::{LogError, OpenError, ReadError};

/// Why a dispatcher did not start. Nothing that was stored is lost by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// What it says of itself: its name is too long.
    #[error("this dispatcher cannot be announced: {0}; choose another --name or --network")]
    Record(#[from] InvalidRecord),
    /// The identity's folder.
    #[error(transparent)]
    Start(#[from] KeyFileError),
    /// The certificate, which this program made itself.
    #[error("the certificate in the data directory cannot be used: {0}")]
    Certificate(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The log in it.
    #[error("the log of the kept peers cannot be opened: {0}")]
    Log(#[from] LogError),
    /// The log in it cannot be read.
    #[error("the log of the kept peers cannot be read: {0}; restore the data directory from a backup")]
    Read(#[from] ReadError),
    /// The log holds what this version does not understand.
    #[error("record {position} of the log of the kept peers is of a newer version, or damaged")]
    Event {
        /// Where.
        position: u64,
    },
    /// The port of the page.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The keys of the cookies.
    #[error("the keys in {} cannot be used: {what}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A file.
    #[error("cannot use {}: {source}; check its permissions, and free space", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StartError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
