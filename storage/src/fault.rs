//! Failures inside the crate: what sled or the system said, and what becomes of an operation because of it.

use std::io;

use crate::health::Damage;

/// What failed below us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("no space is left on the disk")]
    Full,
    #[error("the file system is read-only or not permitted ({0})")]
    ReadOnly(String),
    /// A file reached a limit that may be raised again.
    #[error("the data file may not grow ({0}); raise the file size limit or quota")]
    Limited(String),
    #[error("the data file is locked ({0})")]
    Locked(String),
    #[error("the disk failed ({0})")]
    Io(String),
    #[error("the data file is damaged{}: {what}", offset.map(|at| format!(" at byte {at}")).unwrap_or_default())]
    Damaged { offset: Option<u64>, what: String },
    #[error("the store is closed")]
    Closed,
}

/// Why an operation is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full { free: u64, needed: u64 },
    ReadOnly,
    Failed { reason: String },
    Closed,
    Removed,
    Damaged(Damage),
}

impl Fault {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { offset: None, what: what.into() }
    }

    /// Whether opening the database again may help. After a failed sync or read of the device it would not: the kernel
    /// may have dropped what it could not write, and what is read afterwards need not be on the disk.
    pub(crate) fn may_pass(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::Closed)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::from_ref(&error)
    }
}

impl Fault {
    pub(crate) fn from_ref(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly(error.to_string())
            }
            io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded => Self::Limited(error.to_string()),
            _ => Self::Io(error.to_string()),
        }
    }
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) if error.to_string().starts_with("could not acquire lock") => {
                Self::Locked(error.to_string())
            }
            // What sled's recovery meets beyond the end of a cut file.
            sled::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::damaged("the data file ends too early")
            }
            sled::Error::Io(error) => error.into(),
            sled::Error::Corruption { at, .. } => Self::Damaged {
                offset: at.and_then(|at| offset_in(&format!("{at:?}"))),
                what: "a stored page cannot be read".into(),
            },
            other => Self::damaged(other.to_string()),
        }
    }
}

/// sled keeps its disk pointers to itself, but prints them as `Inline(OFFSET)` or `Blob(OFFSET, ID)`.
fn offset_in(pointer: &str) -> Option<u64> {
    let digits = pointer.split_once('(')?.1;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_of_a_damaged_page_is_kept() {
        assert_eq!(offset_in("Inline(524288)"), Some(524_288));
        assert_eq!(offset_in("Blob(77, 9)"), Some(77));
        assert_eq!(offset_in("None"), None);
    }

    #[test]
    fn a_full_disk_passes_and_a_broken_one_does_not() {
        assert!(Fault::from(io::Error::from(io::ErrorKind::StorageFull)).may_pass());
        assert!(!Fault::from(io::Error::other("input/output error")).may_pass());
    }
}
