//! Stopping in good order: the event first, and not before the neighbours have it.

use std::time::Duration;

use tokio::sync::oneshot;
use topology::Input;

use super::{Actor, publish::Change};
use crate::limits::DRAIN_SPREAD;

/// A frame waits this long at most, on both sides together, before and after its crossing.
const QUEUES: Duration = Duration::from_millis(30);

/// An event of farewell on its way to the neighbours.
#[derive(Debug)]
pub(super) struct Draining {
    /// The own log's head with the event.
    head: u64,
    /// Not waited for beyond this.
    until: Duration,
    /// The event is durable, and so on its way.
    sent: bool,
    told: Option<oneshot::Sender<()>>,
    /// The actor ends with it.
    last: bool,
}

impl Actor {
    pub(super) fn on_drain(&mut self, grace_ms: u32, told: oneshot::Sender<()>) {
        tracing::info!(grace_ms, "draining");
        self.table.set_draining();
        self.input(Input::Drain { grace_ms });
        // Nobody follows: nothing to tell.
        let _ = self.changes.send(Change::Draining(grace_ms));
        self.wait_for_neighbours(told, false);
    }

    pub(super) fn on_stop(&mut self, told: oneshot::Sender<()>) {
        self.table.set_draining();
        self.input(Input::Stop);
        self.wait_for_neighbours(told, true);
    }

    pub(super) fn drain_deadline(&self) -> Option<Duration> {
        self.draining.as_ref().map(|draining| draining.until)
    }

    /// Answers once the event is durable and has had time to cross the links, or it takes too long.
    pub(super) fn look_at_drain(&mut self) {
        if self.draining.is_none() {
            return;
        }
        let now = self.now().mono;
        let durable = self.core.view().own().map_or(u64::MAX, |own| own.durable);
        let crossing = self.crossing();
        let Some(draining) = &mut self.draining else { return };
        if !draining.sent && durable >= draining.head {
            draining.sent = true;
            draining.until = draining.until.min(now + crossing);
        }
        if now < draining.until {
            return;
        }
        if let Some(Draining { told: Some(told), last, .. }) = self.draining.take() {
            self.stopped |= last;
            // Whoever asked may have given up.
            let _ = told.send(());
        }
    }

    /// What an event needs to reach all neighbours: two round trips of the slowest link, so that one lost packet is
    /// repeated, and a moment for queues. A link says nothing when an event has arrived.
    fn crossing(&self) -> Duration {
        let statuses = self.links.statuses();
        let up = statuses.iter().filter(|link| link.connection.is_some());
        up.map(|link| 2 * link.rtt + QUEUES).max().unwrap_or_default()
    }

    fn wait_for_neighbours(&mut self, told: oneshot::Sender<()>, last: bool) {
        let head = self.core.view().own().map_or(0, |own| own.head);
        let until = self.now().mono + DRAIN_SPREAD;
        let before = self.draining.replace(Draining { head, until, sent: false, told: Some(told), last });
        if let Some(told) = before.and_then(|before| before.told) {
            // Superseded: whoever waited for the event before goes on.
            let _ = told.send(());
        }
    }
}
