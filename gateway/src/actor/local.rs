//! The peers of the own network: registrations, sightings, departures.

use std::{sync::Arc, time::Duration};

use discovery::{Event, GoneReason, Neighbour};
use identity::NodeId;
use proto::{
    log::v1::{How, LeftReason},
    node::v1::NodeKind,
};
use topology::{Input, PeerSeen, PeerState};

use super::{Actor, Registration, Sleeper};
use crate::locals::{After, NotTaken, Place};

/// Sources, as the journal names them.
const REGISTER: &str = "register";
const HEARD: &str = "heard";
const REMAINS: &str = "remains";
const ASLEEP: &str = "asleep";

impl Actor {
    pub(super) fn on_register(&mut self, registration: Registration) -> Result<(), NotTaken> {
        let Registration { description, announcement, from } = registration;
        let id = announcement.id();
        if !self.has_room() {
            return Err(NotTaken::Busy);
        }
        let outcome =
            self.locals.register(Arc::new(description), Arc::new(announcement), Place::of(from), self.seen());
        if let Err(refused) = &outcome {
            self.metrics.registration_refused();
            tracing::debug!(peer = %id.short(), %refused, "registration not taken");
            return outcome;
        }
        self.peer_seen(id, REGISTER, String::new(), from.to_string());
        outcome
    }

    /// It has ended, so what was known of where it is does not hold any more.
    pub(super) fn on_asleep(&mut self, sleeper: Sleeper) -> Result<(), NotTaken> {
        let Sleeper { description, announcement, waker } = sleeper;
        let id = announcement.id();
        let known = self.core.view().peer(&id).map(|peer| peer.state);
        if known == Some(PeerState::Asleep(waker)) && self.locals.get(&id).is_none() {
            return Ok(());
        }
        if !self.has_room() {
            return Err(NotTaken::Busy);
        }
        self.locals.goodbye(&id);
        let names_us = announcement.homes().contains(&self.core.id());
        let seen = PeerSeen {
            description: Some(description),
            announcement,
            how: if names_us { How::Registered } else { How::Heard },
            source: ASLEEP.into(),
            interface: String::new(),
            address: String::new(),
        };
        self.changed_peers.insert(id);
        self.input(Input::PeerSeen(seen));
        self.input(Input::PeerAsleep { id, waker });
        Ok(())
    }

    pub(super) fn on_goodbye(&mut self, id: NodeId) {
        if self.locals.goodbye(&id) == After::Gone {
            self.peer_gone(id, LeftReason::Goodbye);
        }
    }

    pub(super) fn on_discovery(&mut self, event: Event) {
        match event {
            Event::Appeared(neighbour) | Event::Updated(neighbour) => self.on_neighbour(&neighbour),
            Event::Gone { id, reason } => self.on_neighbour_gone(id, reason),
            Event::OtherNetwork(network) => {
                let id = network.id.map(|id| id.to_string()).unwrap_or_default();
                self.warn(format!(
                    "another network on this wire is also named {} (id {id}): two first bridges were started apart; to \
                     join them, stop one bridge, remove its network.json and start it again",
                    network.name
                ));
            }
            Event::Twin { from } => self.warn(format!(
                "another machine ({from}) announces this bridge's own identity: stop one of the two"
            )),
            _ => {}
        }
    }

    pub(super) fn expire_registrations(&mut self, now: Duration) {
        if self.locals.next_expiry().is_none_or(|next| next > now) {
            return;
        }
        for (id, after) in self.locals.expire(now) {
            self.after(id, after, LeftReason::Expired);
        }
    }

    fn on_neighbour(&mut self, neighbour: &Neighbour) {
        // Bridges are not reached across bridges.
        if !matches!(neighbour.kind(), NodeKind::Peer | NodeKind::Dispatcher) {
            return;
        }
        let id = neighbour.id();
        let heard: Vec<_> = neighbour.addresses.iter().filter(|known| known.was_heard()).collect();
        if heard.is_empty() {
            return self.on_neighbour_gone(id, GoneReason::Unreachable);
        }
        let interface =
            heard.iter().find_map(|known| known.interface.as_deref()).unwrap_or_default().to_owned();
        let address = heard[0].ip.to_string();
        let places = heard.iter().map(|known| Place::of(known.with_port(0)));
        let description = neighbour.is_described().then(|| neighbour.description.clone()).flatten();
        let announcement = Arc::new(neighbour.announcement.clone());
        match self.locals.heard(description.map(Arc::new), announcement, places, self.seen()) {
            Ok(()) => self.peer_seen(id, HEARD, interface, address),
            Err(refused) => tracing::debug!(peer = %id.short(), %refused, "sighting not taken"),
        }
    }

    fn on_neighbour_gone(&mut self, id: NodeId, reason: GoneReason) {
        let (after, why) = match reason {
            GoneReason::Goodbye => (self.locals.goodbye(&id), LeftReason::Goodbye),
            GoneReason::Replaced => (self.locals.unheard(&id), LeftReason::Replaced),
            _ => (self.locals.unheard(&id), LeftReason::Expired),
        };
        self.after(id, after, why);
    }

    fn after(&mut self, id: NodeId, after: After, reason: LeftReason) {
        match after {
            After::Gone => self.peer_gone(id, reason),
            After::Present => self.peer_seen(id, REMAINS, String::new(), String::new()),
            After::Unknown => {}
        }
    }

    pub(super) fn peer_gone(&mut self, id: NodeId, reason: LeftReason) {
        self.changed_peers.insert(id);
        self.input(Input::PeerGone { id, reason });
    }

    /// Tells the core what is known of a present peer.
    fn peer_seen(&mut self, id: NodeId, source: &str, interface: String, address: String) {
        let Some(peer) = self.locals.get(&id) else { return };
        let hash = peer.announcement.description_hash();
        let description = peer.description.as_ref().filter(|description| description.hash() == hash);
        let seen = PeerSeen {
            description: description.map(|description| description.as_ref().clone()),
            announcement: peer.announcement.as_ref().clone(),
            how: self.locals.how(peer),
            source: source.into(),
            interface,
            address,
        };
        self.changed_peers.insert(id);
        self.input(Input::PeerSeen(seen));
    }
}
