//! What a person decides about a peer: durable first, then in force.

use identity::NodeId;
use proto::{
    chat::v1::close::Reason,
    history::v1::{self as history, event::Kind},
};

use super::{Conversation, StoreState};
use crate::{Decision, Output, SendError, limits::PENDING_RECORDS};

/// What a blocked peer is told.
pub(super) const BLOCKED: &str = "this peer takes nothing from you";

impl Conversation {
    pub(super) fn handle_decide(
        &mut self,
        request: u64,
        (peer, decision): (NodeId, Decision),
        out: &mut Vec<Output>,
    ) {
        if let Err(error) = self.check_decide(peer) {
            out.push(Output::Rejected { request, error });
            return;
        }
        if decision == Decision::Verified(true) {
            // From now on the name means this key.
            self.pin(peer, out);
        }
        self.propose(record(peer, decision), Some(request), out);
    }

    fn check_decide(&self, peer: NodeId) -> Result<(), SendError> {
        if peer == self.me {
            return Err(SendError::Oneself);
        }
        if !self.has_room_for(peer) {
            return Err(SendError::TooManyContacts);
        }
        match &self.store {
            StoreState::Failed(reason) => Err(SendError::Store(reason.clone())),
            _ if self.pending.len() >= PENDING_RECORDS => {
                Err(SendError::Store("the store is busy".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// A decision is durable.
    pub(super) fn on_decided(&mut self, request: Option<u64>, kind: &Kind, out: &mut Vec<Output>) {
        if let Kind::Blocked(history::Blocked { peer, blocked: true }) = kind
            && let Ok(peer) = NodeId::try_from(peer)
        {
            self.close_blocked(peer, out);
        }
        out.extend(request.map(|request| Output::Decided { request }));
    }

    /// Ends all sessions of a peer that is blocked.
    fn close_blocked(&mut self, peer: NodeId, out: &mut Vec<Output>) {
        let sessions = self.sessions.iter().filter(|(_, session)| session.peer == peer);
        let sessions: Vec<_> = sessions.map(|(key, _)| *key).collect();
        for session in &sessions {
            if let Some(session) = self.sessions.get_mut(session) {
                (session.closing, session.halted) = (true, true);
            }
        }
        for session in sessions {
            let detail = BLOCKED.to_owned();
            out.push(Output::Close { session, reason: Reason::Blocked, detail });
            self.handle_closed(session, out);
        }
    }
}

fn record(peer: NodeId, decision: Decision) -> Kind {
    let peer = peer.to_bytes();
    match decision {
        Decision::Verified(verified) => Kind::Verified(history::Verified { peer, verified }),
        Decision::Blocked(blocked) => Kind::Blocked(history::Blocked { peer, blocked }),
        Decision::DeleteConversation => Kind::ConversationDeleted(history::ConversationDeleted { peer }),
    }
}
