//! Which neighbours are to be greeted: those whose description is not known.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use identity::NodeId;

use super::{Entry, Neighbours};
use crate::limits::{DESCRIPTION_PATIENCE, GREETING_TURN, LEASE};

/// The longest wait between greetings of a node that does not answer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A node to greet, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToGreet {
    /// The node.
    pub id: NodeId,
    /// Its greeting port on each of its addresses.
    pub addresses: Vec<SocketAddr>,
}

impl Neighbours {
    /// The nodes to greet now, at most so many. Each comes again after a growing wait, until its description is known.
    pub fn to_greet(&mut self, now: Instant, most: usize) -> Vec<ToGreet> {
        let due = self.entries.iter_mut().filter_map(|(id, entry)| due(now, *id, entry));
        due.take(most).collect()
    }

    /// A node speaks without its description, which will not come along later either.
    pub fn greet_soon(&mut self, now: Instant, id: &NodeId) {
        let turn = self.turn(id);
        let lease = self.entries.get_mut(id).and_then(|entry| entry.lease.as_mut());
        if let Some(lease) = lease {
            lease.greet_at = lease.greet_at.min(now + turn);
        }
    }

    /// How long to wait for the description of a node that was heard, which usually comes by itself.
    pub(super) fn patience(&self, id: &NodeId) -> Duration {
        DESCRIPTION_PATIENCE + self.turn(id)
    }

    /// One greeting tells both sides: the one with the lower id goes first.
    fn turn(&self, id: &NodeId) -> Duration {
        if self.own < *id { Duration::ZERO } else { GREETING_TURN }
    }

    /// True when a hint at this node is worth following: it is not known directly, or only by greetings, of which
    /// none comes by itself, and its lease is half over.
    pub fn wants_hint(&self, now: Instant, id: &NodeId) -> bool {
        let lease = self.entries.get(id).and_then(|entry| entry.lease.as_ref());
        *id != self.own
            && lease.is_none_or(|lease| {
                lease.only_greeted() && now.saturating_duration_since(lease.heard) > LEASE / 2
            })
    }
}

fn due(now: Instant, id: NodeId, entry: &mut Entry) -> Option<ToGreet> {
    let lease = entry.lease.as_mut()?;
    if entry.node.is_described() || lease.greet_at > now {
        return None;
    }
    lease.greet_at = now + lease.greet_wait;
    lease.greet_wait = (lease.greet_wait * 2).min(LONGEST_WAIT);
    let addresses = entry.node.at(|ports| ports.greeting);
    (!addresses.is_empty()).then_some(ToGreet { id, addresses })
}
