//! The one owner of the kept peers: who gets which, how many are ready, which sleep.
//!
//! What takes time (starting, stopping, claiming, looking) runs in tasks that report back. What is decided is in the log
//! before anything follows from it, so a dispatcher that ends at any point goes on where it was.

mod adopting;
mod ending;
mod entering;
mod looking;
mod message;
mod pool;
mod refusals;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use identity::{NodeId, tls::Identity};
use proto::{
    control::v1::DispatcherStatusResponse,
    hosting::v1::{Woken, event::Kind},
};
use runtime::{Backoff, TaskGroup};
use storage::AppendError;
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    time::{MissedTickBehavior, interval},
};

pub(crate) use self::message::{Absent, Act, Command, Entry, View};
use self::{
    entering::{Line, Parked},
    message::{Done, Look, Phase},
};
use crate::{
    backend::Backend,
    config::DispatcherConfig,
    fellows::Fellows,
    ledger::Ledger,
    limits::{COMMANDS, MAKE_AGAIN, MAX_STARTS},
    metrics::Metrics,
    network::Sleeping,
};

/// Between two rounds of what is to be done without being asked.
const TEND_EVERY: Duration = Duration::from_millis(500);

/// See the module.
pub(crate) struct Keeper {
    ledger: Ledger,
    backend: Arc<dyn Backend>,
    fellows: Arc<Fellows>,
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
    /// People whom another dispatcher gave a peer, while that is asked.
    recognising: BTreeMap<String, Vec<oneshot::Sender<Entry>>>,
    /// Peers of ours that somebody claimed elsewhere, until they say who.
    lent: BTreeSet<u64>,
    /// Peers of fellows that were somebody's.
    taken: BTreeMap<NodeId, Instant>,
    looking_around: bool,
    /// The last look found too few.
    in_vain: bool,
    /// Why a peer did not start.
    trouble: BTreeMap<u64, String>,
    /// What could not be removed, and when that is tried again.
    left: BTreeMap<u64, Instant>,
    /// Peers that end soon after each start: how long they rest, and until when they do.
    resting: BTreeMap<u64, (Backoff, Option<Instant>)>,
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
        (ledger, backend, fellows): (Ledger, Arc<dyn Backend>, Fellows),
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
            fellows: Arc::new(fellows),
            own,
            config,
            phases: BTreeMap::new(),
            line: Line::default(),
            parked: BTreeMap::new(),
            sent: BTreeMap::new(),
            began: Instant::now(),
            recognising: BTreeMap::new(),
            lent: BTreeSet::new(),
            taken: BTreeMap::new(),
            looking_around: false,
            in_vain: false,
            trouble: BTreeMap::new(),
            left: BTreeMap::new(),
            resting: BTreeMap::new(),
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
            Command::Enter { person, reply } => self.handle_enter(person, reply).await,
            Command::Route { node, reply } => self.handle_route(node, reply).await,
            Command::Lost { node } => self.handle_lost(node),
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
            Done::Withdrawn(number, outcome) => self.on_withdrawn(number, outcome).await,
            Done::Vacant(found) => self.on_vacant(found).await,
            Done::Recognised(user, outcome) => self.on_recognised(user, outcome).await,
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
        let all = self.ledger.register().iter();
        let (own, adopted): (Vec<_>, Vec<_>) = all.partition(|(_, kept)| !kept.adopted);
        let own: Vec<_> = own.into_iter().map(|(number, kept)| (number, kept.asleep)).collect();
        let unclaimed = adopted.into_iter().filter(|(_, kept)| kept.holder.is_none());
        let unclaimed: Vec<_> = unclaimed.map(|(number, _)| number).collect();
        for (number, asleep) in own {
            if asleep { self.stop(number) } else { self.start(number) }
        }
        for number in unclaimed {
            self.let_go(number).await;
        }
    }

    fn start(&mut self, number: u64) {
        self.phases.insert(number, Phase::Starting);
        let (backend, starts) = (self.place_of(number), Arc::clone(&self.starts));
        let known = self.ledger.register().kept(number).and_then(|kept| kept.node);
        self.report(async move {
            let _place = starts.acquire_owned().await;
            Done::Started(number, backend.start(number, known).await)
        });
    }

    /// Where a peer runs.
    fn place_of(&self, number: u64) -> Arc<dyn Backend> {
        if self.is_adopted(number) { self.fellows.clone() } else { Arc::clone(&self.backend) }
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
