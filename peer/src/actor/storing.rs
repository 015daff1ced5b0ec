//! The history: what follows from a commit, and from a store that fails.

use std::time::Instant;

use conversation::Input;
use identity::NodeId;
use proto::chat::v1::close::Reason;

use super::{Actor, FromTasks};
use crate::{
    history,
    limits::{SHUTDOWN_GRACE, STORE_PAUSE},
    writer::Written,
};

impl Actor {
    pub(super) fn handle_written(&mut self, written: Written) {
        match written {
            Written::Stored { first, records } => {
                self.metrics.commits.inc();
                // Whoever is answered by what follows finds it in the history.
                self.head.send_replace(self.writer.head());
                self.feed(Input::Stored { first, records });
            }
            Written::Failed { reason } => {
                self.metrics.store_failures.inc();
                self.changed = true;
                tracing::warn!(reason, "the history could not be written; trying again until it can");
                self.feed(Input::StoreFailed { reason });
                self.retry_store_at = Some(Instant::now() + STORE_PAUSE);
            }
        }
    }

    /// Looks whether a store that failed works again.
    pub(super) fn retry_store(&mut self) {
        let now = Instant::now();
        if self.retry_store_at.is_none_or(|at| at > now) {
            return;
        }
        if self.writer.try_again(&self.store) {
            tracing::info!("the history can be written again");
            self.retry_store_at = None;
            self.changed = true;
            self.feed(Input::StoreReady);
        } else {
            self.retry_store_at = Some(now + STORE_PAUSE);
        }
    }

    /// Reads messages back for a peer that lost them. One reading for each peer: one that is asked for meanwhile
    /// replaces the one under way.
    pub(super) fn on_fetch(&mut self, peer: NodeId, from: u64) {
        if let Some(instead) = self.fetching.get_mut(&peer) {
            *instead = Some(from);
            return;
        }
        self.fetching.insert(peer, None);
        let (log, fetched) = (self.writer.log().clone(), self.fetched.clone());
        self.group.spawn(tracing::debug_span!("fetch", peer = %peer.short()), async move {
            let read = tokio::task::spawn_blocking(move || history::fetch(&log, peer, from)).await;
            let read = match read {
                Ok(Ok(read)) => read,
                failed => {
                    let error = failed.map(|read| read.err().map(|error| error.to_string()));
                    tracing::warn!(?error, "messages could not be read back; trying again");
                    tokio::time::sleep(STORE_PAUSE).await;
                    history::Read { peer, messages: Vec::new(), next: Some(from) }
                }
            };
            // The actor ends: then nobody needs them.
            let _ = fetched.send(read).await;
        });
    }

    pub(super) fn handle_fetched(&mut self, read: history::Read) {
        let history::Read { peer, messages, next } = read;
        match self.fetching.remove(&peer).flatten() {
            Some(from) => self.on_fetch(peer, from),
            None => self.feed(Input::Fetched { peer, messages, next }),
        }
    }

    /// Says goodbye on all sessions, and stores what is on its way.
    pub(super) async fn finish(&mut self, mut tasks: FromTasks) {
        let open: Vec<_> = self.sessions.keys().copied().collect();
        for session in open {
            self.close(session, Reason::Shutdown, String::new());
        }
        let end = tokio::time::Instant::now() + SHUTDOWN_GRACE / 2;
        while self.core.pending() > 0 && self.writer.failure().is_none() {
            self.writer.start();
            match tokio::time::timeout_at(end, self.writer.done()).await {
                Ok(written) => self.handle_written(written),
                Err(_) => break,
            }
        }
        // Sessions end by themselves once the goodbye is through; nobody reads what they still say.
        while !self.sessions.is_empty() {
            match tokio::time::timeout_at(end, tasks.events.recv()).await {
                Ok(Some(crate::session::SessionEvent::Closed { session, .. })) => {
                    self.sessions.remove(&session);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
    }
}
