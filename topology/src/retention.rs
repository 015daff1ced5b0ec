//! How long logs are kept.
//!
//! Logs go as a whole, never in part: each begins with the bridge's start, which names and hashes the head before it and
//! is followed by all that holds, so what is left proves itself and says what it has lost.

use std::time::Duration;

use crate::{Core, Epoch, LogId, Retention, admission::Owner, limits::RETENTION_CHECK, timers::Timer};

/// The least time between two looks.
const MIN_CHECK: Duration = Duration::from_millis(100);

impl Core {
    /// Drops logs that have had their time, begins the own one anew if it is old, and arms the timer to do so again.
    pub(crate) fn on_retention(&mut self) {
        let Some(retention) = self.config.retention else { return };
        self.expire_logs(retention);
        self.renew(retention);
        let next = (retention.renew / 4).clamp(MIN_CHECK, RETENTION_CHECK);
        self.timers.arm(Timer::Retention, self.now.mono + next);
    }

    /// Whether this log would be dropped at once: a later one that is here began before the horizon, so all that this one
    /// says is older.
    pub(crate) fn is_expired(&self, log: &LogId) -> bool {
        let (Some(retention), Some(owner)) = (self.config.retention, self.owners.get(&log.owner)) else {
            return false;
        };
        self.kept_from(retention, owner).is_some_and(|from| log.epoch < from)
    }

    fn expire_logs(&mut self, retention: Retention) {
        let running = self.own.as_ref().map(|own| own.key);
        let mut expired = Vec::new();
        for (id, owner) in &self.owners {
            let Some(from) = self.kept_from(retention, owner) else { continue };
            let before = owner.epochs.range(..from).filter(|(_, key)| Some(**key) != running);
            expired.extend(before.map(|(epoch, _)| LogId { owner: *id, epoch: *epoch }));
        }
        self.counts.logs_expired += expired.len() as u64;
        expired.iter().for_each(|log| self.forget_epoch(log));
    }

    /// The epoch of a bridge before which nothing is younger than is kept: the last one that began before the horizon, or
    /// the one that counts if that is earlier.
    fn kept_from(&self, retention: Retention, owner: &Owner) -> Option<Epoch> {
        let keep = u64::try_from(retention.keep.as_millis()).unwrap_or(u64::MAX);
        let horizon = u64::try_from(self.now.wall_ms).unwrap_or(0).checked_sub(keep)?;
        let began = owner
            .epochs
            .iter()
            .rev()
            .find(|(epoch, key)| epoch.millis() < horizon && self.logs[**key].stored > 0);
        began.map(|(epoch, _)| *epoch).min(owner.folded)
    }
}
