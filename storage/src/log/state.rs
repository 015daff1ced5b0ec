//! What is known of one log while the store is open.

use std::sync::Mutex;

use crate::directory::witness::Mark;
use crate::fault::Refusal;
use crate::head::Head;
use crate::health::Damage;
use crate::sync::lock;

/// One log. The writer changes its view, readers look at it.
#[derive(Debug)]
pub(crate) struct LogState {
    pub(crate) name: String,
    pub(crate) id: u64,
    view: Mutex<View>,
}

/// What is durable of a log.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) head: Head,
    pub(crate) damage: Option<Damage>,
    pub(crate) removed: bool,
    /// Whether the last block was seen to end at the head.
    pub(crate) verified: bool,
    /// What the file of witnesses says.
    pub(crate) mark: Mark,
}

impl LogState {
    pub(crate) fn new(name: String, id: u64, head: Head, damage: Option<Damage>) -> Self {
        let view = View { head, damage, removed: false, verified: false, mark: Mark::NONE };
        Self { name, id, view: Mutex::new(view) }
    }

    pub(crate) fn view(&self) -> View {
        lock(&self.view).clone()
    }

    pub(crate) fn head(&self) -> Head {
        lock(&self.view).head
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut View)) {
        change(&mut lock(&self.view));
    }

    /// Whether the log takes records, and its head if so.
    pub(crate) fn ready(&self) -> Result<Head, Refusal> {
        let view = lock(&self.view);
        match &view.damage {
            _ if view.removed => Err(Refusal::Removed),
            Some(damage) => Err(Refusal::Damaged(damage.clone())),
            None => Ok(view.head),
        }
    }
}
