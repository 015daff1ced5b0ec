//! The node's own announcement: what is in it, and the sequence that only grows.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use identity::{
    Announcement, Description, InvalidRecord, MAX_HOMES, Network, NetworkId, NodeId, tls::Identity,
};
use proto::node::v1::{self, Ports};
use tokio::sync::watch;

/// The bits of a sequence that count within one start of the node.
const COUNTER_BITS: u32 = 24;

/// What a node says of its presence.
#[derive(Debug, Clone)]
pub struct Presence {
    /// Its network; the id may become known later.
    pub network: Network,
    /// The ports it listens on.
    pub ports: Ports,
    /// The bridges through which it wants to be reached.
    pub homes: Vec<NodeId>,
    /// Its description, which also says what it is.
    pub description: Description,
}

/// Signs the node's announcements. Clones share one sequence.
#[derive(Clone)]
pub struct Announcer(Arc<Shared>);

struct Shared {
    identity: Identity,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

struct State {
    presence: Presence,
    sequence: u64,
    current: Announcement,
}

impl Announcer {
    /// Begins with the number of this start, from `identity::keyfile::next_start`: every sequence of an earlier start
    /// is smaller.
    ///
    /// # Errors
    /// [`InvalidRecord`] when the presence breaks the bounds of an announcement.
    pub fn new(identity: &Identity, start: u64, presence: Presence) -> Result<Self, InvalidRecord> {
        let sequence = start << COUNTER_BITS;
        let current = sign(identity, sequence, &presence)?;
        let state = Mutex::new(State { presence, sequence, current });
        let (changed, _) = watch::channel(0);
        Ok(Self(Arc::new(Shared { identity: identity.clone(), state, changed })))
    }

    /// The node itself.
    pub fn id(&self) -> NodeId {
        self.0.identity.id()
    }

    /// The identity that signs.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// A fresh announcement, with the next sequence.
    pub fn next(&self) -> Announcement {
        self.state().sign_next(&self.0.identity)
    }

    /// The newest announcement.
    pub fn current(&self) -> Announcement {
        self.state().current.clone()
    }

    /// The node's description.
    pub fn description(&self) -> Description {
        self.state().presence.description.clone()
    }

    /// The node's description, and a fresh announcement that names it.
    pub fn records(&self) -> (Description, Announcement) {
        let mut state = self.state();
        let announcement = state.sign_next(&self.0.identity);
        (state.presence.description.clone(), announcement)
    }

    /// The node's network.
    pub fn network(&self) -> Network {
        self.state().presence.network.clone()
    }

    /// The bridges that the announcement names.
    pub fn homes(&self) -> Vec<NodeId> {
        self.state().presence.homes.clone()
    }

    /// Announces another description from now on.
    ///
    /// # Errors
    /// [`InvalidRecord`] when it is somebody else's.
    pub fn set_description(&self, description: Description) -> Result<(), InvalidRecord> {
        if description.id() != self.id() {
            return Err(InvalidRecord::Field("node id"));
        }
        self.change(|presence| presence.description = description)
    }

    /// Announces other ports from now on.
    ///
    /// # Errors
    /// [`InvalidRecord`] for numbers that are no ports.
    pub fn set_ports(&self, ports: Ports) -> Result<(), InvalidRecord> {
        self.change(|presence| presence.ports = ports)
    }

    /// Announces the id of the network from now on.
    pub fn set_network_id(&self, id: NetworkId) {
        self.change(|presence| presence.network.id = Some(id)).expect("an id does not break a bound");
    }

    /// Names one more home. False when there is no room for it.
    pub fn add_home(&self, home: NodeId) -> bool {
        let homes = self.homes();
        homes.contains(&home)
            || (homes.len() < MAX_HOMES && self.change(|presence| presence.homes.push(home)).is_ok())
    }

    /// No longer names a home.
    pub fn remove_home(&self, home: NodeId) {
        if self.homes().contains(&home) {
            let removed = self.change(|presence| presence.homes.retain(|other| *other != home));
            removed.expect("fewer homes do not break a bound");
        }
    }

    /// Rings whenever something but the sequence changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// The start that a sequence belongs to.
    pub const fn start_of(sequence: u64) -> u64 {
        sequence >> COUNTER_BITS
    }

    fn change(&self, edit: impl FnOnce(&mut Presence)) -> Result<(), InvalidRecord> {
        let mut state = self.state();
        let mut presence = state.presence.clone();
        edit(&mut presence);
        let sequence = state.sequence + 1;
        let current = sign(&self.0.identity, sequence, &presence)?;
        *state = State { presence, sequence, current };
        drop(state);
        self.0.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sign_next(&mut self, identity: &Identity) -> Announcement {
        self.sequence += 1;
        self.current =
            sign(identity, self.sequence, &self.presence).expect("every change was checked when it was made");
        self.current.clone()
    }
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcer").field("current", &self.current()).finish_non_exhaustive()
    }
}

fn sign(identity: &Identity, sequence: u64, presence: &Presence) -> Result<Announcement, InvalidRecord> {
    let message = v1::Announcement {
        sequence,
        kind: presence.description.kind().into(),
        network: Some(presence.network.to_proto()),
        ports: Some(presence.ports),
        homes: presence.homes.iter().map(|home| home.to_bytes()).collect(),
        description_hash: Bytes::copy_from_slice(&presence.description.hash()),
        ..v1::Announcement::default()
    };
    Announcement::sign(identity.key(), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::announcer;

    #[test]
    fn sequences_grow_with_every_announcement_and_change() {
        let announcer = announcer(1, "home");
        let mut last = announcer.current().sequence();
        for _ in 0..3 {
            let next = announcer.next().sequence();
            assert!(next > last);
            last = next;
        }
        announcer.set_ports(Ports { secure: 9, ..Ports::default() }).unwrap();
        assert!(announcer.current().sequence() > last);
        assert_eq!(Announcer::start_of(last), 1);
    }

    #[test]
    fn only_changes_ring_and_wrong_ones_change_nothing() {
        let announcer = announcer(1, "home");
        let mut changes = announcer.changes();
        announcer.next();
        assert!(!changes.has_changed().unwrap());
        assert!(announcer.set_ports(Ports { secure: 70_000, ..Ports::default() }).is_err());
        assert!(!changes.has_changed().unwrap());
        for home in 1..=4 {
            assert!(announcer.add_home(NodeId::from_bytes([home; 32])));
        }
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        assert!(!announcer.add_home(NodeId::from_bytes([5; 32])));
        assert!(!changes.has_changed().unwrap());
        announcer.remove_home(NodeId::from_bytes([2; 32]));
        assert_eq!(announcer.current().homes().len(), 3);
    }

    #[test]
    fn somebody_elses_description_is_refused() {
        let description = announcer(2, "home").description();
        assert!(announcer(1, "home").set_description(description).is_err());
    }
}
