//! The one owner of conversation, sessions and dials: inputs in, what the core says must be done out.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use conversation::{Conversation, MessageId, SessionKey};
use discovery::{Announcer, Discovery, Event as Discovered};
use identity::NodeId;
use runtime::TaskGroup;
use storage::{Log, Store};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep_until,
};

use self::{
    dialling::{Dial, DialOutcome},
    sessions::OpenSession,
};
use crate::{
    away::Away,
    chat::Incoming,
    command::{Command, CommandError, Sent},
    history,
    limits::{SESSION_EVENTS, TURN, TYPING_PACE},
    metrics::Metrics,
    notes::Notes,
    session::SessionEvent,
    writer::{Writer, Written},
};

mod commands;
mod dialling;
mod outputs;
mod people;
mod sessions;
mod storing;

/// Everything the actor is given at its start.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) core: Conversation,
    pub(crate) log: Log,
    pub(crate) store: Arc<Store>,
    pub(crate) announcer: Announcer,
    pub(crate) discovery: Discovery,
    pub(crate) group: TaskGroup,
    pub(crate) metrics: Metrics,
    pub(crate) notes: Notes,
}

/// The actor's queues.
#[derive(Debug)]
pub(crate) struct Inboxes {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) incoming: mpsc::Receiver<Incoming>,
    pub(crate) discovered: mpsc::Receiver<Discovered>,
    /// Where the head of the history is published.
    pub(crate) head: watch::Sender<u64>,
    /// Counts up when something else that is shown has changed.
    pub(crate) pulse: watch::Sender<u64>,
}

/// The actor.
#[derive(Debug)]
pub(crate) struct Actor {
    core: Conversation,
    writer: Writer,
    store: Arc<Store>,
    announcer: Announcer,
    discovery: Discovery,
    group: TaskGroup,
    metrics: Metrics,
    notes: Notes,
    head: watch::Sender<u64>,
    pulse: watch::Sender<u64>,
    /// Something that is shown has changed since the last pulse.
    changed: bool,
    sessions: BTreeMap<SessionKey, OpenSession>,
    active: BTreeMap<NodeId, SessionKey>,
    next_session: SessionKey,
    dials: BTreeMap<NodeId, Dial>,
    /// How many of them are under way.
    dialling: usize,
    /// Peers that wait for one of those to end.
    postponed: BTreeSet<NodeId>,
    events: mpsc::Sender<SessionEvent>,
    dialled: mpsc::Sender<DialOutcome>,
    fetched: mpsc::Sender<history::Read>,
    /// Peers for whom messages are read back, and from where to begin anew.
    fetching: HashMap<NodeId, Option<u64>>,
    next_request: u64,
    requests: HashMap<u64, Request>,
    waiters: HashMap<MessageId, Vec<oneshot::Sender<Option<MessageId>>>>,
    away: BTreeMap<NodeId, Away>,
    /// Who is writing, and until when that is believed.
    typing: BTreeMap<NodeId, Instant>,
    /// When we last said that we are.
    typed: BTreeMap<NodeId, Instant>,
    twins: HashSet<String>,
    /// Peers to be looked at again once the core's outputs are dealt with.
    dirty: Vec<NodeId>,
    retry_store_at: Option<Instant>,
}

/// A request that the core has not answered yet.
#[derive(Debug)]
enum Request {
    Send(oneshot::Sender<Result<Sent, CommandError>>),
    MarkRead(oneshot::Sender<Result<u64, CommandError>>),
    Decide(NodeId, oneshot::Sender<Result<(), CommandError>>),
}

/// The ends of the queues from the actor's own tasks.
#[derive(Debug)]
struct FromTasks {
    events: mpsc::Receiver<SessionEvent>,
    dialled: mpsc::Receiver<DialOutcome>,
    fetched: mpsc::Receiver<history::Read>,
}

/// What woke the actor.
enum Wake {
    Stop,
    Written(Written),
    Session(Option<SessionEvent>),
    Command(Option<Command>),
    Incoming(Option<Incoming>),
    Discovered(Option<Discovered>),
    Dialled(Option<DialOutcome>),
    Fetched(Option<history::Read>),
    Timer,
}

impl Actor {
    pub(crate) fn spawn(parts: Parts, inboxes: Inboxes) {
        let (events, events_received) = mpsc::channel(SESSION_EVENTS);
        let (dialled, dialled_received) = mpsc::channel(crate::limits::MAX_DIALS);
        let (fetched, fetched_received) = mpsc::channel(SESSION_EVENTS);
        let from_tasks =
            FromTasks { events: events_received, dialled: dialled_received, fetched: fetched_received };
        let group = parts.group.clone();
        let actor = Self {
            core: parts.core,
            writer: Writer::new(parts.log),
            store: parts.store,
            announcer: parts.announcer,
            discovery: parts.discovery,
            group: parts.group,
            metrics: parts.metrics,
            notes: parts.notes,
            head: inboxes.head.clone(),
            pulse: inboxes.pulse.clone(),
            changed: false,
            sessions: BTreeMap::new(),
            active: BTreeMap::new(),
            next_session: 1,
            dials: BTreeMap::new(),
            dialling: 0,
            postponed: BTreeSet::new(),
            events,
            dialled,
            fetched,
            fetching: HashMap::new(),
            next_request: 1,
            requests: HashMap::new(),
            waiters: HashMap::new(),
            away: BTreeMap::new(),
            typing: BTreeMap::new(),
            typed: BTreeMap::new(),
            twins: HashSet::new(),
            dirty: Vec::new(),
            retry_store_at: None,
        };
        group.spawn(tracing::info_span!("peer"), actor.run(inboxes, from_tasks));
    }

    async fn run(mut self, mut inboxes: Inboxes, mut tasks: FromTasks) {
        self.dirty.extend(self.core.waiting());
        self.settle();
        let mut discovering = true;
        loop {
            let busy = self.core.is_busy();
            let deadline = self.next_deadline();
            let wake = tokio::select! {
                biased;
                () = self.group.cancelled() => Wake::Stop,
                written = self.writer.done() => Wake::Written(written),
                event = tasks.events.recv(), if !busy => Wake::Session(event),
                command = inboxes.commands.recv(), if !busy => Wake::Command(command),
                incoming = inboxes.incoming.recv() => Wake::Incoming(incoming),
                discovered = inboxes.discovered.recv(), if discovering => Wake::Discovered(discovered),
                outcome = tasks.dialled.recv() => Wake::Dialled(outcome),
                fetched = tasks.fetched.recv() => Wake::Fetched(fetched),
                () = sleep_until(deadline.into()) => Wake::Timer,
            };
            match wake {
                Wake::Stop => break,
                Wake::Discovered(None) => discovering = false,
                wake => self.handle(wake),
            }
            self.take_turns(&mut inboxes, &mut tasks);
            if deadline <= Instant::now() {
                self.handle_timer();
            }
            self.settle();
        }
        self.finish(tasks).await;
    }

    fn handle(&mut self, wake: Wake) {
        match wake {
            Wake::Written(written) => self.handle_written(written),
            Wake::Session(Some(event)) => self.handle_session(event),
            Wake::Command(Some(command)) => self.handle_command(command),
            Wake::Incoming(Some(incoming)) => self.handle_incoming(incoming),
            Wake::Discovered(Some(event)) => self.handle_discovered(event),
            Wake::Dialled(Some(outcome)) => self.handle_dialled(outcome),
            Wake::Fetched(Some(read)) => self.handle_fetched(read),
            Wake::Timer => self.handle_timer(),
            _ => {}
        }
    }

    /// Takes what else is there, a bounded part of each queue, so that one commit serves many and no queue that is
    /// never empty keeps the others from their turn.
    fn take_turns(&mut self, inboxes: &mut Inboxes, tasks: &mut FromTasks) {
        for _ in 0..TURN {
            let mut wakes = vec![];
            wakes.extend(tasks.fetched.try_recv().ok().map(|it| Wake::Fetched(Some(it))));
            wakes.extend(tasks.dialled.try_recv().ok().map(|it| Wake::Dialled(Some(it))));
            wakes.extend(inboxes.discovered.try_recv().ok().map(|it| Wake::Discovered(Some(it))));
            wakes.extend(inboxes.incoming.try_recv().ok().map(|it| Wake::Incoming(Some(it))));
            if !self.core.is_busy() {
                wakes.extend(tasks.events.try_recv().ok().map(|it| Wake::Session(Some(it))));
                wakes.extend(inboxes.commands.try_recv().ok().map(|it| Wake::Command(Some(it))));
            }
            if wakes.is_empty() {
                return;
            }
            wakes.into_iter().for_each(|wake| self.handle(wake));
        }
    }

    /// Begins the next append, and looks at the peers for whom something changed.
    fn settle(&mut self) {
        self.writer.start();
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for peer in dirty {
            self.consider(peer);
        }
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.queued.set(gauge(self.core.totals().queued));
        self.metrics.sessions.set(gauge(self.active.len()));
        if std::mem::take(&mut self.changed) {
            self.pulse.send_modify(|count| *count += 1);
        }
    }

    fn handle_timer(&mut self) {
        self.retry_store();
        let before = self.typing.len();
        self.typing.retain(|_, until| *until > Instant::now());
        self.changed |= self.typing.len() != before;
        self.typed.retain(|_, at| at.elapsed() < TYPING_PACE);
        let due = self.due_dials();
        self.dirty.extend(due);
    }

    /// When something is to be done although nothing happens.
    fn next_deadline(&self) -> Instant {
        let now = Instant::now();
        let far = now + std::time::Duration::from_secs(60);
        let typing = self.typing.values().min().copied();
        [self.retry_store_at, self.next_dial(), typing].into_iter().flatten().min().unwrap_or(far)
    }

    fn number(&mut self) -> u64 {
        self.next_request += 1;
        self.next_request
    }
}
