//! Looking back: what the logs say of any instant, what changed between two, why somebody was known or not.
//!
//! What it is: pure functions of the logs that an [`Archive`] holds: a running bridge's store, that of a stopped one, or
//! an exported file. The same logs give the same answers whichever of them it is. Answers are the messages of
//! `causeway.topology.v1`. What it is not: the state that a bridge acts by; that is [`Core`](crate::Core), which folds
//! only what it admits and knows more about the present.
//!
//! Untrusted input: the logs may come from a file of anybody. [`Past::verify`] says what of them is good; every other
//! question takes hashes and signatures of logs for granted and checks only the records of peers and bridges, which carry
//! signatures of their own.

mod archive;
mod density;
mod diff;
mod error;
pub mod export;
mod journal;
mod merge;
mod names;
mod newest;
mod path;
mod query;
mod state;
mod stats;
mod tell;
mod verify;
mod watch;
mod why;
mod world;

use identity::NodeId;
use proto::topology::v1;

use crate::{Hlc, LogId, Verifier};

pub use archive::Archive;
pub use diff::compare;
pub use error::PastError;
pub use merge::{Merged, Placed};
pub use query::{Range, Wanted};
pub use tell::{KINDS, kind_name};
pub use watch::{Step, Watching};

use names::Names;
use world::World;

/// Questions about what an archive holds.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    archive: &'a dyn Archive,
    verifier: &'a dyn Verifier,
    /// The point of view where none is named.
    me: Option<NodeId>,
}

impl<'a> Past<'a> {
    /// Questions from the point of view of a bridge, or of none.
    pub fn new(archive: &'a dyn Archive, verifier: &'a dyn Verifier, me: Option<NodeId>) -> Self {
        Self { archive, verifier, me }
    }

    /// The times of the first and the last event; `None` when there are no events.
    pub fn span(&self) -> Option<(Hlc, Hlc)> {
        let ends = self.archive.logs().into_iter().filter_map(|(log, last)| {
            Some((archive::time_of(self.archive, &log, 1)?, archive::time_of(self.archive, &log, last)?))
        });
        ends.reduce(|all, log| (all.0.min(log.0), all.1.max(log.1)))
    }

    /// What is held, and the span of time that it covers.
    pub fn logs(&self) -> v1::LogsResponse {
        let names = Names::ever(self.archive, self.verifier);
        let span = |(log, events): (LogId, u64)| v1::LogSpan {
            owner: log.owner.to_bytes(),
            epoch: log.epoch.to_bytes(),
            name: names.name(&log.owner).to_owned(),
            events,
            first: archive::time_of(self.archive, &log, 1).unwrap_or_default().0,
            last: archive::time_of(self.archive, &log, events).unwrap_or_default().0,
        };
        let (first, last) = self.span().unwrap_or_default();
        v1::LogsResponse {
            logs: self.archive.logs().into_iter().map(span).collect(),
            first: first.0,
            last: last.0,
            this: self.me.map(NodeId::to_bytes).unwrap_or_default(),
        }
    }

    /// The state as of an instant, 0 for now.
    fn world(&self, at: Hlc) -> Result<World, PastError> {
        self.world_at(at, None)
    }

    /// The same; of events at that instant only those up to a log in the order of all events.
    fn world_at(&self, at: Hlc, log: Option<LogId>) -> Result<World, PastError> {
        let (first, last) = self.span().ok_or(PastError::NoEvents)?;
        let at = if at == Hlc::default() { last } else { at };
        if at < first {
            return Err(PastError::BeforeFirst { at, first });
        }
        Ok(World::at(self.archive, self.verifier, at, log))
    }

    /// The names in a world, and of nodes that were there before it.
    fn names(&self, world: &World) -> Names {
        Names::of(world, self.verifier)
    }
}

/// An instant as RFC 3339 in UTC with milliseconds; as a number where no calendar reaches.
pub(crate) fn rfc3339(at: Hlc) -> String {
    i64::try_from(at.millis())
        .ok()
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        .map_or_else(|| format!("{} ms", at.millis()), |time| format!("{time:.3}"))
}
