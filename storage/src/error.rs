//! What can go wrong, one enum per operation. Every message says what happened, why, and what to do.

use std::io;
use std::path::PathBuf;

use crate::fault::Refusal;

/// Why a store could not be opened. Nothing that was stored is lost by any of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another store, in this process or another, has the directory open.
    #[error("{} is in use by {holder}: stop that one first, or choose another data directory", dir.display())]
    InUse {
        /// The directory of the store.
        dir: PathBuf,
        /// Program and process id of who has it open.
        holder: String,
    },
    /// The store was written by a newer program.
    #[error(
        "{} holds format {found}, and this program reads up to {supported}: it was written by a newer version; use that one",
        dir.display()
    )]
    NewerFormat {
        /// The directory of the store.
        dir: PathBuf,
        /// The format that was found.
        found: u32,
        /// The newest format that this program reads.
        supported: u32,
    },
    /// The directory cannot be written.
    #[error(
        "{} cannot be written ({why}): make the directory and its file system writable for this user, or choose another data directory",
        dir.display()
    )]
    ReadOnly {
        /// The directory of the store.
        dir: PathBuf,
        /// What the system said.
        why: String,
    },
    /// There is not enough room to open the store.
    #[error("no room to open {}: {free} bytes are free and {needed} are needed; free some space and try again", dir.display())]
    Full {
        /// The directory of the store.
        dir: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that must be free.
        needed: u64,
    },
    /// What lies on the disk cannot be read.
    #[error(
        "{} is damaged{}: {what}; restore it from a backup, or move it aside to begin with an empty one",
        dir.display(), at(*position)
    )]
    Damaged {
        /// The directory of the store.
        dir: PathBuf,
        /// Offset in the data file `sled/db`, bytes: the beginning of what is not whole there, at most 512 KiB before the
        /// damage itself. It is the best that can be known when much is gone. `None` when all that is left in the data
        /// file is whole by its checksums: the damage is in another file, which `what` names or which is one of sled's own
        /// (`snap.*`, `conf`), or a checksum does not show it.
        position: Option<u64>,
        /// What was found.
        what: String,
    },
    /// The system failed in another way.
    #[error("{} could not be opened: {source}; check the disk and the directory's permissions", dir.display())]
    Io {
        /// The directory of the store.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why an append was not acknowledged. All but [`AppendError::Failed`] and [`AppendError::Closed`] promise that nothing
/// was stored; after those two the records may be there or not: ask [`crate::Log::head`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The disk is full up to the reserve. Reading goes on, and appends work again once there is room.
    #[error(
        "the disk is full: {free} bytes are free and {needed} are needed; free some space, no restart is needed"
    )]
    Full {
        /// Bytes that are free.
        free: u64,
        /// Bytes that must be free.
        needed: u64,
    },
    /// The file system is read-only. Reading goes on.
    #[error(
        "the file system has become read-only, perhaps after a disk failure: check the disk and mount it writable"
    )]
    ReadOnly,
    /// The store failed and is recovering, or needs a person.
    #[error("the store failed: {reason}")]
    Failed {
        /// What failed, with the offset in the data file if it is damaged and the offset known, and what to do.
        reason: String,
    },
    /// The store was closed.
    #[error("the store was closed before the records were stored; open it again")]
    Closed,
    /// The log was removed.
    #[error("the log was removed; open a new one under its name")]
    Removed,
    /// The queue to the writer is full (only [`crate::Log::try_append`]).
    #[error("the queue to the disk is full; wait for earlier appends and try again")]
    Busy,
    /// A record or an append is larger than allowed.
    #[error("{bytes} bytes are more than the {allowed} allowed at once; send less")]
    TooLarge {
        /// The size of the record or the append, bytes.
        bytes: usize,
        /// [`crate::MAX_RECORD`] or [`crate::MAX_APPEND`].
        allowed: usize,
    },
    /// The log is damaged; it takes nothing more until its owner has truncated it to before the damage.
    #[error(
        "the log is damaged at position {position} ({what}); truncate it to before that position or begin another"
    )]
    Damaged {
        /// The first position that is damaged.
        position: u64,
        /// What was found.
        what: String,
    },
    /// The log's next position is another than the caller expected (only [`crate::Log::append_at`]).
    #[error("the next position is {next}, not {expected}: read what lies between and try again")]
    Position {
        /// What the caller expected.
        expected: u64,
        /// The position that the next record gets.
        next: u64,
    },
}

/// Why a log was not created, opened, removed or cut. Nothing was changed unless the store failed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The name is empty or longer than [`crate::MAX_NAME`].
    #[error("a log's name has {length} bytes, and must have 1 to {allowed}; choose another name", allowed = crate::MAX_NAME)]
    Name {
        /// The length of the name, bytes.
        length: usize,
    },
    /// The store holds as many logs as it may.
    #[error("the store holds {allowed} logs already; remove one first")]
    TooMany {
        /// [`crate::Options::max_logs`].
        allowed: usize,
    },
    /// There is no such log.
    #[error("there is no such log; it was removed or never created")]
    NotFound,
    /// The disk is full up to the reserve.
    #[error(
        "the disk is full: {free} bytes are free and {needed} are needed; free some space, no restart is needed"
    )]
    Full {
        /// Bytes that are free.
        free: u64,
        /// Bytes that must be free.
        needed: u64,
    },
    /// The file system is read-only.
    #[error(
        "the file system has become read-only, perhaps after a disk failure: check the disk and mount it writable"
    )]
    ReadOnly,
    /// The store failed and is recovering, or needs a person.
    #[error("the store failed: {reason}")]
    Failed {
        /// What failed, with the offset in the data file if it is damaged and the offset known, and what to do.
        reason: String,
    },
    /// The store was closed.
    #[error("the store was closed; open it again")]
    Closed,
    /// The place where the log is to be cut is damaged.
    #[error(
        "the log is damaged at position {position} ({what}); truncate it to before that position or remove it"
    )]
    Damaged {
        /// The first position that is damaged.
        position: u64,
        /// What was found.
        what: String,
    },
}

/// Why a record could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// What lies at a position cannot be read or is missing. Records before it are whole.
    #[error(
        "log {log} is damaged at position {position}: {what}; fetch it from there again or truncate it to before"
    )]
    Damaged {
        /// The name of the log.
        log: String,
        /// The first position that is damaged.
        position: u64,
        /// What was found.
        what: String,
    },
    /// The log was removed.
    #[error("the log was removed; open a new one under its name")]
    Removed,
    /// The records were dropped or cut off while they were being read.
    #[error("the log was cut while it was read, and now holds the positions {first} to {head}; read these")]
    Cut {
        /// The first position that the log still holds.
        first: u64,
        /// The last position that the log still holds.
        head: u64,
    },
    /// The store is recovering from a failure and cannot read just now.
    #[error("the store cannot be read just now: {reason}; it tries to recover by itself")]
    Unavailable {
        /// What failed.
        reason: String,
    },
    /// The store was closed.
    #[error("the store was closed; open it again")]
    Closed,
}

impl From<Refusal> for AppendError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full { free, needed } => Self::Full { free, needed },
            Refusal::ReadOnly => Self::ReadOnly,
            Refusal::Failed { reason } => Self::Failed { reason },
            Refusal::Closed => Self::Closed,
            Refusal::Removed => Self::Removed,
            Refusal::Damaged(damage) => Self::Damaged { position: damage.position, what: damage.what },
        }
    }
}

impl From<Refusal> for LogError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full { free, needed } => Self::Full { free, needed },
            Refusal::ReadOnly => Self::ReadOnly,
            Refusal::Failed { reason } => Self::Failed { reason },
            Refusal::Closed => Self::Closed,
            Refusal::Removed => Self::NotFound,
            Refusal::Damaged(damage) => Self::Damaged { position: damage.position, what: damage.what },
        }
    }
}

fn at(position: Option<u64>) -> String {
    position.map(|position| format!(" at byte {position} of its data file")).unwrap_or_default()
}
