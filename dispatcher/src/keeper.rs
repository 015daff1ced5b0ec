//! The one owner of the kept peers: who gets which, how many are ready, which sleep.
//!
//! What takes time (starting, stopping, claiming, looking) runs in tasks that report back. What is decided is in the log
//! before anything follows from it, so a dispatcher that ends at any point goes on where it was.

mod ending;
mod entering;
mod looking;
mod pool;
mod view;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use identity::{NodeId, tls::Identity};
use proto::{
    claim::v1::HolderResponse,
    control::v1::{DispatcherStatusResponse, KeptPeer},
    hosting::v1::{Woken, event::Kind},
};
use runtime::{Backoff, TaskGroup};
use storage::AppendError;
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    time::{MissedTickBehavior, interval},
};
use tonic::Status;

use self::entering::{Line, Parked};
use crate::{
    backend::{Backend, Running},
    claims::NotClaimed,
    config::DispatcherConfig,
    ledger::Ledger,
    limits::{COMMANDS, MAKE_AGAIN, MAX_STARTS},
    metrics::Metrics,
    network::{Records, Sleeping},
};

/// Between two rounds of what is to be done without being asked.
const TEND_EVERY: Duration = Duration::from_millis(500);

/// What the keeper is asked.
#[derive(Debug)]
pub(crate) enum Command {
    /// A person wants to get to their peer, or to have one.
    Enter {
        user: String,
        reply: oneshot::Sender<Entry>,
    },
    /// Where a peer is; one that sleeps is woken.
    Route {
        node: NodeId,
        reply: oneshot::Sender<Result<Running, Absent>>,
    },
    Status {
        reply: oneshot::Sender<View>,
    },
    /// Something is to happen to a peer: its number, its id or the beginning of it.
    Act {
        peer: String,
        act: Act,
        reply: oneshot::Sender<Result<(), Status>>,
    },
}

/// What may happen to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Stop,
    Wake,
    Delete,
}

/// The answer to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It runs and is theirs.
    Ready { node: NodeId, claim: [u8; 16] },
    /// To ask again soon.
    Wait(&'static str),
    /// Not now: why, and when it is worth another try.
    Refused { why: String, retry: Duration },
}

/// Why a peer cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It is not kept here, or not any more.
    Unknown,
    /// It does not start: a sentence for a person.
    Broken(String),
}

/// How everything is.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) waiting: u32,
    pub(crate) peers: Vec<KeptPeer>,
    pub(crate) warnings: Vec<String>,
}

/// How far a peer is that does not sleep.
#[derive(Debug)]
enum Phase {
    Starting,
    Running(Running, Look),
    Stopping,
}

/// When a running peer is looked at.
#[derive(Debug)]
struct Look {
    next: Instant,
    under_way: bool,
    failed: u32,
    /// What the peer last said of itself.
    records: Option<Box<Records>>,
}

/// What a task reports.
#[derive(Debug)]
enum Done {
    Started(u64, Result<Running, String>),
    Stopped(u64, Result<(), String>),
    Removed(u64, Result<(), String>),
    Claimed(u64, Result<(), NotClaimed>),
    Looked(u64, Result<HolderResponse, String>),
}

/// See the module.
pub(crate) struct Keeper {
    ledger: Ledger,
    backend: Arc<dyn Backend>,
    own: Identity,
    config: Arc<DispatcherConfig>,
    phases: BTreeMap<u64, Phase>,
    /// People without a peer.
    line: Line,
    /// Who waits for a peer that is known.
    parked: BTreeMap<u64, Parked>,
    /// When somebody was last sent to a peer that they have not come to yet.
    sent: BTreeMap<u64, Instant>,
    began: Instant,
    /// Why a peer did not start.
    trouble: BTreeMap<u64, String>,
    /// What could not be removed, and when that is tried again.
    left: BTreeMap<u64, Instant>,
    make_again: Backoff,
    next_make: Instant,
    starts: Arc<Semaphore>,
    /// What bridges are to be told.
    sleeping: watch::Sender<Sleeping>,
    done: mpsc::Sender<Done>,
    group: TaskGroup,
    metrics: Metrics,
}

/// How a keeper is asked, and what it tells.
pub(crate) struct Kept {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) sleeping: watch::Receiver<Sleeping>,
}

impl Keeper {
    /// Takes up what the log says and what really runs.
    pub(crate) fn spawn(
        (ledger, backend): (Ledger, Arc<dyn Backend>),
        own: Identity,
        config: Arc<DispatcherConfig>,
        (group, metrics): (&TaskGroup, Metrics),
    ) -> Kept {
        let (sleeping, told) = watch::channel(Sleeping::default());
        let (commands, commanded) = mpsc::channel(COMMANDS);
        let (done, reports) = mpsc::channel(COMMANDS);
        let keeper = Self {
            ledger,
            backend,
            own,
            config,
            phases: BTreeMap::new(),
            line: Line::default(),
            parked: BTreeMap::new(),
            sent: BTreeMap::new(),
            began: Instant::now(),
            trouble: BTreeMap::new(),
            left: BTreeMap::new(),
            make_again: Backoff::new(MAKE_AGAIN.0, MAKE_AGAIN.1),
            next_make: Instant::now(),
            starts: Arc::new(Semaphore::new(MAX_STARTS)),
            sleeping,
            done,
            group: group.clone(),
            metrics,
        };
        group.spawn(tracing::info_span!("keeper"), keeper.run(commanded, reports));
        Kept { commands, sleeping: told }
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut reports: mpsc::Receiver<Done>) {
        self.take_up().await;
        let mut tending = interval(TEND_EVERY);
        tending.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = self.group.clone();
        loop {
            tokio::select! {
                biased;
                () = end.cancelled() => return,
                Some(done) = reports.recv() => self.on_done(done).await,
                Some(command) = commands.recv() => self.handle(command).await,
                _ = tending.tick() => self.tend().await,
            }
            self.fill_pool().await;
            self.count();
            self.tell_who_sleeps();
        }
    }

    async fn handle(&mut self, command: Command) {
        match command {
            Command::Enter { user, reply } => self.handle_enter(user, reply).await,
            Command::Route { node, reply } => self.handle_route(&node, reply).await,
            Command::Status { reply } => drop(reply.send(self.view())),
            Command::Act { peer, act, reply } => {
                let outcome = self.handle_act(&peer, act).await;
                let _ = reply.send(outcome);
            }
        }
    }

    async fn on_done(&mut self, done: Done) {
        match done {
            Done::Started(number, Ok(running)) => self.on_started(number, running).await,
            Done::Started(number, Err(why)) => self.on_not_started(number, why).await,
            Done::Stopped(number, outcome) => self.on_stopped(number, outcome).await,
            Done::Removed(number, outcome) => self.on_removed(number, outcome),
            Done::Claimed(number, outcome) => self.on_claimed(number, outcome).await,
            Done::Looked(number, outcome) => self.on_looked(number, outcome).await,
        }
    }

    /// Starts what does not sleep, which finds what runs; and stops what should sleep.
    async fn take_up(&mut self) {
        match self.backend.numbers().await {
            Ok(numbers) => {
                let unfinished = self.ledger.on_found(&numbers);
                unfinished.into_iter().for_each(|number| self.remove(number));
            }
            Err(why) => tracing::warn!(why, "it cannot be seen which peers are kept"),
        }
        let all: Vec<_> = self.ledger.register().iter().map(|(number, kept)| (number, kept.asleep)).collect();
        for (number, asleep) in all {
            if asleep { self.stop(number) } else { self.start(number) }
        }
    }

    fn start(&mut self, number: u64) {
        self.phases.insert(number, Phase::Starting);
        let (backend, starts) = (Arc::clone(&self.backend), Arc::clone(&self.starts));
        let known = self.ledger.register().kept(number).and_then(|kept| kept.node);
        self.report(async move {
            let _place = starts.acquire_owned().await;
            Done::Started(number, backend.start(number, known).await)
        });
    }

    fn stop(&mut self, number: u64) {
        self.phases.insert(number, Phase::Stopping);
        let backend = Arc::clone(&self.backend);
        self.report(async move { Done::Stopped(number, backend.stop(number).await) });
    }

    /// Starts a peer that sleeps, or did not start; what is under way goes on.
    async fn wake(&mut self, number: u64) -> Result<(), AppendError> {
        if self.phases.contains_key(&number) {
            return Ok(());
        }
        if self.ledger.register().kept(number).is_some_and(|kept| kept.asleep) {
            self.ledger.write(number, Kind::Woken(Woken {})).await?;
        }
        self.start(number);
        Ok(())
    }

    /// What is half done when the dispatcher ends is taken up by the next one, as after a crash.
    fn report(&self, task: impl Future<Output = Done> + Send + 'static) {
        let (done, end) = (self.done.clone(), self.group.clone());
        self.group.spawn(tracing::debug_span!("task"), async move {
            tokio::select! {
                () = end.cancelled() => {}
                outcome = task => drop(done.send(outcome).await),
            }
        });
    }
}

/// What the keeper tells, as the local control answers it.
pub(crate) fn told(view: View, mut about: DispatcherStatusResponse) -> DispatcherStatusResponse {
    about.waiting = view.waiting;
    about.peers = view.peers;
    about.warnings = view.warnings;
    about
}
