//! What the store, its logs and its writer share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;

use crate::directory::Directory;
use crate::directory::witness::Mark;
use crate::engine::Engine;
use crate::health::Health;
use crate::log::state::LogState;
use crate::metrics::Counters;
use crate::options::Options;
use crate::queue::Queue;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) directory: Directory,
    pub(crate) options: Options,
    pub(crate) queue: Queue,
    /// `None` while a failed database is opened again, and after the store was closed.
    pub(crate) engine: RwLock<Option<Engine>>,
    /// Held while a batch changes the tree, so that a reader can tell a change from damage. After `engine`.
    pub(crate) batch: Mutex<()>,
    pub(crate) logs: Mutex<Logs>,
    pub(crate) health: Mutex<Health>,
    pub(crate) counters: Counters,
    /// Since when a commit is under way.
    pub(crate) committing: Mutex<Option<Instant>>,
}

/// Every log by its name.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    pub(crate) by_name: BTreeMap<String, Arc<LogState>>,
    /// Logs that were acknowledged and are wholly gone: name, id and what was witnessed.
    pub(crate) lost: BTreeMap<String, (u64, Mark)>,
}

impl Logs {
    /// Whether any log is known to be damaged.
    pub(crate) fn are_damaged(&self) -> bool {
        !self.lost.is_empty() || self.by_name.values().any(|log| log.view().damage.is_some())
    }
}
