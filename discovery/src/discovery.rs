//! The running discovery of a node: its handle.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use identity::NodeId;
use runtime::TaskGroup;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::TaskTracker;
use tracing::info_span;

use crate::{
    Announcer, Event, KnownAddress, Metrics, Settings, Snapshot, SourceKind, Target,
    greeting::Met,
    limits::{COMMAND_QUEUE, EVENT_QUEUE, REPORT_QUEUE},
    source::{Heard, Outlet, Report, Source},
};

mod actor;
mod hints;
mod pending;
mod registrations;

/// Goodbyes are sent within this time, or not at all.
const GOODBYE_GRACE: Duration = Duration::from_secs(2);

/// The handle of a node's discovery. Clones lead to the same one; it runs until [`Discovery::shutdown`], or until the
/// group in which it was spawned ends.
#[derive(Debug, Clone)]
#[must_use = "discovery that nobody shuts down leaves without a goodbye"]
pub struct Discovery {
    outlet: Outlet,
    commands: mpsc::Sender<Command>,
    actor: TaskGroup,
}

/// What the owner asks of the actor.
#[derive(Debug)]
enum Command {
    AddBridge(Target),
    AddFixed(Target),
    LastHeard(oneshot::Sender<BTreeMap<NodeId, Instant>>),
}

impl Discovery {
    /// Starts discovery. The announcer names what is announced; it may change at any time.
    ///
    /// Events arrive in order; they end when discovery does. Nothing fails at start: a source that does not work says
    /// so in the log, in its metrics and to `doctor`, and is tried again.
    pub fn spawn(
        group: &TaskGroup,
        settings: Settings,
        announcer: Announcer,
        metrics: Metrics,
    ) -> (Self, mpsc::Receiver<Event>) {
        let (reports, reported) = mpsc::channel(REPORT_QUEUE);
        let (commands, commanded) = mpsc::channel(COMMAND_QUEUE);
        let (events, received) = mpsc::channel(EVENT_QUEUE);
        let (publish, snapshot) = watch::channel(Arc::new(Snapshot::empty(announcer.network())));
        // The actor outlives the sources by the moment that it takes them to say goodbye.
        let (actor, sources) = (group.child(), group.child());
        let outlet =
            Outlet { reports, announcer, snapshot, group: sources, running: TaskTracker::new(), metrics };
        let ends = actor::Ends { reported, commanded, events, publish };
        let task = actor::Actor::new(outlet.clone(), settings, ends);
        let token = actor.token().clone();
        actor.spawn(info_span!("discovery"), task.run(token));
        (Self { outlet, commands, actor }, received)
    }

    /// The node's own announcements.
    pub const fn announcer(&self) -> &Announcer {
        self.outlet.announcer()
    }

    /// What is known at this moment.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.outlet.snapshot()
    }

    /// Follows what is known.
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.outlet.watch()
    }

    /// Runs one more source, such as a catalog.
    pub fn add_source(&self, source: impl Source) {
        let _ = self.outlet.start(source);
    }

    /// Registers with one more bridge. Nothing happens when that target is known already.
    pub async fn add_bridge(&self, target: Target) {
        let _ = self.commands.send(Command::AddBridge(target)).await;
    }

    /// Greets one more fixed address from now on.
    pub async fn add_fixed(&self, target: Target) {
        let _ = self.commands.send(Command::AddFixed(target)).await;
    }

    /// Takes in a node that greeted this one. False when too much is going on; it will greet again.
    pub fn met(&self, met: Met) -> bool {
        let address = KnownAddress::of(met.from, SourceKind::Greeting);
        let (announcement, description) = (met.announcement, Some(met.description));
        self.outlet.try_report(Report::Heard(Heard { announcement, description, address }))
    }

    /// Takes in a node that registered over this bridge's control port, under mutual TLS. To be repeated with each
    /// renewal. False when too much is going on.
    pub fn registered(&self, met: Met) -> bool {
        let address = KnownAddress::of(met.from, SourceKind::Registration);
        let (announcement, description) = (met.announcement, Some(met.description));
        self.outlet.try_report(Report::Heard(Heard { announcement, description, address }))
    }

    /// Takes in that a node ended its registration. False when too much is going on.
    pub fn left(&self, announcement: identity::Announcement) -> bool {
        self.outlet.try_report(Report::Goodbye(announcement))
    }

    /// When each directly known node was heard last.
    pub async fn last_heard(&self) -> BTreeMap<NodeId, Instant> {
        let (reply, answer) = oneshot::channel();
        let _ = self.commands.send(Command::LastHeard(reply)).await;
        answer.await.unwrap_or_default()
    }

    /// Says goodbye on all ways and ends.
    pub async fn shutdown(&self) {
        self.outlet.group.cancel();
        self.outlet.running.close();
        if tokio::time::timeout(GOODBYE_GRACE, self.outlet.running.wait()).await.is_err() {
            tracing::warn!("discovery did not end in time; some nodes may miss the goodbye");
        }
        self.actor.cancel();
        self.commands.closed().await;
    }
}
