//! How the store is, and what is known to be damaged.

/// How a store is, for the node to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Reading and appending work.
    Ok,
    /// The disk is full up to the reserve: reading works, appending does not, and will by itself once there is room.
    Full {
        /// Bytes that are free.
        free: u64,
        /// Bytes that must be free.
        needed: u64,
    },
    /// The file system is read-only: reading works, but perhaps not where a write failed.
    ReadOnly,
    /// The store failed; the reason also says whether it tries again by itself.
    Failed {
        /// What failed, and what to do.
        reason: String,
    },
}

/// The first position of a log that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The first position that is damaged.
    pub position: u64,
    /// What was found.
    pub what: String,
}
