//! The core: inputs in, outputs out.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use identity::NodeId;

use crate::{
    Config, Counts, History, Input, LinkId, LogId, NoRoute, Now, Output, Route, Start, View,
    admission::{Owner, Shares, Standing},
    fork::Forks,
    gossip::{Asked, Neighbour, Reach},
    journal,
    local::Local,
    logs::Logs,
    now::Clock,
    own::Own,
    random::Random,
    routes::{Routes, Traffic},
    timers::{Timer, Timers},
};

/// The bridge's state machine. It never waits, never reads a clock and never draws randomness of its own.
///
/// Use: [`Core::new`], [`Core::load`] for each stored log, then [`Input::Start`], then whatever happens. After each
/// call do the outputs in order, and give it [`Input::Tick`] when [`Core::next_deadline`] comes.
#[derive(Debug)]
pub struct Core {
    pub(crate) config: Config,
    pub(crate) me: NodeId,
    pub(crate) history: Box<dyn History>,
    pub(crate) now: Now,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) own: Option<Own>,
    pub(crate) local: Local,
    pub(crate) logs: Logs,
    pub(crate) owners: BTreeMap<NodeId, Box<Owner>>,
    pub(crate) shares: Shares,
    pub(crate) forks: Forks,
    /// Which bridges name a peer.
    pub(crate) homes: BTreeMap<NodeId, BTreeSet<NodeId>>,
    pub(crate) links: BTreeMap<LinkId, Neighbour>,
    pub(crate) neighbours: BTreeMap<NodeId, LinkId>,
    pub(crate) asked: BTreeMap<LogId, Asked>,
    pub(crate) reach: Reach,
    pub(crate) timers: Timers,
    pub(crate) routes: Routes,
    pub(crate) changed_peers: BTreeSet<NodeId>,
    pub(crate) changed_bridges: BTreeSet<NodeId>,
    pub(crate) unstored_bytes: usize,
    pub(crate) storage_failure: Option<String>,
    pub(crate) counts: Counts,
    pub(crate) out: Vec<Output>,
}

impl Core {
    /// A core that has not started. `history` reads what the outputs stored.
    pub fn new(config: Config, history: Box<dyn History>) -> Self {
        let me = config.description.id();
        Self {
            config,
            me,
            history,
            now: Now { mono: Duration::ZERO, wall_ms: 0 },
            clock: Clock::default(),
            random: Random::default(),
            own: None,
            local: Local::default(),
            logs: Logs::default(),
            owners: BTreeMap::from([(me, Box::new(Owner::own()))]),
            shares: Shares::default(),
            forks: Forks::default(),
            homes: BTreeMap::new(),
            links: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            asked: BTreeMap::new(),
            reach: Reach::default(),
            timers: Timers::default(),
            routes: Routes::default(),
            changed_peers: BTreeSet::new(),
            changed_bridges: BTreeSet::new(),
            unstored_bytes: 0,
            storage_failure: None,
            counts: Counts::default(),
            out: Vec::new(),
        }
    }

    /// Takes an input; what must be done is appended to `out`.
    pub fn handle(&mut self, input: Input, now: Now, out: &mut Vec<Output>) {
        self.now = now;
        // What loading wants done waits here for the first input.
        let loading = std::mem::replace(&mut self.out, std::mem::take(out));
        let begin = self.out.len();
        let mut journaled = journal::concerns(&input);
        if journaled && self.config.journal {
            self.out.push(Output::Journal(journal::encode(self, &input, now)));
        }
        self.out.extend(loading);
        if matches!(input, Input::Tick) {
            journaled = self.on_tick();
            if journaled && self.config.journal {
                self.out.insert(begin, Output::Journal(journal::encode(self, &Input::Tick, now)));
            }
        } else {
            self.on_input(input);
        }
        // Only what is journaled may write to the own log, or a replay would differ.
        if journaled {
            self.reconcile();
            self.flush_own();
        }
        self.flush_links();
        *out = std::mem::take(&mut self.out);
    }

    /// When to give the next [`Input::Tick`], on the clock of [`Now::mono`]; it may be past.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// This bridge.
    pub fn id(&self) -> NodeId {
        self.me
    }

    /// The way to a peer.
    ///
    /// # Errors
    /// [`NoRoute`] says why there is none, in a sentence for people.
    pub fn route(&self, peer: &NodeId) -> Result<Route, NoRoute> {
        self.find_route(peer, self.routes.table(), Traffic::Own)
    }

    /// The way to a peer for what comes over a link: the import rule of this bridge does not bind it, for that is about
    /// its own network; its export rule does, where the peer is local.
    ///
    /// # Errors
    /// As [`Core::route`].
    pub fn route_for_others(&self, peer: &NodeId) -> Result<Route, NoRoute> {
        self.find_route(peer, self.routes.table(), Traffic::Foreign)
    }

    /// The best of the ways as they were computed last, one to each of the peer's homes, that begins with another link
    /// than [`Core::route`]: for a second try at once when that one fails.
    pub fn second_route(&self, peer: &NodeId) -> Option<Route> {
        let first = self.route(peer).ok()?;
        self.best_route(peer, self.routes.table(), Traffic::Own, |way| way.get(1) != first.bridges.get(1))
            .ok()
    }

    /// The best way among the peer's homes that does not begin with these neighbours: for a second try when one fails.
    ///
    /// # Errors
    /// As [`Core::route`].
    pub fn route_avoiding(&self, peer: &NodeId, avoid: &[NodeId]) -> Result<Route, NoRoute> {
        self.find_route(peer, &self.compute_routes(avoid), Traffic::Own)
    }

    /// What the logs say.
    pub fn view(&self) -> View<'_> {
        View { core: self }
    }

    /// Numbers for metrics.
    pub fn counts(&self) -> Counts {
        let candidates = self.owners.values().filter(|it| matches!(it.standing, Standing::Candidate(_)));
        Counts {
            undurable_events: self.undurable() as u64,
            unstored_bytes: self.unstored_bytes as u64,
            logs: self.logs.len() as u64,
            bridges: self.owners.len() as u64,
            candidates: candidates.count() as u64,
            peers: self.homes.len() as u64,
            links: self.links.len() as u64,
            forks: self.forks.len() as u64,
            clock_regressions: self.clock.regressions(),
            ..self.counts
        }
    }

    /// How long own events took, from being durable here to being known to be held by every bridge that links lead to:
    /// those of which that became known since this was asked last, as far as they are remembered.
    pub fn take_converged(&mut self) -> Vec<Duration> {
        self.reach.take_converged()
    }

    fn on_input(&mut self, input: Input) {
        match input {
            Input::Start(start) => self.on_start(start),
            Input::PeerSeen(seen) => self.on_peer_seen(seen),
            Input::PeerGone { id, reason } => self.on_peer_gone(id, reason),
            Input::PeerAsleep { id, waker } => self.on_peer_asleep(id, waker),
            Input::LinkUp { link, bridge, .. } => self.on_link_up(link, bridge),
            Input::LinkDown { link, reason } => self.on_link_down(link, reason),
            Input::LinkSample { link, rtt_us, loss_ppm } => self.on_link_sample(link, rtt_us, loss_ppm),
            Input::Frame { link, frame } => self.on_frame(link, frame),
            Input::Appended { epoch, through } => {
                self.on_stored(LogId { owner: self.me, epoch }, through);
            }
            Input::Stored { log, through } => self.on_stored(log, through),
            Input::StoreFailed { log, reason } => self.on_store_failed(log, reason),
            Input::TrustChanged { bridge, trusted } => self.on_trust(bridge, trusted),
            Input::PolicyChanged(policy) => self.on_policy(policy),
            Input::Drain { grace_ms } => self.on_drain(grace_ms),
            Input::Stop => self.on_stop(),
            Input::DialFailed { .. } | Input::Tick => {}
        }
    }

    fn on_start(&mut self, start: Start) {
        if self.own.is_none() {
            self.random = Random::new(start.seed);
            self.local.begin(&start);
            self.open_epoch();
            self.on_retention();
            self.timers.arm(Timer::Routes, self.now.mono);
        }
    }

    /// Runs what is due. Gives whether any of it may change the own log.
    fn on_tick(&mut self) -> bool {
        let mut may_log = false;
        let now = self.now.mono;
        let due: Vec<Timer> = std::iter::from_fn(|| self.timers.pop(now)).collect();
        for timer in due {
            may_log |= timer.may_log();
            match timer {
                Timer::Local => {}
                Timer::Reopen => self.reopen_late(),
                Timer::Retention => self.on_retention(),
                Timer::Witness => self.witness(),
                Timer::Admission => self.review_admission(),
                Timer::Routes => self.update_routes(),
                Timer::News(link) => self.tell_news(link),
                Timer::Reach => self.tell_reach(),
                Timer::Compare(link) => self.compare(link),
                Timer::Check(key) => self.check_progress(key),
                Timer::Asked => self.expire_asked(),
            }
        }
        may_log
    }
}
