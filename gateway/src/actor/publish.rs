//! Making what changed visible: the table, the followers, the gauges.

use identity::NodeId;
use proto::bridge::v1::Refusal;
use topology::{NoRoute, PeerState};

use super::Actor;
use crate::table::Known;

/// What followers are told to look at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// A peer.
    Peer(NodeId),
    /// This bridge drains, and stops within so many milliseconds.
    Draining(u32),
}

impl Actor {
    /// Writes what changed into the table and tells the followers.
    pub(super) fn publish(&mut self) {
        if !self.changed_peers.is_empty() {
            let ids = std::mem::take(&mut self.changed_peers);
            self.table.update_peers(ids.iter().map(|id| (*id, self.known(id))).collect());
            for id in ids {
                // Nobody follows: nothing to tell.
                let _ = self.changes.send(Change::Peer(id));
            }
        }
        if !self.changed_bridges.is_empty() {
            let ids = std::mem::take(&mut self.changed_bridges);
            let view = self.core.view();
            self.table.update_bridges(ids.into_iter().map(|id| (id, view.bridge(&id))).collect());
        }
    }

    /// What is known of a peer now, or why it is not there.
    fn known(&self, id: &NodeId) -> Result<Known, Refusal> {
        let route = self.core.route(id);
        let local = self.locals.get(id);
        let view = self.core.view().peer(id);
        let own = || self.core.view().bridge(&self.core.id()).and_then(|bridge| bridge.network);
        let (description, announcement, state, network, since) = match (view, local) {
            (Some(view), _) => {
                let home = view.homes.first();
                let network = home.and_then(|home| home.network.clone());
                let since = home.map_or(0, |home| i64::try_from(home.since.millis()).unwrap_or(i64::MAX));
                (Some(view.description), view.announcement, view.state, network, since)
            }
            // Heard, and not in the log yet: its description is not known.
            (None, Some(local)) => {
                let announcement = std::sync::Arc::clone(&local.announcement);
                (local.description.clone(), announcement, PeerState::Local, own(), local.last_seen_ms)
            }
            (None, None) => return Err(route.err().as_ref().map_or(Refusal::UnknownPeer, NoRoute::refusal)),
        };
        let others = self.core.route_for_others(id);
        Ok(Known {
            description,
            others_route: (others != route).then(|| Box::new(others)),
            announcement: local.map_or(announcement, |local| std::sync::Arc::clone(&local.announcement)),
            state,
            route,
            second: self.core.second_route(id),
            network: if local.is_some() { own() } else { network },
            addresses: local.map(|local| local.secure_addresses()).unwrap_or_default(),
            callers: local.map(|local| local.callers().collect()).unwrap_or_default(),
            last_seen_ms: local.map_or(since, |local| local.last_seen_ms),
        })
    }

    pub(super) fn set_gauges(&mut self) {
        let took = self.core.take_converged();
        self.metrics.convergence.set(self.core.view().convergence(self.now().mono), &took);
        self.metrics.set_core(&self.core.counts());
        self.metrics.set_links(&self.core.view().links());
        self.metrics.set_local(self.locals.len());
        self.metrics.set_store(self.keeper.waiting(), self.logs.len());
        self.metrics.disk.set(&self.keeper.disk(), self.core.counts().logs_expired);
    }
}
