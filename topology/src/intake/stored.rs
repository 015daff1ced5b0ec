//! What the disk says.

use crate::{Core, LogId, Warning};

impl Core {
    /// A log is durable up to here.
    pub(crate) fn on_stored(&mut self, id: LogId, through: u64) {
        let Some(key) = self.logs.key(&id) else { return };
        if through > 0 {
            self.storage_failure = None;
        }
        let mut advanced = false;
        while self.logs[key].unstored.front().is_some_and(|run| run.last() <= through) {
            let Some(run) = self.logs[key].unstored.pop_front() else { break };
            self.release(run.link, run.bytes);
            if let Some(end) = run.entries.last() {
                self.logs.set_stored(key, run.last(), end.hash);
                self.logs[key].stored_time = run.time;
                self.fold_run(id, run.first, &run.entries);
                advanced = true;
            }
            // Folding may have found a fork of this very log, or let go of it.
            if self.logs.key(&id) != Some(key) {
                return;
            }
        }
        if advanced {
            self.on_advanced(key);
            if self.own.as_ref().is_some_and(|own| own.key == key) {
                self.await_everybody(key);
                self.checkpoint();
            }
        }
    }

    /// What was handed over of a foreign log is lost: it is asked for again later.
    pub(crate) fn on_store_failed(&mut self, id: LogId, reason: String) {
        if self.storage_failure.replace(reason.clone()).is_none() {
            self.warn(Warning::Storage { reason });
        }
        let Some(key) = self.logs.key(&id).filter(|_| id.owner != self.me) else { return };
        let runs: Vec<_> = self.logs[key].unstored.drain(..).collect();
        runs.iter().for_each(|run| self.release(run.link, run.bytes));
        let lost = runs.iter().flat_map(|run| &run.entries).map(|entry| entry.event.len() as u64).sum();
        self.return_share(&id.owner, lost);
        let log = &mut self.logs[key];
        log.bytes -= lost;
        (log.last, log.hash, log.time) = (log.stored, log.stored_hash, log.stored_time);
        self.expect_more(key);
    }
}
