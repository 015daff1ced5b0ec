//! The graph of bridges and links, and the ways through it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use identity::NodeId;

use crate::limits::MAX_HOPS;

/// Bridges by number, and for each the links that count.
pub(crate) struct Graph {
    pub(crate) ids: Vec<NodeId>,
    pub(crate) edges: Vec<Vec<(usize, u64)>>,
    pub(crate) stopping: Vec<bool>,
}

/// Per number of links: the cost of the best way to each bridge, and the bridge before it.
pub(super) type Layer = Vec<Option<(u64, usize)>>;

impl Graph {
    /// The best ways by their number of links, up to the bound: in each round every way grows by one link. Bridge 0 is
    /// this one; bridges that stop are neither passed nor reached.
    pub(super) fn layers(&self) -> Vec<Layer> {
        let mut first: Layer = vec![None; self.ids.len()];
        first[0] = Some((0, 0));
        let mut layers = vec![first];
        for hops in 0..MAX_HOPS {
            let mut next: Layer = vec![None; self.ids.len()];
            let mut grew = false;
            for (from, cost) in layers[hops].iter().enumerate().filter_map(|(it, way)| Some((it, (*way)?.0)))
            {
                for (to, link) in self.edges[from].iter().filter(|(to, _)| *to != 0 && !self.stopping[*to]) {
                    let cost = cost + link;
                    let shorter = layers[1..].iter().filter_map(|layer| layer[*to]).all(|way| cost < way.0);
                    if shorter && next[*to].is_none_or(|way| (cost, from) < way) {
                        next[*to] = Some((cost, from));
                        grew = true;
                    }
                }
            }
            if !grew {
                break;
            }
            layers.push(next);
        }
        layers
    }

    pub(super) fn path(&self, layers: &[Layer], end: usize, hops: usize) -> Arc<[NodeId]> {
        let mut path = vec![self.ids[end]];
        let mut at = end;
        for layer in layers[1..=hops].iter().rev() {
            let Some((_, before)) = layer[at] else { break };
            path.push(self.ids[before]);
            at = before;
        }
        path.reverse();
        path.into()
    }

    /// Bridges that links lead to at any distance, with the first bridge on the way that stops.
    pub(super) fn by_any_chain(&self) -> BTreeMap<NodeId, Option<NodeId>> {
        let mut found: Vec<Option<Option<NodeId>>> = vec![None; self.ids.len()];
        found[0] = Some(None);
        let mut work = VecDeque::from([0]);
        // First without, then across bridges that stop.
        let mut later = VecDeque::new();
        while let Some(at) = work.pop_front().or_else(|| later.pop_front()) {
            for (to, _) in &self.edges[at] {
                if found[*to].is_none() {
                    let past = found[at].flatten().or_else(|| self.stopping[*to].then_some(self.ids[*to]));
                    found[*to] = Some(past);
                    if past.is_some() { later.push_back(*to) } else { work.push_back(*to) }
                }
            }
        }
        self.ids.iter().zip(found).filter_map(|(id, found)| Some((*id, found?))).collect()
    }
}
