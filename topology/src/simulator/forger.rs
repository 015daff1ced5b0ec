//! Logs written by hand, honest or not, and a single core to show them to.

use std::time::Duration;

use bytes::Bytes;
use identity::{Context, Network, NetworkId, NodeId, NodeKey};
use prost::Message;
use proto::{
    link::v1::{Frame, frame},
    log::v1::{self, How, Kind, Segment},
};

use super::{node, peer};
use crate::{
    Config, Core, Entry, Epoch, Head, Hlc, Input, LinkId, LogId, MemoryHistory, NO_HASH, Now, Output, Policy,
    Retention, Start, Warning,
    event::Event,
    journal::keep,
    limits::{MAX_SEGMENT_EVENTS, SIGN_EVERY_BYTES},
    segment::{chain, digest},
};

/// One log under somebody's pen.
#[derive(Debug, Clone)]
pub struct Forger {
    /// The owner's key.
    pub key: NodeKey,
    /// The log.
    pub log: LogId,
    /// What was written.
    pub entries: Vec<Entry>,
    /// Its network.
    pub network: Network,
}

/// A core with a disk that is always at once durable.
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
    /// The disk takes its time: foreign segments are not reported as stored.
    pub stalled: bool,
    now: Duration,
    links: u64,
}

impl Forger {
    /// A log that begins with its bridge's start. `number` chooses key and network, `run` the epoch.
    pub fn new(number: u64, run: u8) -> Self {
        let key = node::peer_key(u64::MAX, number);
        let epoch = Epoch::after(None, 1_000 + i64::from(run), [run; 10]);
        let mut id = [9; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let network = Network { name: format!("net{number}"), id: Some(NetworkId::from_bytes(id)) };
        Self::of(key, epoch, network)
    }

    /// A log of this key and epoch that begins with its bridge's start.
    pub fn of(key: NodeKey, epoch: Epoch, network: Network) -> Self {
        Self::begun(key, epoch, network, 0)
    }

    /// A later log of the same owner, whose first `restates` events are to say again what held before.
    pub fn renewed(&self, run: u8, restates: u64) -> Self {
        let epoch = Epoch::after(None, 1_000 + i64::from(run), [run; 10]);
        Self::begun(self.key.clone(), epoch, self.network.clone(), restates)
    }

    fn begun(key: NodeKey, epoch: Epoch, network: Network, restates: u64) -> Self {
        let log = LogId { owner: key.node_id(), epoch };
        let mut forger = Self { key, log, entries: Vec::new(), network };
        let started = v1::BridgeStarted {
            epoch: epoch.to_bytes(),
            network: Some(forger.network.to_proto()),
            format: 1,
            restates,
            ..Default::default()
        };
        forger.write(Kind::BridgeStarted, &started);
        forger
    }

    /// The owner.
    pub fn id(&self) -> NodeId {
        self.log.owner
    }

    /// Writes an event.
    pub fn write(&mut self, kind: Kind, payload: &impl Message) {
        let sequence = self.entries.len() as u64 + 1;
        let event = Event::encode(sequence, Hlc::at(1_000 + sequence), kind, payload.encode_to_vec());
        self.write_bytes(event);
    }

    /// Writes whatever bytes as the next event.
    pub fn write_bytes(&mut self, event: Bytes) {
        let previous = self.entries.last().map_or(NO_HASH, |entry| entry.hash);
        let hash = chain(&previous, &digest(&event));
        self.entries.push(Entry { event, hash, signature: Bytes::new() });
    }

    /// Writes that a link is up.
    pub fn link_up(&mut self, bridge: NodeId) {
        self.write(Kind::LinkUp, &v1::LinkUp { bridge: bridge.to_bytes(), cost_us: 1_000 });
    }

    /// Writes that a link is down.
    pub fn link_down(&mut self, bridge: NodeId) {
        let reason = "cut".to_owned();
        self.write(Kind::LinkDown, &v1::LinkDown { bridge: bridge.to_bytes(), reason });
    }

    /// Writes a claim of a peer that names these homes and that network.
    pub fn claim(&mut self, number: u64, how: How, homes: &[NodeId], network: &Network) -> NodeId {
        let key = node::peer_key(u64::MAX - 1, number);
        let (description, announcement) = peer(&key, network, homes);
        let claim = v1::PeerClaim {
            node_id: key.node_id().to_bytes(),
            how: how.into(),
            description: Some(description.signed().clone()),
            announcement: Some(announcement.signed().clone()),
        };
        self.write(Kind::PeerJoined, &claim);
        key.node_id()
    }

    /// Writes an update of such a claim: a new announcement, and the description that was claimed before.
    pub fn update(&mut self, number: u64, how: How, homes: &[NodeId], network: &Network) {
        let key = node::peer_key(u64::MAX - 1, number);
        let (_, announcement) = peer(&key, network, homes);
        let claim = v1::PeerClaim {
            node_id: key.node_id().to_bytes(),
            how: how.into(),
            description: None,
            announcement: Some(announcement.signed().clone()),
        };
        self.write(Kind::PeerUpdated, &claim);
    }

    /// The head after an event.
    pub fn head(&self, sequence: u64) -> Head {
        let hash = self.entries.get((sequence as usize).wrapping_sub(1)).map_or(NO_HASH, |entry| entry.hash);
        Head { log: self.log, sequence, hash }
    }

    /// A signed segment of the events from `first` to `last`.
    pub fn segment(&self, first: u64, last: u64) -> Segment {
        let events = &self.entries[first as usize - 1..last as usize];
        Segment {
            owner: self.log.owner.to_bytes(),
            epoch: self.log.epoch.to_bytes(),
            first,
            previous: Bytes::copy_from_slice(&self.head(first - 1).hash),
            events: events.iter().map(|entry| entry.event.clone()).collect(),
            signature: self.key.sign(Context::LogHead, &self.head(last).signed_body()),
        }
    }

    /// All events in segments of `size`.
    pub fn segments(&self, size: u64) -> Vec<Segment> {
        let last = self.entries.len() as u64;
        (1..=last)
            .step_by(size as usize)
            .map(|first| self.segment(first, (first + size - 1).min(last)))
            .collect()
    }

    /// The entries as stored, signed as a real owner does: at the end, and every 64 events or 32 KiB.
    pub fn stored(&self) -> Vec<Entry> {
        let mut entries = self.entries.clone();
        let last = entries.len();
        let mut bytes = 0;
        for (index, entry) in entries.iter_mut().enumerate() {
            bytes += entry.event.len();
            if (index + 1) % MAX_SEGMENT_EVENTS == 0 || bytes >= SIGN_EVERY_BYTES || index + 1 == last {
                entry.signature = self.key.sign(Context::LogHead, &self.head(index as u64 + 1).signed_body());
                bytes = 0;
            }
        }
        entries
    }
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
        let network = Network { name: "own".to_owned(), id: Some(NetworkId::from_bytes([1; 16])) };
        let mut config = Config::new(node::bridge(&key), network, key);
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
                    Output::Append { log, first, entries } => inputs.push(Input::Appended {
                        epoch: log.epoch,
                        through: first + entries.len() as u64 - 1,
                    }),
                    Output::Store { log, first, entries } if !self.stalled => {
                        inputs.push(Input::Stored { log, through: first + entries.len() as u64 - 1 });
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

    /// A link to a bridge comes up.
    pub fn link(&mut self, bridge: NodeId) -> LinkId {
        self.links += 1;
        let link = LinkId(self.links);
        let address = "192.0.2.7:30020".to_owned();
        self.input(Input::LinkUp { link, bridge, dialled: true, address });
        link
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
