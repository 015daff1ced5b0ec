//! The last sequences of nodes that are gone: nobody brings them back by a replay.

use std::collections::{HashMap, VecDeque};

use identity::NodeId;

use crate::limits::MAX_TOMBSTONES;

/// A bounded memory; the oldest grave gives way.
#[derive(Debug, Default)]
pub(super) struct Tombstones {
    sequences: HashMap<NodeId, u64>,
    order: VecDeque<NodeId>,
}

impl Tombstones {
    pub(super) fn bury(&mut self, id: NodeId, sequence: u64) {
        if self.sequences.insert(id, sequence).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > MAX_TOMBSTONES {
            if let Some(oldest) = self.order.pop_front() {
                self.sequences.remove(&oldest);
            }
        }
    }

    /// True when nothing as new was buried.
    pub(super) fn is_newer(&self, id: &NodeId, sequence: u64) -> bool {
        self.sequences.get(id).is_none_or(|buried| sequence > *buried)
    }

    /// The node is back, and its entry remembers from now on.
    pub(super) fn forget(&mut self, id: &NodeId) {
        if self.sequences.remove(id).is_some() {
            self.order.retain(|other| other != id);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sequences.len()
    }
}
