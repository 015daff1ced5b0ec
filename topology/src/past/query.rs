//! Which events are asked for.

use std::collections::{BTreeMap, BTreeSet};

use identity::NodeId;
use proto::topology::v1;

use crate::{Hlc, LogId};

use super::{
    Merged, Past, PastError, Placed,
    archive::{events_until, time_of},
    names::Names,
    tell::{event_id, subject},
    world::World,
};

/// A filter whose names were looked up.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    since: Hlc,
    until: Option<Hlc>,
    network: Option<String>,
    node: Option<NodeId>,
    kinds: BTreeSet<i32>,
}

/// Events in their order, told.
#[derive(Debug)]
pub struct Range<'a> {
    past: Past<'a>,
    merged: Merged<'a>,
    wanted: Wanted,
    names: Names,
}

impl Wanted {
    /// Whether it asks for the bridges of one network.
    pub(super) fn names_a_network(&self) -> bool {
        self.network.is_some()
    }

    pub(super) fn lets_through(&self, placed: &Placed, names: &Names) -> bool {
        let Placed { log, event, .. } = placed;
        event.time >= self.since
            && self.until.is_none_or(|until| event.time <= until)
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && self.node.is_none_or(|node| log.owner == node || subject(event) == Some(node))
            && self.network.as_ref().is_none_or(|wanted| {
                names.network(&log.owner).is_some_and(|network| is_called(network, wanted))
            })
    }
}

/// Whether a text is a network's name, or `#` and the beginning of its id.
fn is_called(network: &identity::Network, text: &str) -> bool {
    text.strip_prefix('#').map_or_else(
        || network.name == text,
        |prefix| network.id.is_some_and(|id| !prefix.is_empty() && id.to_string().starts_with(prefix)),
    )
}

impl<'a> Past<'a> {
    /// Looks up the names in a filter.
    ///
    /// # Errors
    /// [`PastError`] for a node that no log names.
    pub fn wanted(&self, filter: &v1::Filter) -> Result<Wanted, PastError> {
        let node = match filter.node.as_str() {
            "" => None,
            text => {
                let world = self.world(Hlc(filter.until))?;
                Some(self.find(&world, &mut self.names(&world), text)?)
            }
        };
        Ok(Wanted {
            since: Hlc(filter.since),
            until: (filter.until > 0).then_some(Hlc(filter.until)),
            network: (!filter.network.is_empty()).then(|| filter.network.clone()),
            node,
            kinds: filter.kinds.iter().copied().collect(),
        })
    }

    /// Events that a filter lets through, in their order. Names are those as of where they begin.
    pub fn range(&self, wanted: Wanted) -> Range<'a> {
        let parts = self.parts(&wanted);
        let names = self.names_at(&self.before(&parts));
        Range { past: *self, merged: Merged::new(self.archive, parts), wanted, names }
    }

    /// How far each log goes before some parts begin, also those that have no part.
    pub(super) fn before(&self, parts: &[(LogId, u64, u64)]) -> BTreeMap<LogId, u64> {
        let times = parts.iter().filter_map(|(log, first, _)| time_of(self.archive, log, *first));
        let begin = times.min().unwrap_or(Hlc(u64::MAX));
        let mut before: BTreeMap<_, _> = parts.iter().map(|(log, first, _)| (*log, first - 1)).collect();
        for (log, last) in self.archive.logs() {
            before.entry(log).or_insert_with(|| events_until(self.archive, &log, last, begin, false));
        }
        before
    }

    /// What nodes are called once each log was read so far.
    pub(super) fn names_at(&self, seen: &BTreeMap<LogId, u64>) -> Names {
        // By id: of an owner's logs the latest one counts.
        let begun = seen.iter().filter(|(_, through)| **through > 0);
        let latest: BTreeMap<NodeId, (LogId, u64)> =
            begun.map(|(log, through)| (log.owner, (*log, *through))).collect();
        self.names(&World::folded(self.archive, self.verifier, Hlc::default(), latest.into_values()))
    }

    /// The events of each log that lie within the times of a filter.
    pub(super) fn parts(&self, wanted: &Wanted) -> Vec<(LogId, u64, u64)> {
        let mut parts = Vec::new();
        for (log, last) in self.archive.logs() {
            let first = events_until(self.archive, &log, last, wanted.since, false) + 1;
            let last = wanted.until.map_or(last, |until| events_until(self.archive, &log, last, until, true));
            if first <= last {
                parts.push((log, first, last));
            }
        }
        parts
    }

    /// A log's events, told with all names that are ever known here.
    pub fn told(&self, log: LogId) -> Vec<v1::Event> {
        let last =
            self.archive.logs().into_iter().find(|(other, _)| *other == log).map_or(0, |(_, last)| last);
        let mut names = Names::ever(self.archive, self.verifier);
        names.forget_claims();
        let events = Merged::new(self.archive, (last > 0).then_some((log, 1, last)));
        events.filter_map(|placed| names.tell(&placed, &Wanted::default(), self.verifier)).collect()
    }

    /// The log and the sequence of an event by its id.
    ///
    /// # Errors
    /// [`PastError`] for what is no id, and for an event that is not held.
    pub fn event(&self, id: &str) -> Result<(LogId, u64), PastError> {
        let sequence = id.rsplit_once('.').and_then(|(_, sequence)| sequence.parse::<u64>().ok());
        let sequence = sequence.filter(|sequence| *sequence > 0);
        let sequence = sequence.ok_or_else(|| PastError::BadEventId(id.to_owned()))?;
        let held = self
            .archive
            .logs()
            .into_iter()
            .find(|(log, last)| sequence <= *last && event_id(log, sequence) == id);
        held.map(|(log, _)| (log, sequence)).ok_or_else(|| PastError::NoSuchEvent(id.to_owned()))
    }
}

impl<'a> Range<'a> {
    /// The same events untold, and unfiltered but by time.
    pub(super) fn into_placed(self) -> Merged<'a> {
        self.merged
    }
}

impl Iterator for Range<'_> {
    type Item = v1::Event;

    fn next(&mut self) -> Option<v1::Event> {
        loop {
            let placed = self.merged.next()?;
            if let Some(event) = self.names.tell(&placed, &self.wanted, self.past.verifier) {
                return Some(event);
            }
        }
    }
}
