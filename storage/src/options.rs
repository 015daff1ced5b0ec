//! What can be set when a store is opened, and the fixed bounds.

/// The largest record, bytes.
pub const MAX_RECORD: usize = 256 * 1024;

/// The largest sum of records in one append, bytes.
pub const MAX_APPEND: usize = 4 * 1024 * 1024;

/// The longest name of a log, bytes of UTF-8.
pub const MAX_NAME: usize = 128;

/// The least reserve, bytes: sled takes a segment of 512 KiB at a time, and a large commit several.
pub const MIN_RESERVE: u64 = 4 * 1024 * 1024;

/// How a store behaves; [`Options::default`] suits a node.
#[derive(Debug, Clone)]
pub struct Options {
    /// Free space, bytes, below which appends are refused while reading goes on; at least [`MIN_RESERVE`].
    pub reserve: u64,
    /// The most logs that a store holds.
    pub max_logs: usize,
    /// The most bytes of records that wait for the writer.
    pub queue_bytes: usize,
    /// The most operations that wait for the writer.
    pub queue_count: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { reserve: 32 * 1024 * 1024, max_logs: 16_384, queue_bytes: 8 * 1024 * 1024, queue_count: 8192 }
    }
}
