//! The table of open streams.

use std::time::Duration;

use conversation::{Dialled, Input, SessionId, SessionKey};
use discovery::Neighbour;
use identity::NodeId;
use proto::chat::v1::{Frame, close::Reason};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::Actor;
use crate::{
    chat::Incoming,
    dial,
    limits::{FRAMES_WAITING, MAX_SESSIONS, SESSIONS_OF_CONTACTS, TYPING_LASTS},
    path::{self, Path},
    session::{End, Session, SessionEvent, Usage, close_frame},
    wall,
};

/// A stream as the actor holds it.
#[derive(Debug)]
pub(super) struct OpenSession {
    pub(super) peer: NodeId,
    /// None once it was closed from here.
    frames: Option<mpsc::Sender<Frame>>,
    closed: CancellationToken,
    usage: Usage,
    pub(super) path: Path,
    pub(super) key_exchange: &'static str,
    pub(super) since_ms: u64,
    pub(super) round_trip: Duration,
    pub(super) skew_ms: i64,
    pub(super) dialled: bool,
}

impl Actor {
    /// Somebody opened a session with us; TLS has proven who.
    pub(super) fn handle_incoming(&mut self, incoming: Incoming) {
        let Incoming { peer, info, stream, reply } = incoming;
        if self.core.is_blocked(peer) {
            let _ = reply.send(Err(Status::permission_denied("this peer takes nothing from you")));
            return;
        }
        let contact = self.core.contact(peer).is_some();
        let most = if contact { MAX_SESSIONS } else { MAX_SESSIONS - SESSIONS_OF_CONTACTS };
        if self.sessions.len() >= most {
            let _ = reply.send(Err(Status::resource_exhausted("too many sessions; try again later")));
            return;
        }
        let snapshot = self.discovery.snapshot();
        let path = info.remote.map_or(Path::Direct, |remote| path::of_incoming(remote, peer, &snapshot));
        let (session, receiver) = self.add_session(peer, path, info.key_exchange, None);
        if reply.send(Ok(receiver)).is_ok() {
            let span = tracing::debug_span!("session", peer = %peer.short(), dialled = false);
            self.group.spawn(span, session.run(stream));
        } else {
            self.handle_session(SessionEvent::Closed { session: session.key, end: End::Finished });
        }
    }

    /// A connection to a peer stands: open the session on it.
    pub(super) fn open_session(&mut self, peer: NodeId, connection: dial::Dialled, moves: bool) {
        let dialled = Dialled { id: SessionId::from_bytes(rand::random()), moves };
        let key_exchange = connection.info.key_exchange;
        let (session, receiver) = self.add_session(peer, connection.path, key_exchange, Some(dialled));
        let span = tracing::debug_span!("session", peer = %peer.short(), dialled = true);
        self.group.spawn(span, session.run_dialled(connection.channel, receiver));
    }

    fn add_session(
        &mut self,
        peer: NodeId,
        path: Path,
        key_exchange: Option<&'static str>,
        dialled: Option<Dialled>,
    ) -> (Session, mpsc::Receiver<Frame>) {
        let key = self.next_session;
        self.next_session += 1;
        let (frames, receiver) = mpsc::channel(FRAMES_WAITING);
        let (closed, usage) = (CancellationToken::new(), Usage::new());
        let session = Session {
            key,
            events: self.events.clone(),
            frames: frames.downgrade(),
            closed: closed.clone(),
            usage: usage.clone(),
        };
        let via = path.hops().to_vec();
        let open = OpenSession {
            peer,
            frames: Some(frames),
            closed,
            usage,
            path,
            key_exchange: key_exchange.unwrap_or_default(),
            since_ms: wall::now_ms(),
            round_trip: Duration::ZERO,
            skew_ms: 0,
            dialled: dialled.is_some(),
        };
        self.sessions.insert(key, open);
        self.feed(Input::SessionOpened { session: key, peer, dialled, via });
        (session, receiver)
    }

    pub(super) fn handle_session(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Frames { session, frames } => {
                if let Some(open) = self.sessions.get(&session) {
                    open.usage.mark();
                }
                for frame in frames {
                    self.feed(Input::Frame { session, frame });
                }
            }
            SessionEvent::RoundTrip { session, time } => {
                if let Some(open) = self.sessions.get_mut(&session) {
                    open.round_trip = time;
                }
            }
            SessionEvent::Closed { session, end } => self.on_closed(session, end),
        }
    }

    fn on_closed(&mut self, session: SessionKey, end: End) {
        let Some(open) = self.sessions.remove(&session) else { return };
        tracing::debug!(peer = %open.peer.short(), ?end, "session ended");
        self.metrics.session_end(match end {
            End::Finished => "finished",
            End::Closed => "closed",
            End::Broken(_) => "broken",
            End::Silent => "silent",
        });
        let reason = match end {
            End::Finished | End::Closed => None,
            End::Broken(reason) => Some(format!("the connection broke: {reason}")),
            End::Silent => Some("the connection went silent".to_owned()),
        };
        if let Some(reason) = reason {
            let was_active = self.active.get(&open.peer) == Some(&session);
            self.on_session_lost(open.peer, open.path, reason, was_active);
        }
        self.feed(Input::SessionClosed { session });
        self.dirty.push(open.peer);
    }

    pub(super) fn transmit(&mut self, session: SessionKey, frame: Frame) {
        let Some(open) = self.sessions.get(&session) else { return };
        let Some(frames) = &open.frames else { return };
        open.usage.mark();
        if let Err(mpsc::error::TrySendError::Full(_)) = frames.try_send(frame) {
            // It does not read. What it missed it gets on its next session.
            tracing::debug!(peer = %open.peer.short(), "session closed: its peer does not read");
            self.let_go(session);
        }
    }

    pub(super) fn close(&mut self, session: SessionKey, reason: Reason, detail: String) {
        if reason == Reason::Protocol
            && let Some(open) = self.sessions.get(&session)
        {
            tracing::warn!(peer = %open.peer, detail, "a peer broke the protocol, its session was closed");
        }
        self.transmit(session, close_frame(reason, detail));
        self.let_go(session);
    }

    /// Ends our half of a stream; its task follows when the other half ends, or soon.
    fn let_go(&mut self, session: SessionKey) {
        if let Some(open) = self.sessions.get_mut(&session) {
            open.frames = None;
            open.closed.cancel();
        }
    }

    pub(super) fn on_active(&mut self, peer: NodeId, session: SessionKey, skew_ms: i64) {
        self.changed = true;
        self.active.insert(peer, session);
        if let Some(open) = self.sessions.get_mut(&session) {
            open.skew_ms = skew_ms;
            let via = open.path.hops().len();
            tracing::debug!(peer = %peer.short(), dialled = open.dialled, bridges = via, "session is up");
        }
        self.on_reached(peer);
        self.dirty.push(peer);
    }

    pub(super) fn on_inactive(&mut self, peer: NodeId) {
        self.changed = true;
        self.active.remove(&peer);
        self.typing.remove(&peer);
        self.dirty.push(peer);
    }

    pub(super) fn on_typing(&mut self, peer: NodeId, active: bool) {
        self.changed = true;
        if active {
            self.typing.insert(peer, std::time::Instant::now() + TYPING_LASTS);
        } else {
            self.typing.remove(&peer);
        }
    }

    /// The way of the peer's session.
    /// What became known of a peer may show that a session with it takes another way than was thought.
    pub(super) fn correct_path(&mut self, node: &Neighbour) {
        let Some(key) = self.active.get(&node.id()).copied() else { return };
        let Some(open) = self.sessions.get_mut(&key) else { return };
        if let Some(path) = path::corrected(&open.path, node) {
            let via = path.hops().to_vec();
            open.path = path;
            self.feed(Input::Rerouted { session: key, via });
        }
    }

    pub(super) fn active_path(&self, peer: NodeId) -> Option<&Path> {
        let session = self.active.get(&peer)?;
        self.sessions.get(session).map(|open| &open.path)
    }
}
