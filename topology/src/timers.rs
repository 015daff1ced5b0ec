//! The core's timers.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{LinkId, logs::LogKey};

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Local facts that were put off: damping ends, or the rate allows more.
    Local,
    /// Open the epoch that had to wait.
    Reopen,
    /// Drop what is older than is kept, and begin the own log anew if it is old.
    Retention,
    /// Witness the neighbours' heads.
    Witness,
    /// Look again who is reachable and which candidates have had their time.
    Admission,
    /// Recompute routes and tell what changed.
    Routes,
    /// Tell a neighbour what is new.
    News(LinkId),
    /// Tell how far logs have come below.
    Reach,
    /// Compare heads with a neighbour.
    Compare(LinkId),
    /// See whether a log that is known to go on has gone on.
    Check(LogKey),
    /// Forget requests for logs that never came.
    Asked,
}

impl Timer {
    /// Whether firing may change the own log: then the tick belongs in the journal.
    pub(crate) fn may_log(self) -> bool {
        matches!(self, Self::Local | Self::Reopen | Self::Retention | Self::Witness | Self::Admission)
    }
}

/// Armed timers, each kind once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers {
    queue: BTreeSet<(Duration, Timer)>,
    armed: BTreeMap<Timer, Duration>,
}

impl Timers {
    /// Arms a timer unless it is armed for an earlier time.
    pub(crate) fn arm(&mut self, timer: Timer, at: Duration) {
        match self.armed.get(&timer) {
            Some(armed) if *armed <= at => {}
            Some(armed) => {
                self.queue.remove(&(*armed, timer));
                self.set(timer, at);
            }
            None => self.set(timer, at),
        }
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.armed.remove(&timer) {
            self.queue.remove(&(at, timer));
        }
    }

    pub(crate) fn is_armed(&self, timer: Timer) -> bool {
        self.armed.contains_key(&timer)
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// The next timer that is due.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<Timer> {
        let (at, timer) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.queue.remove(&(at, timer));
        self.armed.remove(&timer);
        Some(timer)
    }

    fn set(&mut self, timer: Timer, at: Duration) {
        self.queue.insert((at, timer));
        self.armed.insert(timer, at);
    }
}
