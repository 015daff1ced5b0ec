//! The one task that owns the core: inputs in, outputs done, views published. It never waits for anything but inputs.

mod command;
mod drain;
mod execute;
mod links;
mod local;
mod publish;

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use identity::NodeId;
use storage::Health;
use tokio::{
    sync::{broadcast, mpsc, watch},
    time::sleep_until,
};
use topology::{Core, Input, Now, Output};

pub(crate) use command::{ActorHandle, Command, Gone, Registration, Sleeper};
pub(crate) use publish::Change;

use crate::{
    keeper::{self, Keeper, Kept},
    limits::{INPUTS_PER_TURN, PENDING_WRITE_BYTES, PeerLimits},
    link::{LinkEvent, Links},
    locals::{Locals, Seen},
    metrics::Metrics,
    stored_logs::StoredLogs,
    table::Table,
    wall,
    warnings::Warnings,
};

/// How often gauges are set although nothing happens.
const GAUGE_INTERVAL: Duration = Duration::from_secs(1);

/// What the actor is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) core: Core,
    pub(crate) peers: PeerLimits,
    pub(crate) keeper: Keeper,
    pub(crate) logs: StoredLogs,
    pub(crate) links: Links,
    pub(crate) table: Table,
    pub(crate) changes: broadcast::Sender<Change>,
    pub(crate) metrics: Metrics,
    pub(crate) warnings: Vec<String>,
    /// What the start could not write, as long as it cannot.
    pub(crate) unkept: watch::Receiver<Vec<String>>,
}

/// Where its inputs come from.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) links: mpsc::Receiver<LinkEvent>,
    pub(crate) discovery: mpsc::Receiver<discovery::Event>,
    pub(crate) kept: mpsc::Receiver<Kept>,
}

/// The actor.
#[derive(Debug)]
pub(crate) struct Actor {
    core: Core,
    started: Instant,
    keeper: Keeper,
    logs: StoredLogs,
    links: Links,
    up: HashMap<u64, links::Up>,
    locals: Locals,
    table: Table,
    changes: broadcast::Sender<Change>,
    metrics: Metrics,
    warnings: Warnings,
    /// Warnings that hold for the whole run.
    standing: Vec<String>,
    unkept: watch::Receiver<Vec<String>>,
    health: Health,
    /// Why the journal of this run ended, if it did.
    journal_ended: Option<String>,
    outputs: Vec<Output>,
    changed_peers: BTreeSet<NodeId>,
    changed_bridges: BTreeSet<NodeId>,
    draining: Option<drain::Draining>,
    next_gauges: Duration,
    stopped: bool,
}

impl Actor {
    /// Gives the core its first input and publishes what the stored logs say.
    pub(crate) fn start(parts: Parts, start: topology::Start) -> Self {
        let mut actor = Self {
            locals: Locals::new(parts.core.id(), parts.peers),
            core: parts.core,
            started: Instant::now(),
            keeper: parts.keeper,
            logs: parts.logs,
            links: parts.links,
            up: HashMap::new(),
            table: parts.table,
            changes: parts.changes,
            metrics: parts.metrics,
            warnings: Warnings::default(),
            standing: parts.warnings,
            unkept: parts.unkept,
            health: Health::Ok,
            journal_ended: None,
            outputs: Vec::new(),
            changed_peers: BTreeSet::new(),
            changed_bridges: BTreeSet::new(),
            draining: None,
            next_gauges: Duration::ZERO,
            stopped: false,
        };
        actor.table.set_policy(start.policy.clone());
        actor.input(Input::Start(start));
        actor.changed_peers.extend(actor.core.view().peers());
        actor.changed_bridges.extend(actor.core.view().bridges().iter().map(|bridge| bridge.id));
        actor.end_turn();
        actor
    }

    /// Until [`Command::Stop`] was done, or the group is cancelled. Gives the keeper back, to be finished.
    pub(crate) async fn run(mut self, mut inbox: Inbox, group: runtime::TaskGroup) -> Keeper {
        while !self.stopped {
            let room = self.has_room();
            let deadline = self.started + self.next_deadline();
            tokio::select! {
                biased;
                () = group.cancelled() => break,
                Some(kept) = inbox.kept.recv() => self.on_kept(kept),
                Some(command) = inbox.commands.recv() => self.on_command(command),
                () = sleep_until(deadline.into()) => self.on_deadline(),
                Some(event) = inbox.links.recv(), if room => self.on_link_events(event, &mut inbox.links),
                Some(event) = inbox.discovery.recv(), if room => self.on_discovery(event),
            }
            self.end_turn();
        }
        self.keeper
    }

    /// One input of the core, and everything that it wants done.
    fn input(&mut self, input: Input) {
        let now = self.now();
        let mut outputs = std::mem::take(&mut self.outputs);
        self.core.handle(input, now, &mut outputs);
        for output in outputs.drain(..) {
            self.execute(output);
        }
        self.outputs = outputs;
    }

    fn on_link_events(&mut self, first: LinkEvent, more: &mut mpsc::Receiver<LinkEvent>) {
        self.on_link_event(first);
        for _ in 1..INPUTS_PER_TURN {
            match more.try_recv() {
                Ok(event) => self.on_link_event(event),
                Err(_) => return,
            }
        }
    }

    fn on_kept(&mut self, kept: Kept) {
        let owner = self.core.id();
        match kept {
            Kept::Own { epoch, through } => self.input(Input::Appended { epoch, through }),
            Kept::Foreign { log, through } => self.input(Input::Stored { log, through }),
            Kept::Failed { log, reason } => {
                if log.owner != owner {
                    tracing::debug!(%log, reason, "a foreign log could not be stored");
                }
                self.input(Input::StoreFailed { log, reason });
            }
            Kept::JournalEnded { reason } => self.on_journal_ended(reason),
            Kept::Batch(health) => self.on_health(health),
        }
    }

    fn on_journal_ended(&mut self, reason: String) {
        tracing::warn!(reason, "the journal of this run ends here");
        self.journal_ended = Some(format!(
            "the journal of this run ends where it is, for it could not be stored for too long ({reason}); a restart \
             begins a new one"
        ));
    }

    fn on_health(&mut self, health: Health) {
        if health != self.health {
            match keeper::sentence(&health) {
                Some(what) => tracing::warn!(what, "storage"),
                None => tracing::info!("storing works again"),
            }
            self.health = health;
        }
    }

    fn on_deadline(&mut self) {
        let now = self.now().mono;
        if self.core.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.input(Input::Tick);
        }
        self.expire_registrations(now);
        if self.next_gauges <= now {
            self.set_gauges();
            self.next_gauges = now + GAUGE_INTERVAL;
        }
    }

    fn next_deadline(&self) -> Duration {
        let next = [self.core.next_deadline(), self.locals.next_expiry(), self.drain_deadline()];
        next.into_iter().flatten().fold(self.next_gauges, Duration::min)
    }

    /// The disk keeps up: more that is to be stored may come in.
    fn has_room(&self) -> bool {
        self.keeper.waiting() < PENDING_WRITE_BYTES
    }

    fn end_turn(&mut self) {
        self.publish();
        self.look_at_drain();
    }

    fn warn(&mut self, sentence: String) {
        if self.warnings.add(sentence.clone(), self.now().mono) {
            tracing::warn!("{sentence}");
        }
    }

    fn now(&self) -> Now {
        Now { mono: self.started.elapsed(), wall_ms: wall::now_ms() }
    }

    fn seen(&self) -> Seen {
        let now = self.now();
        Seen { now: now.mono, wall_ms: now.wall_ms }
    }
}
