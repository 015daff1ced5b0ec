//! Many bridges in virtual time: latency, loss, partitions, restarts with lost tails, skewed clocks.
//!
//! Everything follows from the seed. The cores are the real ones; disks are in memory, and what a bridge wrote counts
//! as durable only after a delay. Signatures are real; each distinct one is verified once for all bridges
//! ([`Remembering`]), since verification is a pure function and a thousand bridges would spend hours on it.

mod disk;
mod folded;
mod forger;
mod lone;
mod node;
mod queue;
mod settings;
mod verifier;
mod wires;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use identity::NodeId;
use prost::Message as _;
use proto::{link::v1::Frame, log::v1::How};

use crate::{Core, Input, LinkId, LogId, Now, Output, Warning};

use queue::{Action, Event};

pub use disk::Disk;
pub use folded::folded;
pub use forger::Forger;
pub use lone::Lone;
pub use node::{Node, peer, peer_key};
pub use settings::Settings;
pub use verifier::Remembering;
pub use wires::Wire;

/// The wall clock at the start of a simulation, milliseconds since 1970.
const WALL_MS: i64 = 1_800_000_000_000;

/// The bridges, the wires between them, and what is going to happen.
#[derive(Debug)]
pub struct Simulation {
    /// As given.
    pub settings: Settings,
    /// The bridges.
    pub nodes: Vec<Node>,
    /// Every warning of every bridge.
    pub warnings: Vec<(usize, Warning)>,
    /// Bytes of frames sent.
    pub bytes: u64,
    wires: BTreeMap<(usize, usize), Wire>,
    by_link: BTreeMap<LinkId, (usize, usize)>,
    queue: BinaryHeap<Reverse<Event>>,
    now: Duration,
    order: u64,
    links: u64,
    random: u64,
    verifier: Arc<Remembering>,
}

impl Simulation {
    /// Bridges that are started, with one peer each if so set, and linked within the first 200 ms.
    pub fn new(settings: Settings) -> Self {
        let mut simulation = Self::without_links(settings);
        for (one, other) in simulation.plan() {
            simulation.link(one, other);
        }
        simulation
    }

    /// Bridges that are started, with one peer each if so set.
    pub fn without_links(settings: Settings) -> Self {
        let mut simulation = Self {
            random: settings.seed,
            settings,
            nodes: Vec::new(),
            warnings: Vec::new(),
            bytes: 0,
            wires: BTreeMap::new(),
            by_link: BTreeMap::new(),
            queue: BinaryHeap::new(),
            now: Duration::ZERO,
            order: 0,
            links: 0,
            verifier: Arc::new(Remembering::default()),
        };
        for index in 0..simulation.settings.bridges {
            simulation.add(index);
        }
        simulation
    }

    /// Which bridges to link: a connected graph of bounded degree.
    fn plan(&mut self) -> Vec<(usize, usize)> {
        let dials = (self.settings.degree / 2).max(1);
        let mut degree = vec![0; self.settings.bridges];
        let mut links = Vec::new();
        for index in 1..self.settings.bridges {
            let mut chosen = Vec::new();
            for _ in 0..dials.min(index) * 8 {
                let other = self.below(index as u64) as usize;
                if chosen.len() < dials && degree[other] < self.settings.degree && !chosen.contains(&other) {
                    chosen.push(other);
                }
            }
            if chosen.is_empty() {
                chosen.push(index - 1);
            }
            for other in chosen {
                degree[index] += 1;
                degree[other] += 1;
                links.push((other, index));
            }
        }
        links
    }

    /// Starts one more bridge.
    pub fn add(&mut self, index: usize) {
        let node = Node::new(self.settings.seed, index, &self.settings, Arc::clone(&self.verifier));
        self.nodes.push(node);
        self.start(index);
        if self.settings.peers {
            let peer = self.nodes[index].local_peer(0);
            self.join(index, peer, How::Registered);
        }
    }

    /// The virtual time since the start.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// A core that runs.
    ///
    /// # Panics
    /// If the bridge is stopped.
    pub fn core(&self, node: usize) -> &Core {
        self.nodes[node].core.as_ref().expect("the bridge runs")
    }

    /// The id of a bridge.
    pub fn id(&self, node: usize) -> NodeId {
        self.nodes[node].key.node_id()
    }

    /// A random number below a bound, out of the seed.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    /// Runs for a time.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.queue.peek().is_some_and(|Reverse(event)| event.at <= end) {
            self.step();
        }
        self.now = end;
    }

    /// Runs until `done`, which is asked every 20 ms, or for `limit`. Gives how long it took, if it was done.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> Option<Duration> {
        let begin = self.now;
        while self.now < begin + limit {
            if done(self) {
                return Some(self.now - begin);
            }
            self.run_for(Duration::from_millis(20));
        }
        None
    }

    /// Whether all running bridges hold the same logs, and everything that each has said.
    pub fn converged(&self) -> bool {
        let mut running = self.nodes.iter().filter_map(|node| node.core.as_ref());
        let Some(first) = running.next() else { return true };
        let summary = first.view().summary();
        let quiet = |core: &Core| core.view().own().is_some_and(|own| own.head == own.durable);
        quiet(first)
            && running.all(|core| core.view().summary() == summary && quiet(core))
            && first.counts().bridges as usize == self.nodes.len()
    }

    /// Gives an input to a bridge, at once.
    pub fn input(&mut self, node: usize, input: Input) {
        let mut out = Vec::new();
        let now = self.time(node);
        if let Some(core) = &mut self.nodes[node].core {
            core.handle(input, now, &mut out);
        }
        for output in out {
            self.output(node, output);
        }
        self.plan_tick(node);
    }

    /// The clocks of a bridge.
    pub fn time(&self, node: usize) -> Now {
        let wall_ms = WALL_MS + self.now.as_millis() as i64 + self.nodes[node].skew_ms;
        Now { mono: self.now, wall_ms }
    }

    fn step(&mut self) {
        let Some(Reverse(event)) = self.queue.pop() else { return };
        self.now = event.at;
        match event.action {
            Action::Tick(node) => {
                if self.nodes[node].tick_at == Some(event.at) {
                    self.nodes[node].tick_at = None;
                    self.input(node, Input::Tick);
                }
            }
            Action::Connect(one, other) => self.connect(one, other),
            Action::Lost { node, link } => {
                self.input(node, Input::LinkDown { link, reason: "lost".to_owned() });
            }
            Action::Frame { to, link, frame } => {
                if self.by_link.contains_key(&link) {
                    self.input(to, Input::Frame { link, frame: *frame });
                }
            }
            Action::Durable { node, run, log, through } => self.durable(node, run, log, through),
        }
    }

    fn output(&mut self, node: usize, output: Output) {
        match output {
            Output::Append { log, first, entries } | Output::Store { log, first, entries } => {
                let through = first + entries.len() as u64 - 1;
                self.nodes[node].disk.write(log, first, entries);
                let run = self.nodes[node].runs;
                let at = self.now + self.settings.store_delay;
                self.plan_at(at, Action::Durable { node, run, log, through });
            }
            Output::Truncate { log, keep } => self.nodes[node].disk.truncate(&log, keep),
            Output::Forget { log } => self.nodes[node].disk.forget(&log),
            Output::Send { link, frame } => self.send(node, link, frame),
            Output::Close { link, .. } => self.drop_link(link),
            Output::Warn(warning) => self.warnings.push((node, warning)),
            Output::Journal(record) => self.nodes[node].journal.push(record),
            Output::Snapshot(snapshot) => self.nodes[node].disk.keep_snapshot(&snapshot),
            Output::PeersChanged(_) | Output::BridgesChanged(_) => {}
        }
    }

    fn durable(&mut self, node: usize, run: u32, log: LogId, through: u64) {
        if self.nodes[node].runs == run && self.nodes[node].core.is_some() {
            self.nodes[node].disk.flushed(&log, through);
            let input = if log.owner == self.id(node) && self.is_own(node, &log) {
                Input::Appended { epoch: log.epoch, through }
            } else {
                Input::Stored { log, through }
            };
            self.input(node, input);
        }
    }

    fn is_own(&self, node: usize, log: &LogId) -> bool {
        self.core(node).view().own().is_some_and(|own| own.epoch == log.epoch)
    }

    fn plan_tick(&mut self, node: usize) {
        let Some(at) = self.nodes[node].core.as_ref().and_then(Core::next_deadline) else { return };
        let at = at.max(self.now);
        if self.nodes[node].tick_at.is_none_or(|planned| at < planned) {
            self.nodes[node].tick_at = Some(at);
            self.plan_at(at, Action::Tick(node));
        }
    }

    fn plan_at(&mut self, at: Duration, action: Action) {
        self.order += 1;
        self.queue.push(Reverse(Event { at, order: self.order, action }));
    }

    /// The size of a frame, and the frame as it comes out at the other end.
    fn across(&self, frame: Frame) -> (usize, Frame) {
        let size = frame.encoded_len();
        if !self.settings.encode {
            return (size, frame);
        }
        let bytes: Bytes = crate::frame::encode(&frame);
        (size, crate::frame::decode(bytes).expect("a core sends what the protocol allows"))
    }
}
