//! What the start, and the disk, have to tell in status.

use storage::Health;
use tokio::sync::watch;

/// Sentences from the start of the peer.
#[derive(Debug)]
pub(crate) struct Notes {
    /// What was cut off the history.
    pub(crate) cut: Option<String>,
    /// What found the disk full, as long as it does.
    pub(crate) unkept: watch::Receiver<Vec<String>>,
}

impl Notes {
    pub(crate) fn current(&self) -> Vec<String> {
        let mut sentences: Vec<_> = self.cut.iter().cloned().collect();
        sentences.extend(self.unkept.borrow().iter().cloned());
        sentences
    }
}

/// Why nothing can be stored.
pub(crate) fn sentence(health: &Health) -> String {
    match health {
        Health::Ok => "messages are stored".into(),
        Health::Full { free, needed } => format!(
            "no message can be stored: the disk is full: {free} bytes are free and {needed} are needed; free some space, no restart is needed"
        ),
        Health::ReadOnly => "no message can be stored: the file system has become read-only".into(),
        Health::Failed { reason } => format!("no message can be stored: {reason}"),
        other => format!("no message can be stored: {other:?}"),
    }
}
