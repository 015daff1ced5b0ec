//! Events in steps: those of a range, or as they come in. Nothing is borrowed between two steps, so whoever asked may
//! take all the time in the world.

use std::collections::BTreeMap;

use proto::topology::v1;

use crate::LogId;

use super::{Merged, Past, Wanted, names::Names};

/// How far somebody has seen each log. Between two [`step`](Self::step)s more may have become durable.
#[derive(Debug)]
pub struct Watching {
    seen: BTreeMap<LogId, u64>,
    /// Where a range ends; `None`: never.
    ends: Option<BTreeMap<LogId, u64>>,
    wanted: Wanted,
    names: Names,
}

/// What a step found.
#[derive(Debug)]
pub struct Step {
    /// The events that are wanted.
    pub events: Vec<v1::Event>,
    /// There is more than was seen.
    pub more: bool,
    /// A log that cannot be read, and the first event that is missing. Nothing of it comes any more.
    pub unreadable: Option<(LogId, u64)>,
}

impl Past<'_> {
    /// What comes in, after the given positions; logs that are not among them come from their first event on.
    pub fn watch(&self, wanted: Wanted, after: impl IntoIterator<Item = (LogId, u64)>) -> Watching {
        self.watch_until(wanted, after.into_iter().collect(), None)
    }

    /// The events of a range, and then no more.
    pub fn watch_range(&self, wanted: Wanted) -> Watching {
        let parts = self.parts(&wanted);
        self.watch_parts(wanted, parts)
    }

    /// The last so many events of a range, and then no more.
    pub fn watch_newest(&self, wanted: Wanted, most: usize) -> Watching {
        let parts = self.newest(&wanted, most);
        self.watch_parts(wanted, parts)
    }

    fn watch_parts(&self, wanted: Wanted, parts: Vec<(LogId, u64, u64)>) -> Watching {
        let seen = self.before(&parts);
        let ends = parts.into_iter().map(|(log, _, last)| (log, last)).collect();
        self.watch_until(wanted, seen, Some(ends))
    }

    /// Where each log stands.
    pub fn positions(&self) -> Vec<(LogId, u64)> {
        self.archive.logs()
    }

    fn watch_until(
        &self,
        wanted: Wanted,
        seen: BTreeMap<LogId, u64>,
        ends: Option<BTreeMap<LogId, u64>>,
    ) -> Watching {
        Watching { names: self.names_at(&seen), seen, ends, wanted }
    }
}

impl Watching {
    /// Looks at the next events, at most so many. Within a log they come in its order; those that are there together come
    /// in the order of the whole history.
    pub fn step(&mut self, past: &Past<'_>, most: usize) -> Step {
        let mut merged = Merged::new(past.archive, self.unseen(past));
        let mut events = Vec::new();
        for placed in merged.by_ref().take(most) {
            self.seen.insert(placed.log, placed.event.sequence);
            events.extend(self.names.tell(&placed, &self.wanted, past.verifier));
        }
        let unreadable = merged.unreadable().first().copied();
        for (log, _) in merged.unreadable() {
            self.seen.insert(*log, u64::MAX);
        }
        Step { events, more: !self.unseen(past).is_empty(), unreadable }
    }

    /// What of each log was not seen.
    fn unseen(&self, past: &Past<'_>) -> Vec<(LogId, u64, u64)> {
        let parts = past.archive.logs().into_iter().filter_map(|(log, held)| {
            let end = self.ends.as_ref().map_or(Some(u64::MAX), |ends| ends.get(&log).copied())?;
            let (seen, last) = (self.seen.get(&log).copied().unwrap_or(0), held.min(end));
            (seen < last).then_some((log, seen + 1, last))
        });
        parts.collect()
    }
}
