//! Frames of a session, each to its place.

use bytes::Bytes;
use identity::NodeId;
use proto::{
    chat::v1::{self as chat, frame::Kind as FrameKind},
    history::v1::{self as history, event::Kind},
};

use super::Conversation;
use crate::{Epoch, Output, SessionKey, limits::MAX_REASON_BYTES};

impl Conversation {
    pub(super) fn handle_frame(&mut self, key: SessionKey, frame: chat::Frame, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get(&key) else { return };
        let peer = session.peer;
        match frame.kind {
            Some(FrameKind::Hello(hello)) => self.on_hello(key, &hello, out),
            Some(FrameKind::Close(_)) => self.on_close(key, out),
            Some(FrameKind::Ping(_) | FrameKind::Pong(_)) | None => {}
            Some(_) if !session.hello => self.break_off(key, "the first frame must be a hello", out),
            Some(FrameKind::Message(message)) => self.on_message(key, message.envelope, out),
            Some(FrameKind::Delivered(delivered)) => self.on_delivered(peer, delivered, out),
            Some(FrameKind::Read(read)) => self.on_read(peer, &read, out),
            Some(FrameKind::Typing(typing)) => {
                out.push(Output::Typing { peer, active: typing.active });
            }
            Some(FrameKind::Conflict(conflict)) => self.on_conflict(key, &conflict, out),
            Some(FrameKind::Blocked(blocked)) => self.on_blocked(key, &blocked.reason),
            Some(FrameKind::Unblocked(unblocked)) => self.on_unblocked(key, &unblocked.holdings, out),
            Some(FrameKind::Resume(_)) => {
                if let Some(session) = self.sessions.get_mut(&key) {
                    session.halted = session.blocked;
                }
            }
        }
    }

    fn on_read(&mut self, peer: NodeId, read: &chat::Read, out: &mut Vec<Output>) {
        let Some(epoch) = Epoch::parse(&read.epoch) else { return };
        let Some(contact) = self.state.contacts.get_mut(&peer) else { return };
        if let Some(through) = contact.outbound.read(epoch, read.through) {
            let event = history::ReadThere {
                peer: peer.to_bytes(),
                epoch: Bytes::clone(&read.epoch),
                through,
                at_ms: read.at_ms,
            };
            self.record(Kind::ReadThere(event), out);
        }
    }

    fn on_blocked(&mut self, key: SessionKey, reason: &str) {
        let Some(session) = self.sessions.get(&key) else { return };
        if let Some(link) = self.links.get_mut(&session.peer).filter(|link| link.active == Some(key)) {
            link.stalled = Some(shorten(reason));
        }
    }

    fn on_unblocked(&mut self, key: SessionKey, holdings: &[chat::Holding], out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get(&key) else { return };
        let peer = session.peer;
        let Some(link) = self.links.get_mut(&peer).filter(|link| link.active == Some(key)) else { return };
        link.stalled = None;
        // What was resent before may have been dropped: what is still lost shows in the holdings.
        link.catch_up = None;
        self.on_holdings(peer, holdings, out);
        self.resume(peer, out);
    }
}

/// A reason of a peer, bounded and fit for a terminal.
pub(super) fn shorten(reason: &str) -> String {
    let mut text = String::new();
    for character in reason.chars().filter(|character| !character.is_control()) {
        if text.len() + character.len_utf8() > MAX_REASON_BYTES {
            break;
        }
        text.push(character);
    }
    text
}
