//! What the actor does with what was heard.

use std::time::{Duration, Instant};

use identity::{Network, NodeId};
use proto::node::v1::NodeKind;

use super::Actor;
use crate::{KnownAddress, source::Heard};

/// Nodes that appear this soon after the start were there before: how long it took to find them is counted.
const DISCOVERY_PHASE: Duration = Duration::from_secs(5);

impl Actor {
    pub(super) fn hear(&mut self, now: Instant, heard: Heard) {
        let announcement = &heard.announcement;
        let (id, kind, network) = (announcement.id(), announcement.kind(), announcement.network().clone());
        self.learn_network(kind, &network);
        let interface = heard.address.interface.clone();
        let source = heard.address.source.name();
        let known = self.table.find(&id).is_some();
        let taken = self.table.hear(now, heard);
        if taken.is_ok() {
            self.outlet.metrics().sighting(source, interface.as_deref().unwrap_or(""));
            let after = now.saturating_duration_since(self.started);
            if !known && after < DISCOVERY_PHASE {
                self.outlet.metrics().discovered(after);
            }
            if kind == NodeKind::Bridge && self.settings.register {
                self.registrations.follow_heard(&self.table);
            }
        }
        self.count(taken);
    }

    pub(super) fn hear_again(&mut self, now: Instant, said: (NodeId, u64), address: KnownAddress) {
        let (source, interface) = (address.source.name(), address.interface.clone());
        let taken = self.table.hear_again(now, said, address);
        if taken.is_ok() {
            self.outlet.metrics().sighting(source, interface.as_deref().unwrap_or(""));
        }
        self.count(taken);
    }

    /// A node whose network has no id yet takes over a bridge's. A bridge takes it over from anybody: its network had
    /// another bridge before.
    pub(super) fn learn_network(&mut self, kind: NodeKind, network: &Network) {
        let announcer = self.outlet.announcer();
        let own = announcer.network();
        let may_teach = kind == NodeKind::Bridge || announcer.description().kind() == NodeKind::Bridge;
        if let (None, Some(id), true) = (own.id, network.id, own.name == network.name && may_teach) {
            announcer.set_network_id(id);
            self.on_own_change();
        }
    }
}
