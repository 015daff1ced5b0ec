//! Peers, the streams between them, and everything that can go wrong.

mod ending;

use std::collections::{BTreeMap, VecDeque};

use conversation::{Decision, Dialled, Input, SessionId};
use identity::{NodeId, NodeKey};
use proto::chat::v1::{Close, Frame, frame::Kind};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::node::Node;

/// What may go wrong in a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) cuts: bool,
    pub(crate) crashes: bool,
    pub(crate) full_disks: bool,
    pub(crate) backups: bool,
}

/// A stream between two peers; each direction is a queue of frames. An end that is gone reads and writes nothing.
struct Stream {
    ends: [usize; 2],
    queues: [VecDeque<Option<Frame>>; 2],
    open: [bool; 2],
}

pub(crate) struct World {
    random: StdRng,
    nodes: Vec<Node>,
    streams: BTreeMap<u64, Stream>,
    next: u64,
    now: u64,
    faults: Faults,
    restored: bool,
}

impl World {
    pub(crate) fn new(seed: u64, count: u8, faults: Faults) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let node = |index| {
            let id = NodeKey::from_seed([index + 1; 32]).node_id();
            Node::new(id, fresh(&mut random))
        };
        let nodes = (0..count).map(node).collect();
        Self { random, nodes, streams: BTreeMap::new(), next: 1, now: 0, faults, restored: false }
    }

    pub(crate) fn messages(&self) -> usize {
        self.nodes.iter().map(|node| node.promised.len()).sum()
    }

    pub(crate) fn decisions(&self) -> usize {
        self.nodes.iter().map(|node| node.decisions.made()).sum()
    }

    /// One random thing happens.
    pub(crate) fn step(&mut self) {
        self.now += 1;
        let node = self.random.random_range(0..self.nodes.len());
        match self.random.random_range(0..1000) {
            0..140 => self.send(node),
            140..150 => {
                let request = self.number();
                self.nodes[node].send_again(request, self.now);
            }
            150..400 => {
                let count = self.random.random_range(1..8);
                self.nodes[node].store(count, self.now);
            }
            400..860 => self.deliver_some(),
            860..880 => self.decide_something(node),
            880..920 => self.open(node),
            920..930 => self.mark_read(node),
            930..955 if self.faults.cuts => self.cut(),
            955..965 if self.faults.crashes => self.crash(node),
            965..970 if self.faults.full_disks => self.nodes[node].disk_full = true,
            970..990 if self.faults.full_disks => self.free_disk(node),
            990..994 if self.faults.backups => self.nodes[node].back_up(),
            994..996 if self.faults.backups => self.restore(node),
            _ => self.deliver_some(),
        }
        self.collect();
    }

    fn send(&mut self, node: usize) {
        let to = self.other_than(node);
        let (request, to) = (self.number(), self.nodes[to].id);
        self.nodes[node].send(request, to, format!("message {request}"), self.now);
    }

    /// Blocks end sooner than they begin, so that there is something to talk about.
    fn decide_something(&mut self, node: usize) {
        let peer = self.other_than(node);
        let decision = match self.random.random_range(0..10) {
            0..3 => Decision::Verified(self.random.random()),
            3 => Decision::Blocked(true),
            4..8 => Decision::Blocked(false),
            _ => Decision::DeleteConversation,
        };
        self.decide(node, self.nodes[peer].id, decision);
    }

    fn decide(&mut self, node: usize, peer: NodeId, decision: Decision) {
        let request = self.number();
        self.nodes[node].decide(request, peer, decision, self.now);
    }

    fn mark_read(&mut self, node: usize) {
        let peer = self.nodes[self.random.random_range(0..self.nodes.len())].id;
        let request = self.number();
        self.nodes[node].handle(Input::MarkRead { request, peer, through: None }, self.now);
    }

    fn open(&mut self, node: usize) {
        let other = self.other_than(node);
        self.open_between(node, other);
    }

    fn open_between(&mut self, node: usize, other: usize) {
        let session = self.number();
        let dialled =
            Dialled { id: SessionId::from_bytes(fresh(&mut self.random)), moves: self.random.random() };
        let stream = Stream { ends: [node, other], queues: Default::default(), open: [true, true] };
        self.streams.insert(session, stream);
        for (end, peer, dialled) in [(node, other, Some(dialled)), (other, node, None)] {
            let peer = self.nodes[peer].id;
            let via = Vec::new();
            self.nodes[end].handle(Input::SessionOpened { session, peer, dialled, via }, self.now);
        }
        self.collect();
    }

    /// Moves what the nodes want to send into the streams.
    fn collect(&mut self) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            for (session, frame) in node.outgoing.drain(..) {
                let Some(stream) = self.streams.get_mut(&session) else { continue };
                let end = usize::from(stream.ends[0] != index);
                if stream.open[end] {
                    stream.queues[1 - end].push_back(frame);
                }
            }
        }
    }

    fn deliver_some(&mut self) {
        let Some(session) = self.any_stream() else { return };
        for _ in 0..self.random.random_range(1..6) {
            let end = self.random.random_range(0..2);
            self.deliver(session, end);
        }
    }

    fn deliver(&mut self, session: u64, end: usize) {
        let Some(stream) = self.streams.get_mut(&session).filter(|stream| stream.open[end]) else { return };
        let node = stream.ends[end];
        match stream.queues[end].pop_front() {
            Some(Some(frame)) => self.nodes[node].handle(Input::Frame { session, frame }, self.now),
            Some(None) => {
                let frame = Frame { kind: Some(Kind::Close(Close::default())) };
                self.nodes[node].handle(Input::Frame { session, frame }, self.now);
                self.close_end(session, end);
            }
            None if !stream.open[1 - end] => self.close_end(session, end),
            None => {}
        }
        self.collect();
    }

    fn sessions(&self) -> Vec<u64> {
        self.streams.keys().copied().collect()
    }

    fn close_end(&mut self, session: u64, end: usize) {
        let Some(stream) = self.streams.get_mut(&session).filter(|stream| stream.open[end]) else { return };
        stream.open[end] = false;
        let node = stream.ends[end];
        let over = stream.open == [false, false];
        self.nodes[node].handle(Input::SessionClosed { session }, self.now);
        if over {
            self.streams.remove(&session);
        }
        self.collect();
    }

    /// A connection breaks; perhaps only one side notices for now, and what is under way is lost.
    fn cut(&mut self) {
        let Some(session) = self.any_stream() else { return };
        let end = self.random.random_range(0..2);
        if let Some(stream) = self.streams.get_mut(&session) {
            stream.queues[end].clear();
            let keep = self.random.random_range(0..=stream.queues[1 - end].len());
            stream.queues[1 - end].truncate(keep);
        }
        self.close_end(session, end);
        if self.random.random() {
            self.close_end(session, 1 - end);
        }
    }

    fn crash(&mut self, node: usize) {
        let sessions: Vec<_> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.ends.contains(&node))
            .map(|(key, _)| *key)
            .collect();
        for session in sessions {
            let Some(stream) = self.streams.get_mut(&session) else { continue };
            let end = usize::from(stream.ends[0] != node);
            stream.open[end] = false;
            stream.queues[end].clear();
            if stream.open == [false, false] {
                self.streams.remove(&session);
            }
        }
        let seed = fresh(&mut self.random);
        self.nodes[node].restart(seed);
    }

    fn free_disk(&mut self, node: usize) {
        self.nodes[node].disk_full = false;
        self.nodes[node].handle(Input::StoreReady, self.now);
    }

    fn restore(&mut self, node: usize) {
        self.restored = true;
        self.nodes[node].restore();
        self.crash(node);
    }

    fn any_stream(&mut self) -> Option<u64> {
        if self.streams.is_empty() {
            return None;
        }
        let index = self.random.random_range(0..self.streams.len());
        self.streams.keys().nth(index).copied()
    }

    fn other_than(&mut self, node: usize) -> usize {
        (node + self.random.random_range(1..self.nodes.len())) % self.nodes.len()
    }

    fn flips_a_coin(&mut self) -> bool {
        self.random.random_bool(0.5)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn fresh<const N: usize>(random: &mut StdRng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
}
