//! Own messages of one epoch to one peer: where they lie, and what their receipts say.

use std::collections::{BTreeMap, BTreeSet};

use identity::NodeId;

use super::ItemState;

mod kept;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The number of the first one.
    first: u64,
    /// Where they lie, by number.
    positions: Vec<u64>,
    delivered: Vec<Receipt>,
    read: Vec<Receipt>,
    /// Why, and since when.
    refused: BTreeMap<u64, (String, u64)>,
    /// Numbered anew: shown under the new number.
    replaced: BTreeSet<u64>,
}

/// Everything up to a number is there, or read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Receipt {
    pub(super) through: u64,
    /// By the clock of the side that said so.
    pub(super) at_ms: u64,
    /// Of [`Routes`].
    pub(super) route: u32,
}

/// The ways that messages took, each kept once: there are few, and many messages.
#[derive(Debug, Default)]
pub(super) struct Routes(Vec<Vec<NodeId>>);

impl Line {
    pub(super) fn on_written(&mut self, sequence: u64, position: u64) {
        if self.positions.is_empty() {
            self.first = sequence;
        }
        // Numbers have no gaps; what would break that is not from here.
        if sequence == self.first + self.positions.len() as u64 {
            self.positions.push(position);
        }
    }

    pub(super) fn on_delivered(&mut self, receipt: Receipt) {
        add(&mut self.delivered, receipt);
    }

    pub(super) fn on_read(&mut self, receipt: Receipt) {
        add(&mut self.read, receipt);
    }

    pub(super) fn on_refused(&mut self, sequence: u64, reason: (String, u64)) {
        self.refused.insert(sequence, reason);
    }

    /// A message goes under another number from now on; gives where the old one lies.
    pub(super) fn replace(&mut self, sequence: u64) -> Option<u64> {
        self.replaced.insert(sequence);
        self.position(sequence)
    }

    /// Where a message lies.
    pub(super) fn position(&self, sequence: u64) -> Option<u64> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.positions.get(index).copied()
    }

    /// Where the messages lie of which the receipt through this number was the first.
    pub(super) fn delivered_by(&self, through: u64) -> Vec<u64> {
        self.first_by(&self.delivered, through)
    }

    /// The same of what was read.
    pub(super) fn read_by(&self, through: u64) -> Vec<u64> {
        self.first_by(&self.read, through)
    }

    /// How far a message is, and since when; `None` for one that goes under another number.
    pub(super) fn state(&self, sequence: u64, written_at_ms: u64) -> Option<(ItemState, u64)> {
        if self.replaced.contains(&sequence) {
            return None;
        }
        let read = find(&self.read, sequence).map(|it| (ItemState::Read, it.at_ms));
        let delivered = || find(&self.delivered, sequence).map(|it| (ItemState::AtPeer, it.at_ms));
        let refused = || self.refused.get(&sequence).map(|(why, at)| (ItemState::Refused(why.clone()), *at));
        Some(read.or_else(delivered).or_else(refused).unwrap_or((ItemState::Queued, written_at_ms)))
    }

    /// The way a message took, once it is there.
    pub(super) fn route(&self, sequence: u64) -> Option<u32> {
        find(&self.delivered, sequence).map(|receipt| receipt.route)
    }

    fn first_by(&self, receipts: &[Receipt], through: u64) -> Vec<u64> {
        let index = receipts.partition_point(|receipt| receipt.through < through);
        let before = index.checked_sub(1).map_or(0, |before| receipts[before].through);
        let is_known = receipts.get(index).is_some_and(|receipt| receipt.through == through);
        let last = self.first + self.positions.len() as u64;
        let range = before + 1..(through + 1).min(last);
        if is_known { range.filter_map(|sequence| self.position(sequence)).collect() } else { Vec::new() }
    }
}

impl Routes {
    /// The number of a way.
    pub(super) fn number(&mut self, hops: Vec<NodeId>) -> u32 {
        let place = self.0.iter().position(|known| *known == hops).unwrap_or_else(|| {
            self.0.push(hops);
            self.0.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    pub(super) fn hops(&self, number: u32) -> Vec<NodeId> {
        self.0.get(number as usize).cloned().unwrap_or_default()
    }
}

fn add(receipts: &mut Vec<Receipt>, receipt: Receipt) {
    if receipts.last().is_none_or(|last| last.through < receipt.through) {
        receipts.push(receipt);
    }
}

/// The first receipt that covers a message.
fn find(receipts: &[Receipt], sequence: u64) -> Option<&Receipt> {
    receipts.get(receipts.partition_point(|receipt| receipt.through < sequence))
}
