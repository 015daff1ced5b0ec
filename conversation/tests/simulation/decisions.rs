//! What a person decided about others: what was asked, and what is durable and so must hold from then on.

use std::collections::{BTreeMap, BTreeSet};

use conversation::{Conversation, Decision, Item};
use identity::NodeId;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Decisions {
    /// Asked for and not answered: about whom, what, and the position in the log that it will get.
    asked: BTreeMap<u64, (NodeId, Decision, u64)>,
    verified: BTreeSet<NodeId>,
    blocked: BTreeSet<NodeId>,
    /// Everything up to here is not shown any more.
    deleted: BTreeMap<NodeId, u64>,
    /// How many were made.
    made: usize,
}

impl Decisions {
    pub(crate) fn ask(&mut self, request: u64, (peer, decision): (NodeId, Decision), position: u64) {
        self.asked.insert(request, (peer, decision, position));
    }

    pub(crate) fn on_decided(&mut self, request: u64) {
        let (peer, decision, position) = self.asked.remove(&request).expect("a request is answered once");
        self.made += 1;
        match decision {
            Decision::Verified(verified) => set(&mut self.verified, peer, verified),
            Decision::Blocked(blocked) => set(&mut self.blocked, peer, blocked),
            Decision::DeleteConversation => {
                self.deleted.insert(peer, position);
            }
        }
    }

    /// Whether the request was one for a decision.
    pub(crate) fn on_rejected(&mut self, request: u64) -> bool {
        self.asked.remove(&request).is_some()
    }

    /// Whoever waited for an answer is gone.
    pub(crate) fn on_restart(&mut self) {
        self.asked.clear();
    }

    pub(crate) fn made(&self) -> usize {
        self.made
    }

    pub(crate) fn blocks(&self, peer: NodeId) -> bool {
        self.blocked.contains(&peer)
    }

    pub(crate) fn blocked(&self) -> Vec<NodeId> {
        self.blocked.iter().copied().collect()
    }

    /// Whether a message with a peer is from before its conversation was deleted.
    pub(crate) fn hides(&self, item: &Item) -> bool {
        self.deleted.get(&item.peer()).is_some_and(|deleted| item.position <= *deleted)
    }

    /// The machine says what was decided last, and nothing else.
    pub(crate) fn check(&self, core: &Conversation) {
        let named = |flag: fn(&conversation::ContactView) -> bool| -> BTreeSet<_> {
            core.known().filter(flag).map(|contact| contact.id).collect()
        };
        assert_eq!(named(|contact| contact.verified), self.verified, "who is verified");
        assert_eq!(named(|contact| contact.blocked), self.blocked, "who is blocked");
    }
}

fn set(peers: &mut BTreeSet<NodeId>, peer: NodeId, to: bool) {
    if to {
        peers.insert(peer);
    } else {
        peers.remove(&peer);
    }
}
