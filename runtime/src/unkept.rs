//! Small files that found a full disk at the start: the node goes on, says so, and writes them once there is room.

use std::{fmt, io, time::Duration};

use tokio::sync::watch;

use crate::TaskGroup;

/// How often it is looked whether there is room.
const RETRY: Duration = Duration::from_secs(1);

/// Writes a file; may be called again when it failed.
type Write = Box<dyn FnMut() -> io::Result<()> + Send>;

/// What could not be written at the start for want of room.
#[derive(Default)]
pub struct Unkept {
    files: Vec<(String, Write)>,
}

impl Unkept {
    /// Writes a file, and sets it aside for later if the disk is full. `what` names it, with what it means that it is
    /// not there. Blocks on the disk.
    ///
    /// # Errors
    /// What the file system said, unless that is a want of room.
    pub fn write(
        &mut self,
        what: impl Into<String>,
        mut write: impl FnMut() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        match write() {
            Err(error) if is_full(&error) => {
                self.later(what, write);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Sets a file aside that found the disk full.
    pub fn later(&mut self, what: impl Into<String>, write: impl FnMut() -> io::Result<()> + Send + 'static) {
        let what = what.into();
        tracing::warn!(what, "the disk is full; it is written once there is room");
        self.files.push((what, Box::new(write)));
    }

    /// Tries again until all is written or the group ends. Gives the warnings that hold meanwhile, for status.
    pub fn spawn(mut self, group: &TaskGroup) -> watch::Receiver<Vec<String>> {
        let (warnings, seen) = watch::channel(self.warnings());
        if self.files.is_empty() {
            return seen;
        }
        let token = group.token().clone();
        group.spawn(tracing::info_span!("unkept"), async move {
            while !self.files.is_empty() {
                tokio::select! {
                    biased;
                    () = token.cancelled() => return,
                    () = tokio::time::sleep(RETRY) => {}
                }
                let Ok(left) = tokio::task::spawn_blocking(move || self.try_again()).await else { return };
                self = left;
                warnings.send_replace(self.warnings());
            }
            tracing::info!("what was not written at the start for want of room now is");
        });
        seen
    }

    fn try_again(mut self) -> Self {
        self.files.retain_mut(|(what, write)| match write() {
            Ok(()) => false,
            Err(error) => {
                tracing::debug!(%error, what, "still not written");
                true
            }
        });
        self
    }

    fn warnings(&self) -> Vec<String> {
        let sentence = |what: &String| {
            format!("the disk is full: {what} could not be written; free some space, no restart is needed")
        };
        self.files.iter().map(|(what, _)| sentence(what)).collect()
    }
}

impl fmt::Debug for Unkept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.files.iter().map(|(what, _)| what)).finish()
    }
}

/// Whether a failure is a want of room: on the disk, or in this user's share of it.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn what_found_no_room_is_told_until_it_is_written() {
        let room = Arc::new(AtomicBool::new(false));
        let mut unkept = Unkept::default();
        let seen = Arc::clone(&room);
        let full = move || {
            if seen.load(Ordering::SeqCst) { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        };
        unkept.write("the ports", full).unwrap();
        unkept.write("the name", || Ok(())).unwrap();
        let refused = unkept.write("the rest", || Err(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::PermissionDenied);

        let group = TaskGroup::new();
        let mut warnings = unkept.spawn(&group);
        assert_eq!(warnings.borrow_and_update().len(), 1);
        assert!(warnings.borrow()[0].contains("the ports"));
        room.store(true, Ordering::SeqCst);
        warnings.wait_for(Vec::is_empty).await.unwrap();
    }
}
