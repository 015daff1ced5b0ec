//! What directly heard announcements do to the table.

use std::{
    collections::btree_map::Entry as Slot,
    sync::Arc,
    time::{Duration, Instant},
};

use identity::{Announcement, NodeId};

use super::{Changes, Dropped, Entry, Lease, Neighbours};
use crate::{
    Announcer, GoneReason, KnownAddress, Neighbour, SourceKind,
    limits::{MAX_NEIGHBOURS, MAX_NEIGHBOURS_PER_ADDRESS},
    source::Heard,
};

impl Neighbours {
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

    /// A node that is here said the same again.
    ///
    /// # Errors
    /// [`Dropped::Replay`] when it is not newer than the last announcement, or of a node that is not here.
    pub fn hear_again(
        &mut self,
        now: Instant,
        (id, sequence): (NodeId, u64),
        address: KnownAddress,
    ) -> Result<(), Dropped> {
        let entry = self.entries.get_mut(&id).ok_or(Dropped::Replay)?;
        let lease = entry.lease.as_mut().ok_or(Dropped::Replay)?;
        lease.check(now, sequence)?;
        if Announcer::start_of(sequence) != Announcer::start_of(lease.sequence) {
            return Err(Dropped::Replay);
        }
        if lease.renew(now, sequence, address) {
            Arc::make_mut(&mut entry.node).addresses = lease.addresses();
            self.changes.touch(id);
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
        let patience =
            if address.source == SourceKind::Multicast { self.patience(&id) } else { Duration::ZERO };
        let mut lease = Lease::new(now, announcement.clone(), address);
        lease.greet_at = now + patience;
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
    lease.check(now, sequence)?;
    let restarted = Announcer::start_of(sequence) != Announcer::start_of(lease.sequence);
    if restarted {
        lease.forget_addresses();
        changes.gone(id, GoneReason::Replaced);
    }
    let moved = lease.hear(now, announcement, address);
    // A bridge may have told a newer one.
    let latest = [&lease.latest, &node.announcement].into_iter().max_by_key(|said| said.sequence());
    let latest = latest.unwrap_or(&lease.latest).clone();
    let said = !same_content(&node.announcement, &latest);
    let described = description
        .filter(|_| !node.is_described() || said)
        .filter(|description| description.hash() == latest.description_hash());
    if moved || said || restarted || described.is_some() {
        let node = Arc::make_mut(node);
        node.announcement = latest;
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
