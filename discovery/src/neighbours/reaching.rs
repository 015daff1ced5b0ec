//! What bridges say of remote peers, and what it does to the table.

use std::{collections::btree_map::Entry as Slot, sync::Arc};

use identity::NodeId;

use super::{Dropped, Entry, Neighbours};
use crate::{GoneReason, Neighbour, limits::MAX_REMOTE_PEERS, source::Remote};

impl Neighbours {
    /// A bridge reaches a remote peer, or its route changed.
    ///
    /// # Errors
    /// [`Dropped::BridgeFull`] for more peers than one bridge may name, [`Dropped::Own`] for this node itself.
    pub fn reach(&mut self, remote: Remote) -> Result<(), Dropped> {
        let (id, bridge) = (remote.announcement.id(), remote.route.via.id);
        if id == self.own {
            return Err(Dropped::Own);
        }
        let known = self.entries.get(&id);
        let routed = known.is_some_and(|entry| entry.node.routes.iter().any(|route| route.via.id == bridge));
        let count = self.routed.entry(bridge).or_default();
        if !routed {
            if *count >= MAX_REMOTE_PEERS {
                return Err(Dropped::BridgeFull);
            }
            *count += 1;
        }
        let before = known.map(|entry| Arc::clone(&entry.node));
        let entry = match self.entries.entry(id) {
            Slot::Occupied(entry) => entry.into_mut(),
            Slot::Vacant(slot) => slot.insert(Entry { node: Arc::new(remote_only(&remote)), lease: None }),
        };
        let heard = entry.lease.as_ref().map_or(0, |lease| lease.sequence);
        update_route(Arc::make_mut(&mut entry.node), heard, remote);
        if before.is_none_or(|before| before != entry.node) {
            self.changes.touch(id);
        }
        Ok(())
    }

    /// A bridge does not reach a remote peer any more, and says why.
    pub fn lose(&mut self, bridge: NodeId, id: NodeId, reason: GoneReason) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if !entry.node.routes.iter().any(|route| route.via.id == bridge) {
            return;
        }
        Arc::make_mut(&mut entry.node).routes.retain(|route| route.via.id != bridge);
        let gone = entry.lease.is_none() && entry.node.routes.is_empty();
        if let Some(count) = self.routed.get_mut(&bridge) {
            *count = count.saturating_sub(1);
        }
        if gone {
            self.entries.remove(&id);
            self.changes.gone(id, reason);
        } else {
            self.changes.touch(id);
        }
    }

    /// A bridge is gone, or is not to be used any more: none of its routes counts.
    pub fn lose_bridge(&mut self, bridge: NodeId) {
        if self.routed.remove(&bridge).is_none() {
            return;
        }
        let through = |entry: &Entry| entry.node.routes.iter().any(|route| route.via.id == bridge);
        let ids: Vec<_> =
            self.entries.iter().filter(|(_, entry)| through(entry)).map(|(id, _)| *id).collect();
        for id in ids {
            self.lose(bridge, id, GoneReason::Unreachable);
        }
    }
}

fn remote_only(remote: &Remote) -> Neighbour {
    Neighbour {
        announcement: remote.announcement.clone(),
        description: Some(remote.description.clone()),
        addresses: Vec::new(),
        routes: Vec::new(),
    }
}

/// The newest announcement counts, also of a node that was heard: it may have gone where this one does not hear it.
fn update_route(node: &mut Neighbour, heard: u64, remote: Remote) {
    let Remote { announcement, description, route, places: _ } = remote;
    if announcement.sequence() >= node.announcement.sequence().max(heard) {
        node.announcement = announcement;
    }
    if !node.is_described() && description.hash() == node.announcement.description_hash() {
        node.description = Some(description);
    }
    node.routes.retain(|known| known.via.id != route.via.id);
    node.routes.push(route);
    node.routes.sort_by_key(|route| (route.cost_us, route.hops.len(), route.via.id));
}
