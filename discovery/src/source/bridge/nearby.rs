//! Where a bridge's own neighbours are, as it tells: hints, so that peers which cannot hear each other meet all the same.

use std::{collections::HashMap, net::SocketAddr};

use identity::NodeId;

use crate::{
    limits::MAX_NEARBY,
    source::{Outlet, Report},
};

/// The greeting ports of those that the bridge told of.
#[derive(Debug, Default)]
pub(super) struct Nearby(HashMap<NodeId, Vec<SocketAddr>>);

impl Nearby {
    /// Reports what a bridge told, and what may be dialled of it.
    pub(super) async fn pass_on(&mut self, report: Report, outlet: &Outlet) {
        match &report {
            Report::Reachable(remote) => {
                let id = remote.announcement.id();
                self.0.remove(&id);
                if !remote.places.is_empty() && self.0.len() < MAX_NEARBY {
                    self.0.insert(id, remote.places.clone());
                    hint(id, &remote.places, outlet);
                }
            }
            Report::Unreachable { id, .. } => drop(self.0.remove(id)),
            _ => {}
        }
        outlet.report(report).await;
    }

    /// A hint counts for a lease: all of them again.
    pub(super) fn hint_again(&self, outlet: &Outlet) {
        for (id, places) in &self.0 {
            hint(*id, places, outlet);
        }
    }
}

fn hint(id: NodeId, places: &[SocketAddr], outlet: &Outlet) {
    for address in places {
        // When there is no room now: it comes again.
        let _ = outlet.try_report(Report::Hinted { id, address: *address, answers: true });
    }
}
