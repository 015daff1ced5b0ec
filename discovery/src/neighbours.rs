//! The table of neighbours: who is there, until when, and by which ways. Pure: time is an argument.
//!
//! A node is there as long as its lease lasts, from the moment of hearing, on this node's own clock. Sequences only
//! grow: an old announcement is a replay, also when its author is gone or started anew. All tables are bounded, and a
//! flood of invented nodes never pushes out one that is known: newcomers are refused instead.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use identity::{Description, Network, NodeId};

use crate::{Event, GoneReason, HeardNetwork, Neighbour, limits::LEASE};

mod changes;
mod greetings;
mod hearing;
mod lease;
mod other_networks;
mod reaching;
mod tombstones;

pub use greetings::ToGreet;

use changes::Changes;
use lease::Lease;
use other_networks::OtherNetworks;
use tombstones::Tombstones;

/// Why something that was heard is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dropped {
    /// This node's own.
    Own,
    /// Not newer than what was heard before.
    Replay,
    /// Of a network with another name.
    OtherNetwork,
    /// Of a network with this one's name and another id.
    OtherNetworkId,
    /// The table is full; known nodes stay.
    Full,
    /// Too many nodes from this one address.
    AddressFull,
    /// A bridge names more remote peers than are taken.
    BridgeFull,
}

/// The table.
#[derive(Debug)]
pub struct Neighbours {
    own: NodeId,
    network: Network,
    entries: BTreeMap<NodeId, Entry>,
    /// How many directly heard nodes came in from each address.
    admitted: HashMap<IpAddr, usize>,
    direct: usize,
    /// How many routes lead through each local bridge.
    routed: HashMap<NodeId, usize>,
    tombstones: Tombstones,
    others: OtherNetworks,
    changes: Changes,
}

#[derive(Debug)]
struct Entry {
    node: Arc<Neighbour>,
    lease: Option<Lease>,
}

impl Dropped {
    /// A short name for metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Replay => "replay",
            Self::OtherNetwork => "other_network",
            Self::OtherNetworkId => "other_network_id",
            Self::Full => "table_full",
            Self::AddressFull => "address_full",
            Self::BridgeFull => "bridge_full",
        }
    }
}

impl Neighbours {
    /// An empty table of a node in a network.
    pub fn new(own: NodeId, network: Network) -> Self {
        Self {
            own,
            network,
            entries: BTreeMap::new(),
            admitted: HashMap::new(),
            direct: 0,
            routed: HashMap::new(),
            tombstones: Tombstones::default(),
            others: OtherNetworks::default(),
            changes: Changes::default(),
        }
    }

    /// Takes in the description of a node that is here. One that the announcement does not name changes nothing.
    pub fn describe(&mut self, description: Description) {
        let Some(entry) = self.entries.get_mut(&description.id()) else { return };
        if entry.node.is_described() || entry.node.announcement.description_hash() != description.hash() {
            return;
        }
        Arc::make_mut(&mut entry.node).description = Some(description);
        self.changes.touch(entry.node.id());
    }

    /// Removes the nodes and addresses whose lease ran out. Gives the time since the last hearing of each.
    pub fn expire(&mut self, now: Instant) -> Vec<Duration> {
        let mut silent = Vec::new();
        for (id, entry) in &mut self.entries {
            let Some(lease) = &mut entry.lease else { continue };
            let since = now.saturating_duration_since(lease.heard);
            if since >= LEASE {
                silent.push((*id, lease.sequence, since));
            } else if lease.addresses_expired(now) {
                Arc::make_mut(&mut entry.node).addresses = lease.addresses();
                self.changes.touch(*id);
            }
        }
        for (id, sequence, _) in &silent {
            self.tombstones.bury(*id, *sequence);
            self.drop_direct(*id, GoneReason::Expired);
        }
        silent.into_iter().map(|(_, _, since)| since).collect()
    }

    /// The id of this node's network became known. Nodes that name another one are no neighbours any more.
    pub fn set_network(&mut self, network: Network) {
        self.network = network;
        let own = self.network.id;
        let other = |id| own.is_some() && id != own;
        let foreign = |entry: &Entry| {
            entry
                .lease
                .as_ref()
                .is_some_and(|lease| lease.latest.network().id.is_some_and(|id| other(Some(id))))
        };
        let ids: Vec<_> =
            self.entries.iter().filter(|(_, entry)| foreign(entry)).map(|(id, _)| *id).collect();
        for id in ids {
            self.drop_direct(id, GoneReason::Replaced);
        }
    }

    /// The next change that its reader was not told of yet.
    pub fn next_event(&mut self) -> Option<Event> {
        let entries = &self.entries;
        self.changes.next(|id| entries.get(id).map(|entry| Arc::clone(&entry.node)))
    }

    /// True when [`Neighbours::next_event`] has something to tell.
    pub fn has_events(&self) -> bool {
        !self.changes.is_empty()
    }

    /// All entries, for a snapshot.
    pub fn all(&self) -> BTreeMap<NodeId, Arc<Neighbour>> {
        self.entries.iter().map(|(id, entry)| (*id, Arc::clone(&entry.node))).collect()
    }

    /// The entries, in the order of their ids.
    pub fn values(&self) -> impl Iterator<Item = &Arc<Neighbour>> {
        self.entries.values().map(|entry| &entry.node)
    }

    /// One entry.
    pub fn find(&self, id: &NodeId) -> Option<&Arc<Neighbour>> {
        self.entries.get(id).map(|entry| &entry.node)
    }

    /// The other networks on the wire, each as last heard.
    pub fn other_networks(&self) -> Vec<HeardNetwork> {
        self.others.all()
    }

    /// True when other networks were heard since this was asked last.
    pub fn heard_other_networks(&mut self) -> bool {
        self.others.take_news()
    }

    /// When each directly known node was heard last.
    pub fn last_heard(&self) -> BTreeMap<NodeId, Instant> {
        let heard = |(id, entry): (&NodeId, &Entry)| Some((*id, entry.lease.as_ref()?.heard));
        self.entries.iter().filter_map(heard).collect()
    }

    /// How many nodes are known directly, how many in all, and how many sequences of gone ones are kept.
    pub fn sizes(&self) -> [(&'static str, usize); 4] {
        [
            ("direct", self.direct),
            ("all", self.entries.len()),
            ("tombstones", self.tombstones.len()),
            ("other_networks", self.others.len()),
        ]
    }

    fn drop_direct(&mut self, id: NodeId, reason: GoneReason) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(lease) = entry.lease.take() else { return };
        self.direct -= 1;
        if let Some(count) = self.admitted.get_mut(&lease.admitted_from) {
            *count -= 1;
            if *count == 0 {
                self.admitted.remove(&lease.admitted_from);
            }
        }
        if entry.node.routes.is_empty() {
            self.entries.remove(&id);
            self.changes.gone(id, reason);
        } else {
            Arc::make_mut(&mut entry.node).addresses.clear();
            self.changes.touch(id);
        }
    }
}

#[cfg(test)]
mod tests;
