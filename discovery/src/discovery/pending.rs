//! Events that are not of the table and wait for their reader: merged, so that they never pile up.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use identity::Network;

use crate::{BridgeStatus, Event};

#[derive(Debug, Default)]
pub(super) struct PendingEvents {
    network: Option<Network>,
    twin: Option<IpAddr>,
    bridges: BTreeMap<u64, BridgeStatus>,
}

impl PendingEvents {
    pub(super) fn network(&mut self, network: Network) {
        self.network = Some(network);
    }

    pub(super) fn twin(&mut self, from: IpAddr) {
        self.twin = Some(from);
    }

    /// A later state of the same registration replaces the one that nobody read.
    pub(super) fn bridge(&mut self, key: u64, status: BridgeStatus) {
        self.bridges.insert(key, status);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.network.is_none() && self.twin.is_none() && self.bridges.is_empty()
    }

    pub(super) fn next(&mut self) -> Option<Event> {
        let network = self.network.take().map(Event::NetworkLearned);
        let next = network.or_else(|| self.twin.take().map(|from| Event::Twin { from }));
        next.or_else(|| self.bridges.pop_first().map(|(_, status)| Event::Bridge(Arc::new(status))))
    }
}
