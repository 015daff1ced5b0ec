//! Events as they come in.

use std::collections::BTreeMap;

use proto::topology::v1;

use crate::{Hlc, LogId};

use super::{Merged, Past, Wanted, names::Names, world::World};

/// How far somebody has seen each log. Between two calls of [`advance`](Self::advance) more may have become durable.
#[derive(Debug)]
pub struct Watching {
    seen: BTreeMap<LogId, u64>,
    wanted: Wanted,
    names: Names,
}

impl Past<'_> {
    /// Begins after the given positions; logs that are not among them come from their first event on.
    pub fn watch(&self, wanted: Wanted, after: impl IntoIterator<Item = (LogId, u64)>) -> Watching {
        let seen: BTreeMap<LogId, u64> = after.into_iter().collect();
        let begin = seen.iter().map(|(log, through)| (*log, *through));
        let mut world = World::folded(self.archive, self.verifier, Hlc::default(), begin);
        world.check_all(self.verifier);
        Watching { names: self.names(&world), seen, wanted }
    }

    /// Where each log stands.
    pub fn positions(&self) -> Vec<(LogId, u64)> {
        self.archive.logs()
    }
}

impl Watching {
    /// The next events, at most about so many; none when everything was seen. Within a log they come in its order; those
    /// that are there together come in the order of the whole history.
    pub fn advance(&mut self, past: &Past<'_>, most: usize) -> Vec<v1::Event> {
        let news = past.archive.logs().into_iter().filter_map(|(log, last)| {
            let seen = self.seen.get(&log).copied().unwrap_or(0);
            (seen < last).then_some((log, seen + 1, last))
        });
        let mut found = Vec::new();
        for placed in Merged::new(past.archive, news).take(most) {
            self.seen.insert(placed.log, placed.event.sequence);
            found.extend(self.names.tell(&placed, &self.wanted, past.verifier));
        }
        found
    }

    /// Whether there is more than was seen.
    pub fn is_behind(&self, past: &Past<'_>) -> bool {
        past.archive.logs().iter().any(|(log, last)| self.seen.get(log).is_none_or(|seen| seen < last))
    }
}
