//! Which neighbours are to be greeted: those whose description is not known.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use identity::NodeId;

use super::{Entry, Neighbours};
use crate::limits::LEASE;

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

    /// True when a hint at this node is worth following: it is not known directly, or only by hints and its lease is
    /// half over.
    pub fn wants_hint(&self, now: Instant, id: &NodeId) -> bool {
        let lease = self.entries.get(id).and_then(|entry| entry.lease.as_ref());
        *id != self.own
            && lease.is_none_or(|lease| {
                lease.only_hinted() && now.saturating_duration_since(lease.heard) > LEASE / 2
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
