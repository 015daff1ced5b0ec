//! Sessions: which of several stays, and what opening and closing does.

use identity::NodeId;
use proto::chat::v1::{self as chat, close::Reason, frame};

use super::{Conversation, StoreState, catch_up::CatchUp, deciding::BLOCKED};
use crate::{Dialled, Epoch, Output, SessionId, SessionKey, limits::SESSIONS_PER_PEER};

/// One stream with a peer.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) peer: NodeId,
    pub(super) dialled: Option<Dialled>,
    pub(super) via: Vec<NodeId>,
    id: Option<SessionId>,
    replaces: Option<SessionId>,
    /// The other side said hello.
    pub(super) hello: bool,
    /// A message was refused: the following are dropped until `Resume`.
    pub(super) halted: bool,
    /// `Blocked` was said, and `Unblocked` not yet.
    pub(super) blocked: bool,
    /// It lost against another, or was closed by the other side.
    pub(super) closing: bool,
    skew_ms: i64,
}

/// What there is with one peer while it has sessions, and what is remembered until the next.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) active: Option<SessionKey>,
    /// The session that was active last.
    last: Option<SessionId>,
    pub(super) catch_up: Option<CatchUp>,
    /// The peer cannot store at present; its reason.
    pub(super) stalled: Option<String>,
    /// The message refused last, and how often.
    pub(super) refusal: Option<(Epoch, u64, u32)>,
    /// What it claimed to hold and cannot, since it last took something.
    pub(super) doubts: u32,
    /// Messages being numbered anew.
    pub(super) renumbering: usize,
    /// `Resume` is owed once they are.
    pub(super) resume_owed: bool,
}

impl Session {
    pub(super) fn new(peer: NodeId, dialled: Option<Dialled>, via: Vec<NodeId>) -> Self {
        let id = dialled.map(|dialled| dialled.id);
        Self {
            peer,
            dialled,
            via,
            id,
            replaces: None,
            hello: false,
            halted: false,
            blocked: false,
            closing: false,
            skew_ms: 0,
        }
    }
}

impl Link {
    pub(super) fn may_send(&self) -> bool {
        self.active.is_some() && self.catch_up.is_none() && self.stalled.is_none() && self.renumbering == 0
    }
}

impl Conversation {
    pub(super) fn handle_opened(&mut self, key: SessionKey, mut session: Session, out: &mut Vec<Output>) {
        let peer = session.peer;
        if self.sessions.values().filter(|other| other.peer == peer).count() >= SESSIONS_PER_PEER {
            let detail = "too many sessions of one peer".to_owned();
            out.push(Output::Close { session: key, reason: Reason::Duplicate, detail });
            return;
        }
        if self.is_blocked(peer) {
            let detail = BLOCKED.to_owned();
            out.push(Output::Close { session: key, reason: Reason::Blocked, detail });
            return;
        }
        let link = self.links.entry(peer).or_default();
        if let Some(dialled) = session.dialled {
            session.replaces = if dialled.moves || link.active.is_none() { link.last } else { None };
            self.sessions.insert(key, session);
            self.say_hello(key, out);
        } else {
            self.sessions.insert(key, session);
        }
    }

    fn say_hello(&self, key: SessionKey, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get(&key) else { return };
        let bytes = |id: Option<SessionId>| id.map(SessionId::to_bytes).unwrap_or_default();
        let hello = chat::Hello {
            session: bytes(session.id),
            epoch: self.epoch.to_bytes(),
            holdings: self.holdings(session.peer),
            clock_ms: self.now_ms,
            replaces: bytes(session.replaces),
        };
        out.push(Output::Transmit {
            session: key,
            frame: chat::Frame { kind: Some(frame::Kind::Hello(hello)) },
        });
    }

    pub(super) fn on_hello(&mut self, key: SessionKey, hello: &chat::Hello, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let id = SessionId::parse(&hello.session);
        let expected = session.dialled.is_none() || session.id == id;
        if session.hello || id.is_none() || !expected {
            self.break_off(key, "a hello that is not the first frame, or names another session", out);
            return;
        }
        session.hello = true;
        session.id = id;
        session.skew_ms = skew(hello.clock_ms, self.now_ms);
        if session.dialled.is_none() {
            session.replaces = SessionId::parse(&hello.replaces);
        }
        if session.closing {
            return;
        }
        let peer = session.peer;
        let loser = self.links.get(&peer).and_then(|link| link.active);
        if loser.is_some_and(|active| !self.wins(key, active)) {
            self.close_loser(key, Reason::Duplicate, out);
            return;
        }
        if let Some(loser) = loser {
            self.close_loser(loser, self.reason_to_replace(key, loser), out);
        }
        self.activate(key, Some(hello), out);
    }

    /// Whether a session that says hello takes the place of the active one: the rule of chat.proto's `Hello`.
    fn wins(&self, new: SessionKey, active: SessionKey) -> bool {
        let (Some(a), Some(b)) = (self.sessions.get(&new), self.sessions.get(&active)) else { return true };
        if a.replaces.is_some() && a.replaces == b.id {
            return true;
        }
        if b.replaces.is_some() && b.replaces == a.id {
            return false;
        }
        match (a.dialled.is_some(), b.dialled.is_some()) {
            (true, true) => new > active,
            (false, false) => true,
            (true, false) => self.me < a.peer,
            (false, true) => a.peer < self.me,
        }
    }

    fn reason_to_replace(&self, winner: SessionKey, loser: SessionKey) -> Reason {
        let named = |key: &SessionKey| self.sessions.get(key);
        match (named(&winner), named(&loser)) {
            (Some(winner), Some(loser)) if winner.replaces == loser.id => Reason::Moved,
            _ => Reason::Duplicate,
        }
    }

    fn close_loser(&mut self, key: SessionKey, reason: Reason, out: &mut Vec<Output>) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.closing = true;
            out.push(Output::Close { session: key, reason, detail: String::new() });
        }
    }

    /// Makes a session the one of its peer. `hello` is the other's, if it was not answered yet.
    fn activate(&mut self, key: SessionKey, hello: Option<&chat::Hello>, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get(&key) else { return };
        let (peer, skew_ms) = (session.peer, session.skew_ms);
        if session.dialled.is_none() && hello.is_some() {
            self.say_hello(key, out);
        }
        let link = self.links.entry(peer).or_default();
        link.active = Some(key);
        link.last = self.sessions.get(&key).and_then(|session| session.id);
        (link.catch_up, link.stalled, link.resume_owed) = (None, None, false);
        if let Some(contact) = self.state.contacts.get_mut(&peer) {
            contact.outbound.rewind();
        }
        out.push(Output::Active { peer, session: key, skew_ms });
        if let StoreState::Failed(reason) = self.store.clone() {
            self.block(key, &reason, out);
        }
        self.say_reads(peer, out);
        if let Some(hello) = hello {
            self.on_holdings(peer, &hello.holdings, out);
        }
        self.pump(peer, out);
    }

    /// What the person has read: the other side may not have heard.
    fn say_reads(&self, peer: NodeId, out: &mut Vec<Output>) {
        let reads = self.state.contacts.get(&peer).into_iter().flat_map(|contact| contact.inbound.reads());
        for (epoch, through) in reads {
            let read = chat::Read { epoch: epoch.to_bytes(), through, at_ms: self.now_ms };
            self.transmit(peer, frame::Kind::Read(read), out);
        }
    }

    /// The other side closes: what it sent before still counts, what we have to say goes elsewhere.
    pub(super) fn on_close(&mut self, key: SessionKey, out: &mut Vec<Output>) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.closing = true;
            let peer = session.peer;
            self.on_inactive(peer, key, out);
        }
    }

    pub(super) fn handle_closed(&mut self, key: SessionKey, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.remove(&key) else { return };
        let peer = session.peer;
        self.on_inactive(peer, key, out);
        let stranger = !self.state.contacts.contains_key(&peer);
        if stranger && self.sessions.values().all(|other| other.peer != peer) {
            self.links.remove(&peer);
        }
    }

    fn on_inactive(&mut self, peer: NodeId, key: SessionKey, out: &mut Vec<Output>) {
        let Some(link) = self.links.get_mut(&peer).filter(|link| link.active == Some(key)) else { return };
        (link.active, link.catch_up, link.stalled) = (None, None, None);
        let other =
            self.sessions.iter().find(|(_, other)| other.peer == peer && other.hello && !other.closing);
        if let Some(other) = other.map(|(key, _)| *key) {
            self.activate(other, None, out);
            return;
        }
        let queued = self.state.contacts.get(&peer).map_or(0, |contact| contact.outbound.outbox().len());
        out.push(Output::Inactive { peer, queued });
    }

    /// Ends a session whose peer broke the protocol.
    pub(super) fn break_off(&mut self, key: SessionKey, detail: &str, out: &mut Vec<Output>) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.closing = true;
            session.halted = true;
            let detail = detail.to_owned();
            out.push(Output::Close { session: key, reason: Reason::Protocol, detail });
        }
    }
}

fn skew(theirs_ms: u64, ours_ms: u64) -> i64 {
    let difference = i128::from(theirs_ms) - i128::from(ours_ms);
    i64::try_from(difference).unwrap_or(if difference > 0 { i64::MAX } else { i64::MIN })
}
