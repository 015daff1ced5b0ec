//! What each neighbour brought along: bridges that were first admitted through it, and bytes of their logs.
//!
//! Bridges can confirm each other without end. So what counts is the neighbour at the root, which is on the trust list:
//! it can fill its own share, and no other's.

use std::collections::BTreeMap;

use identity::NodeId;

use crate::limits::MAX_FOREIGN_BYTES;

/// The shares by neighbour. A bridge stays in the share it was first counted to until it is forgotten.
#[derive(Debug)]
pub(crate) struct Shares {
    by_neighbour: BTreeMap<NodeId, Share>,
    /// Of all foreign logs.
    bytes: u64,
    /// Of which there may be this many; half of them for one neighbour.
    most: u64,
}

#[derive(Debug, Default)]
struct Share {
    bridges: usize,
    bytes: u64,
    /// Somebody was told that it is full.
    named: bool,
}

impl Shares {
    pub(super) fn bridges(&self, root: &NodeId) -> usize {
        self.by_neighbour.get(root).map_or(0, |share| share.bridges)
    }

    /// One more bridge; `bytes` of its logs are here already.
    pub(super) fn join(&mut self, root: NodeId, bytes: u64) {
        let share = self.by_neighbour.entry(root).or_default();
        share.bridges += 1;
        share.bytes += bytes;
    }

    /// A bridge is forgotten, its logs before it.
    pub(super) fn leave(&mut self, root: Option<NodeId>) {
        let Some(root) = root else { return };
        if let Some(share) = self.by_neighbour.get_mut(&root) {
            share.bridges -= 1;
            if share.bridges == 0 {
                self.by_neighbour.remove(&root);
            }
        }
    }

    /// Whether there is room for that much more, in all and in the share.
    pub(super) fn fits(&self, root: Option<NodeId>, bytes: u64) -> bool {
        let share = root.and_then(|root| self.by_neighbour.get(&root)).map_or(0, |share| share.bytes);
        self.bytes + bytes <= self.most && share + bytes <= self.most / 2
    }

    pub(super) fn take(&mut self, root: Option<NodeId>, bytes: u64) {
        self.bytes += bytes;
        if let Some(share) = root.and_then(|root| self.by_neighbour.get_mut(&root)) {
            share.bytes += bytes;
        }
    }

    pub(super) fn give_back(&mut self, root: Option<NodeId>, bytes: u64) {
        self.bytes -= bytes;
        if let Some(share) = root.and_then(|root| self.by_neighbour.get_mut(&root)) {
            share.bytes -= bytes;
        }
    }

    /// Whether nobody was told yet that this share is full.
    pub(super) fn is_news(&mut self, root: NodeId) -> bool {
        !std::mem::replace(&mut self.by_neighbour.entry(root).or_default().named, true)
    }
}

impl Default for Shares {
    fn default() -> Self {
        Self { by_neighbour: BTreeMap::new(), bytes: 0, most: MAX_FOREIGN_BYTES }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        LinkId,
        simulator::{Forger, Lone},
    };

    /// Links a neighbour that writes 64 KiB or so into its log and shows it. Gives how far that is taken.
    fn written(lone: &mut Lone, number: u64) -> (Forger, LinkId, u64) {
        let mut neighbour = Forger::new(number, 1);
        for index in 0..1_000 {
            neighbour.link_down(Forger::new(index % 7, 1).id());
        }
        let link = lone.link(neighbour.id());
        lone.take(link, &neighbour);
        let held = lone.held(&neighbour.log).map_or(0, |head| head.sequence);
        (neighbour, link, held)
    }

    #[test]
    fn one_neighbour_fills_half_of_the_bytes_and_leaves_the_other_half() {
        let mut lone = Lone::new(1);
        lone.core.shares.most = 60_000;
        let (first, link, held) = written(&mut lone, 1);
        assert!(held > 0 && held < 1_001);
        assert!(lone.core.shares.bytes <= 30_000);
        lone.sent.clear();
        lone.pass(std::time::Duration::from_secs(2));
        assert!(lone.sent.len() < 8, "it is not asked for again and again: {:?}", lone.sent);
        let (_, _, other) = written(&mut lone, 2);
        assert_eq!(other, held, "the other one finds as much room");
        lone.take(link, &first);
        assert_eq!(lone.held(&first.log).map(|head| head.sequence), Some(held));
    }
}
