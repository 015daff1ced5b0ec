//! Requests of the local control, and the core's answers to them.

use std::time::Instant;

use conversation::{Epoch, Input, MessageId, SendError};
use identity::NodeId;
use tokio::sync::oneshot;

use super::{Actor, Request};
use crate::{
    command::{Command, CommandError, Sent},
    limits::{MAX_WAITERS, TYPING_PACE},
};

impl Actor {
    pub(super) fn handle_command(&mut self, command: Command) {
        match command {
            Command::Send { to, text, once, reply } => match self.resolve(&to) {
                Ok(to) => {
                    let request = self.number();
                    self.requests.insert(request, Request::Send(reply));
                    self.feed(Input::Send { request, to, text, once });
                }
                Err(error) => drop(reply.send(Err(error))),
            },
            Command::Decide { peer, decision, reply } => {
                let request = self.number();
                self.requests.insert(request, Request::Decide(peer, reply));
                self.feed(Input::Decide { request, peer, decision });
            }
            Command::AwaitDelivery { id, reply } => self.handle_wait(id, reply),
            Command::MarkRead { peer, through, reply } => match self.resolve(&peer) {
                Ok(peer) => {
                    let request = self.number();
                    self.requests.insert(request, Request::MarkRead(reply));
                    self.feed(Input::MarkRead { request, peer, through });
                }
                Err(error) => drop(reply.send(Err(error))),
            },
            Command::Typing { to, active, reply } => {
                let _ = reply.send(self.resolve(&to).map(|peer| self.handle_typing(peer, active)));
            }
            Command::Resolve { peer, reply } => drop(reply.send(self.resolve(&peer))),
            Command::Unread { peer, reply } => drop(reply.send(self.core.first_unread(peer))),
            Command::Faces { peers, reply } => {
                let faces = peers.into_iter().map(|peer| (peer, self.face(peer))).collect();
                let _ = reply.send(faces);
            }
            Command::Overview { reply } => drop(reply.send(self.overview())),
        }
    }

    /// Passes on that the person is writing, at the pace that chat.proto allows.
    fn handle_typing(&mut self, peer: NodeId, active: bool) {
        let recent = self.typed.get(&peer).is_some_and(|at| at.elapsed() < TYPING_PACE);
        if !recent || !active {
            self.feed(Input::Typing { peer, active });
        }
        if active && !recent && self.active.contains_key(&peer) {
            self.typed.insert(peer, Instant::now());
        }
    }

    fn handle_wait(&mut self, id: MessageId, reply: oneshot::Sender<Option<MessageId>>) {
        if self.core.is_delivered(&id) {
            let _ = reply.send(Some(id));
            return;
        }
        if self.waiters.len() >= MAX_WAITERS {
            self.waiters.retain(|_, waiting| waiting.iter().any(|reply| !reply.is_closed()));
        }
        if self.waiters.len() < MAX_WAITERS {
            self.waiters.entry(id).or_default().push(reply);
        }
    }

    pub(super) fn on_queued(&mut self, request: u64, sent: Sent) {
        self.metrics.stored_out.inc();
        if let Some(Request::Send(reply)) = self.requests.remove(&request) {
            let _ = reply.send(Ok(sent));
        }
        if !self.active.contains_key(&sent.id.recipient) {
            self.dirty.push(sent.id.recipient);
        }
    }

    pub(super) fn on_rejected(&mut self, request: u64, error: &SendError) {
        let text = error.to_string();
        let error = match error {
            SendError::Empty | SendError::TooLong(_) | SendError::Oneself => CommandError::Invalid(text),
            SendError::Blocked => CommandError::Forbidden(text),
            _ => CommandError::Exhausted(text),
        };
        match self.requests.remove(&request) {
            Some(Request::Send(reply)) => {
                self.metrics.rejected.inc();
                let _ = reply.send(Err(error));
            }
            Some(Request::Decide(_, reply)) => drop(reply.send(Err(error))),
            _ => {}
        }
    }

    pub(super) fn on_decided(&mut self, request: u64) {
        self.changed = true;
        if let Some(Request::Decide(peer, reply)) = self.requests.remove(&request) {
            // Who is not blocked any more may be waited for.
            self.dirty.push(peer);
            let _ = reply.send(Ok(()));
        }
    }

    pub(super) fn on_marked(&mut self, request: u64, messages: u64) {
        if let Some(Request::MarkRead(reply)) = self.requests.remove(&request) {
            let _ = reply.send(Ok(messages));
        }
    }

    pub(super) fn on_delivered(&mut self, peer: NodeId, epoch: Epoch, through: u64) {
        if self.waiters.is_empty() {
            return;
        }
        let done = |id: &MessageId| id.recipient == peer && id.epoch == epoch && id.sequence <= through;
        let ids: Vec<_> = self.waiters.keys().filter(|id| done(id)).copied().collect();
        for id in ids {
            self.wake_waiters(&id, Some(id));
        }
    }

    pub(super) fn wake_waiters(&mut self, waited: &MessageId, id: Option<MessageId>) {
        for reply in self.waiters.remove(waited).into_iter().flatten() {
            let _ = reply.send(id);
        }
    }

    pub(super) fn on_renumbered(&mut self, from: MessageId, to: MessageId) {
        if let Some(waiting) = self.waiters.remove(&from) {
            self.waiters.insert(to, waiting);
        }
    }
}
