//! The machine: takes inputs, keeps the folded state and the sessions, and says what must be done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use identity::NodeId;
use proto::history::v1::{self as history, Event, event::Kind};

use self::session::{Link, Session};
use crate::{
    Book, ContactView, Epoch, Folded, Input, MessageId, Output, SessionKey, Totals, Warning,
    contact::Contact, event, limits::MAX_CONTACTS, limits::PENDING_RECORDS, state::State,
};

mod catch_up;
mod claims;
mod deciding;
mod frames;
mod names;
mod receiving;
mod renumber;
mod sending;
mod session;
mod storing;

/// The conversations of one node. One owner, no locks; see the crate's docs for an example.
#[derive(Debug)]
pub struct Conversation {
    me: NodeId,
    seed: [u8; 32],
    epochs: u64,
    epoch: Epoch,
    /// The epoch's first record was handed over.
    epoch_open: bool,
    state: State,
    pending: VecDeque<Pending>,
    /// What is true, and could not be stored: stored once the store works again.
    unsaved: VecDeque<Event>,
    store: StoreState,
    sessions: BTreeMap<SessionKey, Session>,
    links: BTreeMap<NodeId, Link>,
    /// Requests for a message that is handed over for another one already, by its `once`.
    repeated: BTreeMap<Bytes, Vec<u64>>,
    /// Names of peers, contacts or not.
    names: BTreeMap<NodeId, String>,
    totals: Totals,
    /// The wall clock at the input that is being handled.
    now_ms: u64,
}

/// A record that was handed over and is not durable yet.
#[derive(Debug)]
struct Pending {
    event: Event,
    /// The state holds it already: it says what is so anyway.
    applied: bool,
    request: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum StoreState {
    Ready,
    /// The queue is full: goes on once it is empty.
    Busy,
    Failed(String),
}

impl Conversation {
    /// An empty history of `me`. `seed` is random and new at each start: the epochs come from it.
    pub fn new(me: NodeId, seed: [u8; 32]) -> Self {
        Self {
            me,
            seed,
            epochs: 0,
            epoch: Epoch::derive(&seed, 0),
            epoch_open: false,
            state: State::default(),
            pending: VecDeque::new(),
            unsaved: VecDeque::new(),
            store: StoreState::Ready,
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            repeated: BTreeMap::new(),
            names: BTreeMap::new(),
            totals: Totals::default(),
            now_ms: 0,
        }
    }

    /// Goes on with what a history folds to; also gives its table of contents, which the machine does not need.
    pub fn from_history(me: NodeId, seed: [u8; 32], folded: Folded) -> (Self, Book) {
        let Folded { state, book } = folded;
        (Self { totals: state.totals(), state, ..Self::new(me, seed) }, book)
    }

    /// Takes one input. `now_ms` is the wall clock, milliseconds since the Unix epoch: for display only.
    pub fn handle(&mut self, input: Input, now_ms: u64, out: &mut Vec<Output>) {
        self.now_ms = now_ms;
        match input {
            Input::Send { request, to, text, once } => self.handle_send(request, to, (text, once), out),
            Input::Decide { request, peer, decision } => self.handle_decide(request, (peer, decision), out),
            Input::MarkRead { request, peer, through } => {
                self.handle_mark_read(request, (peer, through), out);
            }
            Input::Typing { peer, active } => self.handle_typing(peer, active, out),
            Input::PeerNamed { id, name } => self.handle_name(id, name, out),
            Input::SessionOpened { session, peer, dialled, via } => {
                let session_state = Session::new(peer, dialled, via);
                self.handle_opened(session, session_state, out);
            }
            Input::Rerouted { session, via } => {
                if let Some(known) = self.sessions.get_mut(&session) {
                    known.via = via;
                }
            }
            Input::Frame { session, frame } => self.handle_frame(session, frame, out),
            Input::SessionClosed { session } => self.handle_closed(session, out),
            Input::Stored { first, records } => self.handle_stored(first, records, out),
            Input::StoreFailed { reason } => self.handle_store_failed(&reason, out),
            Input::StoreReady => self.handle_store_ready(out),
            Input::Fetched { peer, messages, next } => self.handle_fetched(peer, messages, next, out),
        }
    }

    /// Records handed over and not durable yet: above [`Self::is_busy`]'s mark nothing more should be read from
    /// sessions.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether sessions should not be read for now, since the store is behind.
    pub fn is_busy(&self) -> bool {
        self.pending.len() >= PENDING_RECORDS / 2
    }

    /// The epoch that is written in now.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The peers one has talked to.
    pub fn contacts(&self) -> impl Iterator<Item = ContactView> + '_ {
        self.state
            .contacts
            .iter()
            .filter(|(_, contact)| contact.pinned)
            .filter_map(|(id, _)| self.contact(*id))
    }

    /// Everybody there is a decision about, or a message with.
    pub fn known(&self) -> impl Iterator<Item = ContactView> + '_ {
        self.state.contacts.keys().filter_map(|id| self.contact(*id))
    }

    /// Contacts, each with another key under its name.
    pub fn namesakes(&self) -> impl Iterator<Item = (NodeId, NodeId)> {
        self.state.clashes()
    }

    /// Whether the person wants nothing from this peer.
    pub fn is_blocked(&self, id: NodeId) -> bool {
        self.state.contacts.get(&id).is_some_and(|contact| contact.blocked)
    }

    /// One peer of the history.
    pub fn contact(&self, id: NodeId) -> Option<ContactView> {
        self.state.view(id)
    }

    /// The first number of a peer's messages that was not read, of each epoch that has any.
    pub fn first_unread(&self, id: NodeId) -> BTreeSet<(Epoch, u64)> {
        let unread =
            self.state.contacts.get(&id).into_iter().flat_map(|contact| contact.inbound.unread(None));
        unread.map(|(epoch, read, _)| (epoch, read + 1)).collect()
    }

    /// Sums over all contacts.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// What a person should know, oldest first.
    pub fn warnings(&self) -> impl Iterator<Item = &Warning> {
        self.state.warnings.iter()
    }

    /// Whether an own message is durable at its recipient.
    pub fn is_delivered(&self, id: &MessageId) -> bool {
        let contact = self.state.contacts.get(&id.recipient);
        contact.is_some_and(|contact| contact.outbound.is_delivered(id.epoch, id.sequence))
    }

    /// Why messages to this peer do not go on although it has a session.
    pub fn stalled(&self, peer: NodeId) -> Option<&str> {
        self.links.get(&peer)?.stalled.as_deref()
    }

    /// Peers for which messages wait, without those that are blocked.
    pub fn waiting(&self) -> impl Iterator<Item = NodeId> + '_ {
        let waits = |contact: &Contact| !contact.blocked && !contact.outbound.outbox().is_empty();
        let waiting = self.state.contacts.iter().filter(move |(_, contact)| waits(contact));
        waiting.map(|(id, _)| *id)
    }

    /// Hands a record over that is not true before it is stored.
    fn propose(&mut self, kind: Kind, request: Option<u64>, out: &mut Vec<Output>) {
        let event = event::new(self.now_ms, kind);
        out.push(Output::Append(event::encode(&event)));
        self.pending.push_back(Pending { event, applied: false, request });
    }

    /// Takes over what is so anyway, and hands it over for storing.
    fn record(&mut self, kind: Kind, out: &mut Vec<Output>) {
        let event = event::new(self.now_ms, kind);
        self.state.apply(0, &event);
        if self.is_store_failed() {
            self.keep_unsaved(event);
            return;
        }
        out.push(Output::Append(event::encode(&event)));
        self.pending.push_back(Pending { event, applied: true, request: None });
    }

    /// Makes a contact of a peer with the first message to or from it.
    fn pin(&mut self, peer: NodeId, out: &mut Vec<Output>) {
        if self.state.contacts.get(&peer).is_some_and(|contact| contact.pinned) {
            return;
        }
        let name = self.names.get(&peer).cloned().unwrap_or_default();
        let pinned = history::ContactPinned { peer: peer.to_bytes(), name };
        self.record(Kind::ContactPinned(pinned), out);
        self.check_namesakes(peer, out);
    }

    /// Between [`Input::StoreFailed`] and [`Input::StoreReady`] nothing is handed over.
    fn is_store_failed(&self) -> bool {
        matches!(self.store, StoreState::Failed(_))
    }

    fn has_room_for(&self, peer: NodeId) -> bool {
        self.state.contacts.contains_key(&peer) || self.state.contacts.len() < MAX_CONTACTS
    }

    /// Names the epoch in the log before its first message.
    fn open_epoch(&mut self, out: &mut Vec<Output>) {
        if !self.epoch_open {
            self.epoch_open = true;
            let opened = history::EpochOpened { epoch: self.epoch.to_bytes() };
            self.record(Kind::EpochOpened(opened), out);
        }
    }

    /// Leaves the epoch for a new one.
    fn leave_epoch(&mut self) {
        self.epochs += 1;
        self.epoch = Epoch::derive(&self.seed, self.epochs);
        self.epoch_open = false;
    }

    /// Whether this process wrote in that epoch, so that nobody can hold more of it than we do.
    fn is_own_epoch(&self, epoch: Epoch) -> bool {
        (0..=self.epochs).any(|count| Epoch::derive(&self.seed, count) == epoch)
    }
}
