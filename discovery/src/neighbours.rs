//! The table of neighbours: who is there, until when, and by which ways. Pure: time is an argument.
//!
//! A node is there as long as its lease lasts, from the moment of hearing, on this node's own clock. Sequences only
//! grow: an old announcement is a replay, also when its author is gone or started anew. All tables are bounded, and a
//! flood of invented nodes never pushes out one that is known: newcomers are refused instead.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry as Slot},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use identity::{Announcement, Description, Network, NodeId};

use crate::{
    Announcer, Event, GoneReason, HeardNetwork, Neighbour,
    limits::{LEASE, MAX_NEIGHBOURS, MAX_NEIGHBOURS_PER_ADDRESS, MAX_REMOTE_PEERS, SAME_ANNOUNCEMENT},
    source::{Heard, Remote},
};

mod changes;
mod greetings;
mod lease;
mod other_networks;
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

    /// Takes in an announcement that was heard.
    ///
    /// # Errors
    /// [`Dropped`] when it is not to be believed, or finds no room. Only the record of other networks changed then.
    pub fn hear(&mut self, now: Instant, heard: Heard) -> Result<(), Dropped> {
        self.check_network(now, &heard)?;
        let id = heard.announcement.id();
        if !self.tombstones.is_newer(&id, heard.announcement.sequence()) {
            return Err(Dropped::Replay);
        }
        match self.entries.get_mut(&id) {
            Some(Entry { node, lease: Some(lease) }) => {
                renew(now, node, lease, heard, &mut self.changes)?;
            }
            Some(Entry { node, .. }) if heard.announcement.sequence() < node.announcement.sequence() => {
                return Err(Dropped::Replay);
            }
            _ => self.admit(now, heard)?,
        }
        Ok(())
    }

    /// A node leaves. Replays of what it said before do not bring it back.
    ///
    /// # Errors
    /// [`Dropped::Replay`] when it is not newer than the last announcement, or of a node that is not here.
    pub fn goodbye(&mut self, announcement: &Announcement) -> Result<(), Dropped> {
        let id = announcement.id();
        let lease = self.entries.get(&id).and_then(|entry| entry.lease.as_ref()).ok_or(Dropped::Replay)?;
        if announcement.sequence() <= lease.sequence {
            return Err(Dropped::Replay);
        }
        self.tombstones.bury(id, announcement.sequence());
        self.drop_direct(id, GoneReason::Goodbye);
        Ok(())
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
        update_route(Arc::make_mut(&mut entry.node), entry.lease.is_none(), remote);
        if before.is_none_or(|before| before != entry.node) {
            self.changes.touch(id);
        }
        Ok(())
    }

    /// A bridge does not reach a remote peer any more.
    pub fn lose(&mut self, bridge: NodeId, id: NodeId) {
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
            self.changes.gone(id, GoneReason::Unreachable);
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
            self.lose(bridge, id);
        }
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

    fn check_network(&mut self, now: Instant, heard: &Heard) -> Result<(), Dropped> {
        let (announcement, from) = (&heard.announcement, heard.address.ip);
        if announcement.id() == self.own {
            return Err(Dropped::Own);
        }
        let theirs = announcement.network();
        let dropped = match (self.network.id, theirs.id) {
            _ if theirs.name != self.network.name => Dropped::OtherNetwork,
            (Some(own), Some(other)) if own != other => Dropped::OtherNetworkId,
            _ => return Ok(()),
        };
        self.others.note(now, theirs, from);
        if dropped == Dropped::OtherNetworkId {
            self.changes.other_network(theirs.clone());
        }
        self.moved_away(announcement);
        Err(dropped)
    }

    /// A neighbour that names another network now is none any more.
    fn moved_away(&mut self, announcement: &Announcement) {
        let id = announcement.id();
        let lease = self.entries.get(&id).and_then(|entry| entry.lease.as_ref());
        if lease.is_some_and(|lease| announcement.sequence() > lease.sequence) {
            self.tombstones.bury(id, announcement.sequence());
            self.drop_direct(id, GoneReason::Replaced);
        }
    }

    fn admit(&mut self, now: Instant, heard: Heard) -> Result<(), Dropped> {
        let id = heard.announcement.id();
        if self.direct >= MAX_NEIGHBOURS {
            return Err(Dropped::Full);
        }
        let count = self.admitted.entry(heard.address.ip).or_default();
        if *count >= MAX_NEIGHBOURS_PER_ADDRESS {
            return Err(Dropped::AddressFull);
        }
        *count += 1;
        self.direct += 1;
        self.tombstones.forget(&id);
        let Heard { announcement, description, address } = heard;
        let lease = Lease::new(now, announcement.clone(), address);
        let description =
            description.filter(|description| description.hash() == announcement.description_hash());
        match self.entries.entry(id) {
            Slot::Occupied(mut slot) => {
                let entry = slot.get_mut();
                let node = Arc::make_mut(&mut entry.node);
                node.announcement = announcement;
                node.addresses = lease.addresses();
                node.description = description.or_else(|| node.description.take());
                entry.lease = Some(lease);
            }
            Slot::Vacant(slot) => {
                let addresses = lease.addresses();
                let node = Neighbour { announcement, description, addresses, routes: Vec::new() };
                slot.insert(Entry { node: Arc::new(node), lease: Some(lease) });
            }
        }
        self.changes.touch(id);
        Ok(())
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

/// A node that is here was heard again.
fn renew(
    now: Instant,
    node: &mut Arc<Neighbour>,
    lease: &mut Lease,
    heard: Heard,
    changes: &mut Changes,
) -> Result<(), Dropped> {
    let Heard { announcement, description, address } = heard;
    let (id, sequence) = (announcement.id(), announcement.sequence());
    let late = now.saturating_duration_since(lease.heard) > SAME_ANNOUNCEMENT;
    if sequence < lease.sequence || (sequence == lease.sequence && late) {
        return Err(Dropped::Replay);
    }
    let restarted = Announcer::start_of(sequence) != Announcer::start_of(lease.sequence);
    if restarted {
        lease.forget_addresses();
        changes.gone(id, GoneReason::Replaced);
    }
    let fresh = sequence > lease.sequence;
    let moved = lease.hear(now, announcement, address);
    let said = fresh && !same_content(&node.announcement, &lease.latest);
    let described = description
        .filter(|_| !node.is_described() || said)
        .filter(|description| description.hash() == lease.latest.description_hash());
    if moved || said || restarted || described.is_some() {
        let node = Arc::make_mut(node);
        node.announcement = lease.latest.clone();
        node.addresses = lease.addresses();
        node.description = described.or_else(|| node.description.take());
        changes.touch(id);
    }
    Ok(())
}

/// True when two announcements differ in nothing but sequence and signature.
fn same_content(one: &Announcement, other: &Announcement) -> bool {
    one.kind() == other.kind()
        && one.network() == other.network()
        && one.ports() == other.ports()
        && one.homes() == other.homes()
        && one.description_hash() == other.description_hash()
}

fn remote_only(remote: &Remote) -> Neighbour {
    Neighbour {
        announcement: remote.announcement.clone(),
        description: Some(remote.description.clone()),
        addresses: Vec::new(),
        routes: Vec::new(),
    }
}

fn update_route(node: &mut Neighbour, remote_only: bool, remote: Remote) {
    let Remote { announcement, description, route } = remote;
    if remote_only && announcement.sequence() >= node.announcement.sequence() {
        node.announcement = announcement;
    }
    if !node.is_described() && description.hash() == node.announcement.description_hash() {
        node.description = Some(description);
    }
    node.routes.retain(|known| known.via.id != route.via.id);
    node.routes.push(route);
    node.routes.sort_by_key(|route| (route.cost_us, route.hops.len(), route.via.id));
}

#[cfg(test)]
mod tests;
