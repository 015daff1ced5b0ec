//! Which peers there are, and whose they are: what the log folds to.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use identity::NodeId;
use proto::hosting::v1::{Event, event::Kind};

use crate::network::Records;

/// The folded log.
#[derive(Debug, Default)]
pub(crate) struct Register {
    peers: BTreeMap<u64, Kept>,
    by_user: HashMap<String, u64>,
    by_node: HashMap<NodeId, u64>,
    /// Gone, with everything of theirs.
    removed: BTreeSet<u64>,
    last: u64,
}

/// A peer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Kept {
    /// Known once it has run.
    pub(crate) node: Option<NodeId>,
    pub(crate) holder: Option<Holder>,
    /// Another dispatcher keeps it: it is not stopped, started or removed here.
    pub(crate) adopted: bool,
    /// It was stopped on purpose.
    pub(crate) asleep: bool,
    /// While it sleeps: what it last said of itself.
    pub(crate) records: Option<Arc<Records>>,
    pub(crate) made_s: u64,
    pub(crate) visited_s: u64,
}

/// Whose a peer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) user: String,
    pub(crate) claim: [u8; 16],
    /// The person came.
    pub(crate) redeemed: bool,
    pub(crate) since_s: u64,
}

impl Register {
    /// Takes over one event of the log, in order.
    pub(crate) fn apply(&mut self, event: &Event) {
        let (number, at_s) = (event.peer, event.at_s);
        let Some(kind) = &event.kind else { return };
        if let Kind::Made(_) = kind {
            self.last = self.last.max(number);
            let made = Kept { made_s: at_s, visited_s: at_s, ..Kept::default() };
            self.peers.insert(number, made);
            return;
        }
        if let Kind::Adopted(adopted) = kind {
            self.last = self.last.max(number);
            let node = NodeId::try_from(&adopted.node_id).ok();
            self.by_node.extend(node.map(|node| (node, number)));
            let adopted = Kept { node, adopted: true, made_s: at_s, visited_s: at_s, ..Kept::default() };
            self.peers.insert(number, adopted);
            return;
        }
        if let Kind::Gone(gone) = kind {
            if !gone.left_alone {
                self.removed.insert(number);
            }
            return self.remove(number);
        }
        let Some(kept) = self.peers.get_mut(&number) else { return };
        match kind {
            Kind::Known(known) => {
                kept.node = NodeId::try_from(&known.node_id).ok();
                self.by_node.extend(kept.node.map(|node| (node, number)));
            }
            Kind::Claimed(claimed) => {
                let Ok(claim) = claimed.claim_id[..].try_into() else { return };
                let user = claimed.user.clone();
                // A person has one peer here, whatever other dispatchers gave out.
                self.by_user.entry(user.clone()).or_insert(number);
                kept.holder = Some(Holder { user, claim, redeemed: false, since_s: at_s });
                kept.visited_s = at_s;
            }
            Kind::Redeemed(_) => {
                if let Some(holder) = &mut kept.holder {
                    holder.redeemed = true;
                }
                kept.visited_s = at_s;
            }
            Kind::Released(_) => {
                if let Some(holder) = kept.holder.take() {
                    self.take_from(&holder.user, number);
                }
            }
            Kind::Visited(_) => kept.visited_s = at_s,
            Kind::Asleep(asleep) => {
                (kept.asleep, kept.records) = (true, Records::kept(asleep).map(Arc::new));
            }
            Kind::Woken(_) => (kept.asleep, kept.records) = (false, None),
            Kind::Made(_) | Kind::Adopted(_) | Kind::Gone(_) => {}
        }
    }

    /// What lies under these numbers came from elsewhere, or from a log that was lost: they are not used. Gives those under
    /// which a removal was not finished.
    pub(crate) fn on_found(&mut self, numbers: &[u64]) -> Vec<u64> {
        let unknown = numbers.iter().filter(|number| **number > self.last);
        if let Some(last) = unknown.max() {
            tracing::warn!(last, "there are peers of which the log knows nothing; they are left alone");
            self.last = *last;
        }
        numbers.iter().copied().filter(|number| self.removed.contains(number)).collect()
    }

    /// A number that was never used.
    pub(crate) fn next(&self) -> u64 {
        self.last + 1
    }

    pub(crate) fn kept(&self, number: u64) -> Option<&Kept> {
        self.peers.get(&number)
    }

    pub(crate) fn of_user(&self, user: &str) -> Option<u64> {
        self.by_user.get(user).copied()
    }

    pub(crate) fn of_node(&self, node: &NodeId) -> Option<u64> {
        self.by_node.get(node).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Kept)> {
        self.peers.iter().map(|(number, kept)| (*number, kept))
    }

    /// Those that are kept here.
    pub(crate) fn own(&self) -> usize {
        self.peers.values().filter(|kept| !kept.adopted).count()
    }

    fn take_from(&mut self, user: &str, number: u64) {
        if self.by_user.get(user) == Some(&number) {
            self.by_user.remove(user);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(kept) = self.peers.remove(&number) else { return };
        if let Some(holder) = kept.holder {
            self.take_from(&holder.user, number);
        }
        if let Some(node) = kept.node {
            self.by_node.remove(&node);
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::hosting::v1::{Claimed, Gone, Known, Made, Released};

    use super::*;

    fn event(peer: u64, kind: Kind) -> Event {
        Event { format: 1, at_s: 10, peer, kind: Some(kind) }
    }

    fn claimed(user: &str) -> Kind {
        Kind::Claimed(Claimed { claim_id: vec![1; 16].into(), user: user.into() })
    }

    #[test]
    fn a_peer_is_found_by_its_person_and_its_id_until_it_is_gone() {
        let node = NodeId::from_bytes([3; 32]);
        let mut register = Register::default();
        for kind in [Kind::Made(Made {}), Kind::Known(Known { node_id: node.to_bytes() }), claimed("u")] {
            register.apply(&event(1, kind));
        }
        assert_eq!((register.of_user("u"), register.of_node(&node)), (Some(1), Some(1)));
        register.apply(&event(1, Kind::Released(Released {})));
        assert_eq!(register.of_user("u"), None);
        register.apply(&event(1, claimed("v")));
        register.apply(&event(1, Kind::Gone(Gone::default())));
        assert_eq!((register.of_user("v"), register.of_node(&node), register.own()), (None, None, 0));
        assert_eq!(register.next(), 2, "numbers are not used again");
    }
}
