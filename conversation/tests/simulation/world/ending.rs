//! The end of a run: all faults end, the world comes to rest, and what it promised is looked for.

use std::collections::{BTreeSet, VecDeque};

use conversation::{Decision, Item};
use identity::NodeId;

use super::{Stream, World};
use crate::node::Node;

impl World {
    /// All faults end, and everything runs until nothing moves: on fresh sessions, or on those that there are.
    pub(crate) fn settle(&mut self) {
        let fresh = self.flips_a_coin();
        for session in self.sessions() {
            let whole = self.streams.get(&session).is_some_and(|stream| stream.open == [true, true]);
            if fresh || !whole {
                self.close_end(session, 0);
                self.close_end(session, 1);
            }
        }
        for node in 0..self.nodes.len() {
            self.free_disk(node);
            self.collect();
        }
        for _ in 0..200_000 {
            self.join_all();
            if self.is_idle() {
                return;
            }
            for node in &mut self.nodes {
                node.store(64, self.now);
            }
            self.collect();
            for session in self.sessions() {
                for end in [0, 1] {
                    self.deliver(session, end);
                }
            }
        }
        panic!("the world does not come to rest");
    }

    /// Everybody starts again, from a history that is whole.
    pub(crate) fn restart_all(&mut self) {
        for node in 0..self.nodes.len() {
            self.crash(node);
        }
    }

    /// Nobody is blocked any more.
    pub(crate) fn unblock_all(&mut self) {
        for node in 0..self.nodes.len() {
            for peer in self.nodes[node].decisions.blocked() {
                self.decide(node, peer, Decision::Blocked(false));
            }
        }
        self.settle();
        assert!(self.nodes.iter().all(|node| node.decisions.blocked().is_empty()), "a block did not end");
    }

    /// Every pair that has no stream gets one, as peers dial again; where one blocks the other there is none.
    fn join_all(&mut self) {
        for node in 0..self.nodes.len() {
            for other in 0..node {
                let joined = |stream: &Stream| stream.ends.contains(&node) && stream.ends.contains(&other);
                if !self.streams.values().any(joined) && !is_blocked(&self.nodes[node], &self.nodes[other]) {
                    self.open_between(other, node);
                }
            }
        }
    }

    fn is_idle(&self) -> bool {
        let quiet =
            |stream: &Stream| stream.open == [true, true] && stream.queues.iter().all(VecDeque::is_empty);
        self.streams.values().all(quiet) && self.nodes.iter().all(|node| node.pending.is_empty())
    }

    /// What must be true at rest.
    pub(crate) fn check(&self) {
        for sender in &self.nodes {
            let others = self.nodes.iter().filter(|node| node.id != sender.id);
            for recipient in others.filter(|other| !is_blocked(sender, other)) {
                self.check_pair(sender, recipient);
            }
            sender.decisions.check(&sender.core);
            check_deleted(sender);
            let waits = |peer: NodeId| sender.core.contact(peer).is_some_and(|contact| contact.queued > 0);
            for other in self.nodes.iter().filter(|other| waits(other.id)) {
                assert!(is_blocked(sender, other), "everything is acknowledged by whoever takes it");
            }
            let queued = |other: &Node| sender.core.contact(other.id).map_or(0, |contact| contact.queued);
            assert_eq!(sender.core.totals().queued, self.nodes.iter().map(queued).sum::<usize>());
        }
    }

    /// What one sent is what the other received, in order, once, whatever either deleted.
    fn check_pair(&self, sender: &Node, recipient: &Node) {
        let sent = between(&sender.written(), sender.id, recipient.id);
        let received = between(&recipient.written(), sender.id, recipient.id);
        let unique: BTreeSet<_> = received.iter().collect();
        assert_eq!(unique.len(), received.len(), "a message arrived twice: {received:?}");
        assert!(is_subsequence(&sent, &received), "lost or out of order: {sent:?} {received:?}");
        if !self.restored {
            assert_eq!(sent, received, "both sides show the same history");
            let promised = sender.promised.iter().filter(|(to, _)| *to == recipient.id);
            let promised: Vec<_> = promised.map(|(_, text)| text.clone()).collect();
            // Stored and not yet reported when the process died: may be there, the promised ones must.
            assert!(is_subsequence(&promised, &received), "a promise was broken");
        }
    }
}

/// Of what was deleted nothing is shown, of what came after everything.
fn check_deleted(node: &Node) {
    let mut expected = node.written();
    expected.retain(|item| !node.decisions.hides(item));
    let shown = node.shown();
    assert_eq!(shown, expected, "what is shown after conversations were deleted");
    for contact in node.core.known() {
        let incoming = shown.iter().filter(|item| item.id.sender == contact.id).count() as u64;
        assert!(contact.unread <= incoming, "{} unread of {incoming} that are shown", contact.unread);
    }
}

fn is_blocked(one: &Node, other: &Node) -> bool {
    one.decisions.blocks(other.id) || other.decisions.blocks(one.id)
}

fn between(items: &[Item], from: NodeId, to: NodeId) -> Vec<String> {
    let mine = items.iter().filter(|item| item.id.sender == from && item.id.recipient == to);
    mine.map(|item| item.text.clone().unwrap_or_default()).collect()
}

fn is_subsequence(part: &[String], whole: &[String]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|wanted| rest.any(|text| text == wanted))
}
