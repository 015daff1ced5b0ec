//! A single core to show logs to.

use std::time::Duration;

use identity::{Announcement, Description, Network, NetworkId, NodeId};
use proto::{
    link::v1::{Frame, frame},
    log::v1::{How, Segment},
};

use super::{Forger, node, peer};
use crate::{
    Config, Core, Head, Input, LinkId, LogId, MemoryHistory, Now, Output, PeerSeen, Policy, Retention, Start,
    Warning, journal::keep,
};

/// A core with a disk that is at once durable, unless it is stalled.
#[derive(Debug)]
pub struct Lone {
    /// The core.
    pub core: Core,
    /// Its disk.
    pub history: MemoryHistory,
    /// What it warned of.
    pub warnings: Vec<Warning>,
    /// Frames it sent.
    pub sent: Vec<(LinkId, Frame)>,
    /// Links it closed.
    pub closed: Vec<LinkId>,
    /// Peers that it called changed.
    pub changed: Vec<NodeId>,
    /// The disk takes its time: nothing is reported as durable.
    pub stalled: bool,
    unreported: Vec<Input>,
    now: Duration,
    links: u64,
}

impl Lone {
    /// A started core.
    pub fn new(number: u64) -> Self {
        let mut lone = Self::unstarted(number);
        lone.start();
        lone
    }

    /// Starts the core.
    pub fn start(&mut self) {
        self.input(Input::Start(Start { seed: [5; 32], trusted: Vec::new(), policy: Policy::default() }));
    }

    /// A started core that keeps logs for a time.
    pub fn keeping(number: u64, retention: Retention) -> Self {
        let mut lone = Self::made(number, |config| config.retention = Some(retention));
        lone.start();
        lone
    }

    /// A core that may still load.
    pub fn unstarted(number: u64) -> Self {
        Self::made(number, |_| {})
    }

    fn made(number: u64, change: impl FnOnce(&mut Config)) -> Self {
        let key = node::peer_key(u64::MAX - 2, number);
        let mut config = Config::new(node::bridge(&key), network(), key);
        change(&mut config);
        let history = MemoryHistory::default();
        let core = Core::new(config, Box::new(history.clone()));
        Self {
            core,
            history,
            warnings: Vec::new(),
            sent: Vec::new(),
            closed: Vec::new(),
            changed: Vec::new(),
            stalled: false,
            unreported: Vec::new(),
            now: Duration::ZERO,
            links: 0,
        }
    }

    /// Gives an input, does what comes out, and reports it durable.
    pub fn input(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut out = Vec::new();
            let wall_ms = 1_700_000_000_000 + self.now.as_millis() as i64;
            self.core.handle(input, Now { mono: self.now, wall_ms }, &mut out);
            for output in out {
                keep(&self.history, &output);
                match output {
                    Output::Append { log, first, entries } => {
                        let through = first + entries.len() as u64 - 1;
                        self.reports(&mut inputs).push(Input::Appended { epoch: log.epoch, through });
                    }
                    Output::Store { log, first, entries } => {
                        let through = first + entries.len() as u64 - 1;
                        self.reports(&mut inputs).push(Input::Stored { log, through });
                    }
                    Output::Warn(warning) => self.warnings.push(warning),
                    Output::Send { link, frame } => self.sent.push((link, frame)),
                    Output::Close { link, .. } => self.closed.push(link),
                    Output::PeersChanged(peers) => self.changed.extend(peers),
                    _ => {}
                }
            }
        }
    }

    /// Where the disk's reports go: to the core, or nowhere as long as it is stalled.
    fn reports<'a>(&'a mut self, inputs: &'a mut Vec<Input>) -> &'a mut Vec<Input> {
        if self.stalled { &mut self.unreported } else { inputs }
    }

    /// The stalled disk has done its work, and goes on at once from here.
    pub fn flush(&mut self) {
        self.stalled = false;
        std::mem::take(&mut self.unreported).into_iter().for_each(|report| self.input(report));
    }

    /// A link to a bridge comes up.
    pub fn link(&mut self, bridge: NodeId) -> LinkId {
        self.links += 1;
        let link = LinkId(self.links);
        let address = "192.0.2.7:30020".to_owned();
        self.input(Input::LinkUp { link, bridge, dialled: true, address });
        link
    }

    /// The records of a peer of the core's network, which names no home.
    pub fn peer(number: u64) -> (Description, Announcement) {
        peer(&node::peer_key(9, number), &network(), &[])
    }

    /// A peer is heard.
    pub fn see(&mut self, (description, announcement): (Description, Announcement)) {
        self.input(Input::PeerSeen(PeerSeen {
            description: Some(description),
            announcement,
            how: How::Heard,
            source: "multicast".to_owned(),
            interface: "eth0".to_owned(),
            address: "192.0.2.9:30000".to_owned(),
        }));
    }

    /// A segment comes.
    pub fn segment(&mut self, link: LinkId, segment: Segment) {
        self.input(Input::Frame { link, frame: Frame { kind: Some(frame::Kind::Segment(segment)) } });
    }

    /// A whole log comes.
    pub fn take(&mut self, link: LinkId, forger: &Forger) {
        forger.segments(64).into_iter().for_each(|segment| self.segment(link, segment));
    }

    /// Time passes; timers fire.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.core.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.input(Input::Tick);
        }
        self.now = end;
    }

    /// How far a log is held.
    pub fn held(&self, log: &LogId) -> Option<Head> {
        self.core.view().heads().into_iter().find(|head| head.log == *log)
    }
}

/// The core's network.
fn network() -> Network {
    Network { name: "own".to_owned(), id: Some(NetworkId::from_bytes([1; 16])) }
}
