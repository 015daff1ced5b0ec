//! What the reader of the table was not told of yet: merged per node, so that it never outgrows the table.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use identity::{Network, NodeId};

use crate::{Event, GoneReason, Neighbour, limits::MAX_OTHER_NETWORKS};

#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Nodes of which the reader thinks that they are there.
    told: HashSet<NodeId>,
    /// Changed nodes; the reason if they were gone in between.
    pending: BTreeMap<NodeId, Option<GoneReason>>,
    /// Networks of the same name: those told, and those to tell.
    networks_told: BTreeSet<Network>,
    networks: Vec<Network>,
}

impl Changes {
    /// The node's entry is new or changed.
    pub(super) fn touch(&mut self, id: NodeId) {
        self.pending.entry(id).or_default();
    }

    /// The node's entry is gone, or began anew.
    pub(super) fn gone(&mut self, id: NodeId, reason: GoneReason) {
        if self.told.contains(&id) {
            self.pending.insert(id, Some(reason));
        } else {
            // Nobody heard of it: there is nothing to take back.
            self.pending.remove(&id);
        }
    }

    /// A network with this one's name and another id was heard. Each is told once.
    pub(super) fn other_network(&mut self, network: Network) {
        if self.networks_told.len() < MAX_OTHER_NETWORKS && self.networks_told.insert(network.clone()) {
            self.networks.push(network);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.networks.is_empty()
    }

    pub(super) fn next(&mut self, find: impl Fn(&NodeId) -> Option<Arc<Neighbour>>) -> Option<Event> {
        if let Some(network) = self.networks.pop() {
            return Some(Event::OtherNetwork(network));
        }
        while let Some((id, gone)) = self.pending.pop_first() {
            let present = find(&id);
            if let Some(reason) = gone {
                self.told.remove(&id);
                if present.is_some() {
                    self.touch(id);
                }
                return Some(Event::Gone { id, reason });
            }
            if let Some(node) = present {
                let fresh = self.told.insert(id);
                return Some(if fresh { Event::Appeared(node) } else { Event::Updated(node) });
            }
        }
        None
    }
}
