//! Why a bridge did not start.

use std::{io, path::PathBuf};

use identity::{InvalidRecord, keyfile::KeyFileError, tls::IdentityError};
use storage::OpenError;

use crate::{
    describe::DescribeError, limits::MAX_OPERATORS, loading::LoadError, ports::PortError,
    settings::SettingsError,
};

/// Why a bridge did not start. Nothing runs, and nothing on the disk was damaged by trying.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The name of the network.
    #[error("`{0}` cannot be the name of a network: it has 1 to 32 bytes and no control characters")]
    Network(String),
    /// The identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The number of this start.
    #[error(transparent)]
    Start(#[from] KeyFileError),
    /// The description.
    #[error(transparent)]
    Describe(#[from] DescribeError),
    /// The announcement.
    #[error("the bridge cannot be announced: {0}")]
    Announce(#[from] InvalidRecord),
    /// A file of settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The store: in use, damaged, full, or not ours.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The logs in it.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// TLS refuses the identity.
    #[error("TLS refuses this identity: {0}")]
    Tls(#[from] rustls::Error),
    /// The local control socket.
    #[error("cannot listen on the local control socket of {}: {source}; check the directory's permissions", data.display())]
    Socket {
        /// The data directory.
        data: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The thread that stores, or the one that carries streams.
    #[error("the system gives no thread: {0}; is there a limit on threads or on memory?")]
    Thread(io::Error),
    /// Too many operators.
    #[error("{0} operators are more than the {MAX_OPERATORS} that a bridge keeps")]
    Operators(usize),
    /// A thread of the start was lost.
    #[error("the start was interrupted")]
    Interrupted,
}
