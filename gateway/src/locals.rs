//! The peers of the own network: who registered, who was heard, at which addresses. Pure; time is an argument.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use identity::{Announcement, Description, NodeId};
use proto::log::v1::How;

use crate::limits::{
    MAX_ADDRESSES_PER_PEER, MAX_LOCAL_PEERS, MAX_REGISTRATIONS_PER_ADDRESS, REGISTRATION_LEASE,
};

/// Why a registration is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("this bridge serves {MAX_LOCAL_PEERS} peers already; try another bridge, or again later")]
    Full,
    #[error("this bridge waits for its disk and takes no registration just now; try again")]
    Busy,
    #[error("{MAX_REGISTRATIONS_PER_ADDRESS} peers registered from this address already")]
    AddressFull,
    #[error(
        "a newer announcement of this node is known: another process uses the same identity, or this one is a replay"
    )]
    Replay,
}

/// One peer of the own network.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) description: Option<Arc<Description>>,
    pub(crate) announcement: Arc<Announcement>,
    registered: Option<Registration>,
    /// Where discovery heard it, until it says that it does not any more.
    heard: BTreeSet<Place>,
    /// Wall clock of the last sign of life, for people.
    pub(crate) last_seen_ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct Registration {
    place: Place,
    until: Duration,
}

/// An address with the scope that a link-local one needs, and with port 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(SocketAddr);

/// All of them.
#[derive(Debug)]
pub(crate) struct Locals {
    own: NodeId,
    peers: HashMap<NodeId, Local>,
    /// Registrations and sightings by address: who may use the proxy port.
    callers: BTreeMap<IpAddr, BTreeSet<NodeId>>,
}

/// The clocks of one sign of life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Monotonic.
    pub(crate) now: Duration,
    pub(crate) wall_ms: i64,
}

/// What a departure left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Nothing was known of it.
    Unknown,
    /// It is present still, known in the remaining way.
    Present,
    /// It is gone.
    Gone,
}

impl Locals {
    pub(crate) fn new(own: NodeId) -> Self {
        Self { own, peers: HashMap::new(), callers: BTreeMap::new() }
    }

    /// A peer registered, or renewed its registration.
    pub(crate) fn register(
        &mut self,
        description: Arc<Description>,
        announcement: Arc<Announcement>,
        place: Place,
        seen: Seen,
    ) -> Result<(), NotTaken> {
        let id = announcement.id();
        let known = self.peers.get(&id);
        if known.is_some_and(|peer| peer.announcement.sequence() > announcement.sequence()) {
            return Err(NotTaken::Replay);
        }
        let renews = known.and_then(|peer| peer.registered).is_some_and(|before| before.place == place);
        if !renews && self.callers.get(&place.ip()).map_or(0, BTreeSet::len) >= MAX_REGISTRATIONS_PER_ADDRESS
        {
            return Err(NotTaken::AddressFull);
        }
        let registration = Registration { place, until: seen.now + REGISTRATION_LEASE };
        let peer = self.entry(&announcement, seen)?;
        peer.description = Some(description);
        let before = peer.registered.replace(registration);
        if let Some(before) = before.filter(|before| before.place != place) {
            self.forget_caller(id, before.place);
        }
        self.callers.entry(place.ip()).or_default().insert(id);
        Ok(())
    }

    /// Discovery hears a peer at these addresses.
    pub(crate) fn heard(
        &mut self,
        description: Option<Arc<Description>>,
        announcement: Arc<Announcement>,
        places: impl IntoIterator<Item = Place>,
        seen: Seen,
    ) -> Result<(), NotTaken> {
        let id = announcement.id();
        let peer = self.entry(&announcement, seen)?;
        if description.is_some() {
            peer.description = description;
        }
        let places: BTreeSet<_> = places.into_iter().take(MAX_ADDRESSES_PER_PEER).collect();
        let before = std::mem::replace(&mut peer.heard, places.clone());
        for place in before.difference(&places) {
            self.forget_caller(id, *place);
        }
        for place in places {
            self.callers.entry(place.ip()).or_default().insert(id);
        }
        Ok(())
    }

    /// A registered peer said goodbye: it is gone, however else it was known.
    pub(crate) fn goodbye(&mut self, id: &NodeId) -> After {
        match self.peers.remove(id) {
            None => After::Unknown,
            Some(peer) => {
                self.forget_callers(*id, &peer);
                After::Gone
            }
        }
    }

    /// Discovery does not hear a peer any more.
    pub(crate) fn unheard(&mut self, id: &NodeId) -> After {
        let Some(peer) = self.peers.get_mut(id) else { return After::Unknown };
        let before = std::mem::take(&mut peer.heard);
        for place in before {
            self.forget_caller(*id, place);
        }
        self.settle(id)
    }

    /// Ends the registrations that were not renewed, and says what that left.
    #[expect(clippy::needless_collect, reason = "ending a registration needs the whole table")]
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<(NodeId, After)> {
        let late = |peer: &Local| peer.registered.is_some_and(|registration| registration.until <= now);
        let expired: Vec<_> = self.peers.iter().filter(|(_, peer)| late(peer)).map(|(id, _)| *id).collect();
        expired.into_iter().map(|id| (id, self.end_registration(&id))).collect()
    }

    /// The end of the next registration.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        self.peers.values().filter_map(|peer| peer.registered).map(|registration| registration.until).min()
    }

    pub(crate) fn get(&self, id: &NodeId) -> Option<&Local> {
        self.peers.get(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// How the own log may claim this peer.
    pub(crate) fn how(&self, peer: &Local) -> How {
        let names_us = peer.announcement.homes().contains(&self.own);
        if peer.registered.is_some() && names_us { How::Registered } else { How::Heard }
    }

    fn entry(&mut self, announcement: &Arc<Announcement>, seen: Seen) -> Result<&mut Local, NotTaken> {
        let id = announcement.id();
        if !self.peers.contains_key(&id) && self.peers.len() >= MAX_LOCAL_PEERS {
            return Err(NotTaken::Full);
        }
        let peer = self.peers.entry(id).or_insert_with(|| Local {
            description: None,
            announcement: Arc::clone(announcement),
            registered: None,
            heard: BTreeSet::new(),
            last_seen_ms: seen.wall_ms,
        });
        if announcement.sequence() > peer.announcement.sequence() {
            peer.announcement = Arc::clone(announcement);
        }
        peer.last_seen_ms = seen.wall_ms;
        Ok(peer)
    }

    fn end_registration(&mut self, id: &NodeId) -> After {
        let Some(peer) = self.peers.get_mut(id) else { return After::Unknown };
        if let Some(before) = peer.registered.take() {
            self.forget_caller(*id, before.place);
        }
        self.settle(id)
    }

    /// Removes a peer that is neither registered nor heard.
    fn settle(&mut self, id: &NodeId) -> After {
        match self.peers.get(id) {
            Some(peer) if peer.registered.is_none() && peer.heard.is_empty() => {
                self.peers.remove(id);
                After::Gone
            }
            Some(_) => After::Present,
            None => After::Unknown,
        }
    }

    fn forget_callers(&mut self, id: NodeId, peer: &Local) {
        for place in peer.places() {
            self.forget_caller(id, place);
        }
    }

    /// Takes an address from a peer, unless it is known there in another way, too.
    fn forget_caller(&mut self, id: NodeId, place: Place) {
        let address = place.ip();
        if self.peers.get(&id).is_some_and(|peer| peer.places().any(|known| known.ip() == address)) {
            return;
        }
        if let Some(callers) = self.callers.get_mut(&address) {
            callers.remove(&id);
            if callers.is_empty() {
                self.callers.remove(&address);
            }
        }
    }
}

impl Local {
    /// Where it was heard or registered from: the only addresses to be dialled for others.
    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        let registered = self.registered.map(|registration| registration.place);
        registered
            .into_iter()
            .chain(self.heard.iter().copied().filter(move |heard| Some(*heard) != registered))
    }

    /// Its secure port at each of them.
    pub(crate) fn secure_addresses(&self) -> Vec<SocketAddr> {
        match u16::try_from(self.announcement.ports().secure) {
            Ok(0) | Err(_) => Vec::new(),
            Ok(port) => self.places().map(|place| place.with_port(port)).collect(),
        }
    }

    /// The addresses from which it was heard or registered.
    pub(crate) fn callers(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.places().map(|place| place.ip())
    }
}

impl Place {
    /// The place of a socket address; an IPv4 address mapped into IPv6 counts as what it is.
    pub(crate) fn of(address: SocketAddr) -> Self {
        let mut place = match address.ip().to_canonical() {
            ip @ IpAddr::V4(_) => SocketAddr::new(ip, 0),
            IpAddr::V6(_) => address,
        };
        if let SocketAddr::V6(six) = &mut place {
            six.set_flowinfo(0);
        }
        place.set_port(0);
        Self(place)
    }

    pub(crate) const fn ip(&self) -> IpAddr {
        self.0.ip()
    }

    const fn with_port(self, port: u16) -> SocketAddr {
        let mut address = self.0;
        address.set_port(port);
        address
    }
}

#[cfg(test)]
mod tests;
