//! One simulated peer: the machine, its disk, and what it promised.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use conversation::{
    Book, Conversation, Decision, Fetched, Folded, Input, Item, Output, envelope, event,
    limits::FETCH_MESSAGES,
};
use identity::NodeId;
use proto::{
    chat::v1::{Frame, frame::Kind},
    history::v1::{Event, event::Kind as Stored},
};

use crate::decisions::Decisions;

/// A peer.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) core: Conversation,
    /// What is durable; positions count from 1.
    pub(crate) disk: Vec<Bytes>,
    /// Of an earlier start; perhaps of a disk that was given up for a backup.
    checkpoint: Vec<u8>,
    /// A copy of the disk at some time, and what had been decided then.
    backup: (Vec<Bytes>, Decisions),
    /// Handed over and not stored.
    pub(crate) pending: VecDeque<Bytes>,
    pub(crate) disk_full: bool,
    /// What lies on the disk, as [`durable`] says it.
    stored: BTreeMap<(bool, NodeId, Bytes), u64>,
    /// Storing failed, and nothing said that it works again.
    failed: bool,
    /// Texts by request.
    asked: BTreeMap<u64, (NodeId, String)>,
    /// What was sent last; whoever sent it lives longer than this process.
    pub(crate) last: Option<(NodeId, String)>,
    /// What `send` reported as stored.
    pub(crate) promised: Vec<(NodeId, String)>,
    pub(crate) decisions: Decisions,
    /// Frames and closings for the network.
    pub(crate) outgoing: Vec<(u64, Option<Frame>)>,
}

impl Node {
    pub(crate) fn new(id: NodeId, seed: [u8; 32]) -> Self {
        Self {
            id,
            core: Conversation::new(id, seed),
            disk: Vec::new(),
            checkpoint: Vec::new(),
            backup: Default::default(),
            pending: VecDeque::new(),
            disk_full: false,
            stored: BTreeMap::new(),
            failed: false,
            asked: BTreeMap::new(),
            last: None,
            promised: Vec::new(),
            decisions: Decisions::default(),
            outgoing: Vec::new(),
        }
    }

    /// Starts anew from what is on the disk.
    pub(crate) fn restart(&mut self, seed: [u8; 32]) {
        let folded = self.fold();
        if seed[0].is_multiple_of(4)
            && let Some(last) = self.disk.last()
        {
            self.checkpoint = folded.checkpoint(last);
        }
        (self.core, _) = Conversation::from_history(self.id, seed, folded);
        self.stored = self.disk.iter().filter_map(durable).collect();
        self.pending.clear();
        self.outgoing.clear();
        self.asked.clear();
        self.decisions.on_restart();
        self.decisions.check(&self.core);
        (self.disk_full, self.failed) = (false, false);
    }

    /// What a start finds: with the last checkpoint, if it belongs to this disk, just what it finds without.
    fn fold(&self) -> Folded {
        let last = self.disk.last().map_or(&[][..], |last| last);
        let push = |mut folded: Folded| {
            let from = folded.through();
            let events = (1..).zip(self.events()).filter(|(position, _)| *position > from);
            events.for_each(|(position, event)| folded.push(position, &event));
            folded
        };
        let whole = push(Folded::default());
        let record = |position: u64| self.disk.get(usize::try_from(position).ok()?.checked_sub(1)?).cloned();
        if let Some(known) = Folded::restore(&self.checkpoint, record) {
            assert!(
                push(known).checkpoint(last) == whole.checkpoint(last),
                "a checkpoint says something else than the log"
            );
        }
        whole
    }

    pub(crate) fn back_up(&mut self) {
        self.backup = (self.disk.clone(), self.decisions.clone());
    }

    /// Puts the backup in the place of the disk; a restart must follow.
    pub(crate) fn restore(&mut self) {
        (self.disk, self.decisions) = self.backup.clone();
        // What a history lost with its end, asked for again, is another message.
        self.last = None;
    }

    pub(crate) fn send(&mut self, request: u64, to: NodeId, text: String, now: u64) {
        self.last = Some((to, text.clone()));
        self.ask(request, to, text, now);
    }

    /// What whoever did not hear the answer does: asks for the same message again.
    pub(crate) fn send_again(&mut self, request: u64, now: u64) {
        if let Some((to, text)) = self.last.clone() {
            self.ask(request, to, text, now);
        }
    }

    fn ask(&mut self, request: u64, to: NodeId, text: String, now: u64) {
        let once = Bytes::from(text.clone());
        self.asked.insert(request, (to, text.clone()));
        self.handle(Input::Send { request, to, text, once }, now);
    }

    pub(crate) fn decide(&mut self, request: u64, peer: NodeId, decision: Decision, now: u64) {
        let position = (self.disk.len() + self.pending.len()) as u64 + 1;
        self.decisions.ask(request, (peer, decision), position);
        self.handle(Input::Decide { request, peer, decision }, now);
    }

    pub(crate) fn handle(&mut self, input: Input, now: u64) {
        if matches!(input, Input::StoreReady) {
            self.failed = false;
        }
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut out = Vec::new();
            self.core.handle(input, now, &mut out);
            for output in out {
                inputs.extend(self.on_output(output));
            }
        }
    }

    fn on_output(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Append(record) => {
                assert!(!self.failed, "a record was handed over to a store that failed");
                self.check_taken(&record);
                self.pending.push_back(record);
            }
            Output::Transmit { session, frame } => {
                self.check_durable(&frame);
                self.outgoing.push((session, Some(frame)));
            }
            Output::Close { session, .. } => self.outgoing.push((session, None)),
            Output::Queued { request, .. } => {
                let asked = self.asked.remove(&request).expect("a request is answered once");
                if !self.promised.contains(&asked) {
                    self.promised.push(asked);
                }
            }
            Output::Decided { request } => self.decisions.on_decided(request),
            Output::Rejected { request, .. } if self.decisions.on_rejected(request) => {}
            Output::Rejected { request, .. } => {
                self.asked.remove(&request).expect("a request is answered once");
            }
            Output::Delivered { peer, epoch, through } => self.check_told((peer, epoch.to_bytes()), through),
            Output::Fetch { peer, from } => return Some(self.fetch(peer, from)),
            _ => {}
        }
        None
    }

    /// Stores the oldest `count` records, or fails with all.
    pub(crate) fn store(&mut self, count: usize, now: u64) {
        if self.pending.is_empty() {
            return;
        }
        if self.disk_full {
            self.pending.clear();
            self.failed = true;
            self.handle(Input::StoreFailed { reason: "the disk is full".into() }, now);
            return;
        }
        let count = count.min(self.pending.len());
        let first = self.disk.len() as u64 + 1;
        self.stored.extend(self.pending.iter().take(count).filter_map(durable));
        self.disk.extend(self.pending.drain(..count));
        self.handle(Input::Stored { first, records: count }, now);
    }

    /// Whoever is told of a delivery finds it in the history, unless that cannot be written.
    fn check_told(&self, (to, line): (NodeId, Bytes), through: u64) {
        let says = |record: &Bytes| match event::decode(record.clone()).unwrap().kind {
            Some(Stored::DeliveredThere(it)) => {
                it.peer == to.to_bytes() && it.epoch == line && it.through >= through
            }
            _ => false,
        };
        assert!(self.failed || self.disk.iter().rev().any(says), "told before it was durable");
    }

    /// Nothing is taken from whoever is blocked.
    fn check_taken(&self, record: &Bytes) {
        if let Some(Stored::MessageIn(message)) = event::decode(record.clone()).unwrap().kind {
            let (id, _) = envelope::decode(&message.envelope).unwrap();
            assert!(!self.decisions.blocks(id.sender), "a message of a blocked peer was taken");
        }
    }

    /// Nothing is sent, and nothing acknowledged, that a loss of power could take back.
    fn check_durable(&self, frame: &Frame) {
        let Some(kind) = &frame.kind else { return };
        let holdings = match kind {
            Kind::Hello(hello) => hello.holdings.clone(),
            Kind::Unblocked(unblocked) => unblocked.holdings.clone(),
            Kind::Delivered(delivered) => delivered.holding.iter().cloned().collect(),
            Kind::Conflict(conflict) => conflict.holding.iter().cloned().collect(),
            Kind::Message(message) => {
                let (id, _) = envelope::decode(&message.envelope).unwrap();
                assert!(!self.decisions.blocks(id.recipient), "a message went to a blocked peer");
                let stored = self.stored.get(&(true, id.recipient, id.epoch.to_bytes()));
                assert!(stored.is_some_and(|last| id.sequence <= *last), "sent before it was durable");
                return;
            }
            _ => return,
        };
        for holding in holdings.iter().filter(|holding| holding.through > 0) {
            let stored = |((own, _, epoch), last): (&(bool, NodeId, Bytes), &u64)| {
                !own && *epoch == holding.epoch && holding.through <= *last
            };
            assert!(self.stored.iter().any(stored), "acknowledged before it was durable");
        }
    }

    fn fetch(&self, peer: NodeId, from: u64) -> Input {
        let mut messages = Vec::new();
        let end = self.disk.len() as u64 + 1;
        let mut next = None;
        for position in from..end {
            if messages.len() == FETCH_MESSAGES.min(7) {
                next = Some(position);
                break;
            }
            let event = event::decode(self.disk[position as usize - 1].clone()).unwrap();
            if let Some(Stored::MessageOut(message)) = event.kind {
                messages.push(Fetched { envelope: message.envelope });
            }
        }
        Input::Fetched { peer, messages, next }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.disk.iter().map(|record| event::decode(record.clone()).unwrap()).collect()
    }

    /// What a person is shown.
    pub(crate) fn shown(&self) -> Vec<Item> {
        items(&self.events())
    }

    /// What a person would be shown if nothing had been deleted.
    pub(crate) fn written(&self) -> Vec<Item> {
        let mut events = self.events();
        for event in &mut events {
            if let Some(Stored::ConversationDeleted(_)) = event.kind {
                event.kind = None;
            }
        }
        items(&events)
    }
}

/// The messages of a book built from a log, which must know the same of each conversation.
fn items(events: &[Event]) -> Vec<Item> {
    let mut book = Book::default();
    for (position, event) in (1..).zip(events) {
        book.push(position, event);
    }
    let items: Vec<_> =
        (1..).zip(events).filter_map(|(position, event)| book.item(position, event)).collect();
    let mut conversations: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for item in &items {
        conversations.entry(item.peer()).or_default().push(item.position);
    }
    for (peer, positions) in conversations {
        assert_eq!(book.messages(peer), positions, "what a conversation lists");
    }
    items
}

/// The message in a record: own or not, with whom, its epoch and number.
fn durable(record: &Bytes) -> Option<((bool, NodeId, Bytes), u64)> {
    let (own, envelope) = match event::decode(record.clone()).unwrap().kind? {
        Stored::MessageOut(message) => (true, message.envelope),
        Stored::MessageIn(message) => (false, message.envelope),
        _ => return None,
    };
    let (id, _) = envelope::decode(&envelope).unwrap();
    let with = if own { id.recipient } else { id.sender };
    Some(((own, with, id.epoch.to_bytes()), id.sequence))
}
