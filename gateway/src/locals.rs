//! The peers of the own network: who registered, who was heard, at which addresses. Pure; time is an argument.

mod local;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use identity::{Announcement, Description, NodeId};
use proto::log::v1::How;

pub(crate) use local::{Local, Place};

use local::Registration;

use crate::limits::{MAX_ADDRESSES_PER_PEER, PeerLimits, REGISTRATION_LEASE};

/// Why a registration is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("this bridge serves {0} peers already; try another bridge, or again later")]
    Full(usize),
    #[error("this bridge waits for its disk and takes no registration just now; try again")]
    Busy,
    #[error("{0} peers registered from this address already")]
    AddressFull(usize),
    #[error(
        "a newer announcement of this node is known: another process uses the same identity, or this one is a replay"
    )]
    Replay,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Locals {
    own: NodeId,
    limits: PeerLimits,
    peers: HashMap<NodeId, Local>,
    /// Registrations and sightings by address: who may use the proxy port.
    callers: BTreeMap<IpAddr, BTreeSet<NodeId>>,
    /// No registration ends before.
    next_expiry: Option<Duration>,
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
    pub(crate) fn new(own: NodeId, limits: PeerLimits) -> Self {
        Self { own, limits, peers: HashMap::new(), callers: BTreeMap::new(), next_expiry: None }
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
        let before = self.peers.get(&id).and_then(|peer| peer.registered);
        // What was heard by multicast may be newer: announcements overtake each other on different ways.
        if before.is_some_and(|before| before.sequence > announcement.sequence()) {
            return Err(NotTaken::Replay);
        }
        let renews = before.is_some_and(|before| before.place == place);
        let most = self.limits.registrations_per_address;
        if !renews && self.callers.get(&place.ip()).map_or(0, BTreeSet::len) >= most {
            return Err(NotTaken::AddressFull(most));
        }
        let registration =
            Registration { place, sequence: announcement.sequence(), until: seen.now + REGISTRATION_LEASE };
        self.next_expiry =
            Some(self.next_expiry.map_or(registration.until, |next| next.min(registration.until)));
        let peer = self.entry(&announcement, seen)?;
        peer.description = Some(description);
        peer.registered = Some(registration);
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
        let after = expired.into_iter().map(|id| (id, self.end_registration(&id))).collect();
        let left = self.peers.values().filter_map(|peer| peer.registered);
        self.next_expiry = left.map(|registration| registration.until).min();
        after
    }

    /// When to look for registrations that have ended. Renewals do not move it: it may come early.
    pub(crate) const fn next_expiry(&self) -> Option<Duration> {
        self.next_expiry
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
        if !self.peers.contains_key(&id) && self.peers.len() >= self.limits.local {
            return Err(NotTaken::Full(self.limits.local));
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

#[cfg(test)]
mod tests;
