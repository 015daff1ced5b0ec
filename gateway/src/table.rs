//! What everybody but the actor reads: peers with their routes, bridges, callers. The actor writes, after each turn,
//! what has changed; nobody holds the lock for longer than a look-up or a copy.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Instant,
};

use identity::{Announcement, Description, Network, NodeId};
use proto::bridge::v1::Refusal;
use tokio_util::sync::CancellationToken;
use topology::{BridgeView, NoRoute, PeerState, Policy, Route};

use crate::limits::{MAX_GONE, MAX_REFUSALS, REFUSAL_MEMORY};

/// A peer as it is known now.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) description: Option<Arc<Description>>,
    pub(crate) announcement: Arc<Announcement>,
    pub(crate) state: PeerState,
    pub(crate) route: Result<Route, NoRoute>,
    /// Another way, by another link, to another home.
    pub(crate) second: Option<Route>,
    /// What holds for streams that come over links, where this bridge's policy makes it another thing.
    pub(crate) others_route: Option<Box<Result<Route, NoRoute>>>,
    /// The network of its home; of the own network for a local one.
    pub(crate) network: Option<Network>,
    /// Where a local one is dialled: its secure port where it was heard or registered.
    pub(crate) addresses: Vec<SocketAddr>,
    /// From where a local one may use the proxy port.
    pub(crate) callers: Vec<IpAddr>,
    /// Milliseconds since 1970: for a local one by this bridge's clock, else by its home's.
    pub(crate) last_seen_ms: i64,
}

/// The table. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table(Arc<RwLock<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    draining: CancellationToken,
    policy: Policy,
    peers: BTreeMap<NodeId, Arc<Known>>,
    callers: HashMap<IpAddr, HashSet<NodeId>>,
    bridges: BTreeMap<NodeId, Arc<BridgeView>>,
    gone: Recent<Refusal>,
    refused: Recent<(Refusal, Instant)>,
}

/// The last so many things, by node; the oldest makes room.
#[derive(Debug)]
struct Recent<T> {
    most: usize,
    order: VecDeque<NodeId>,
    by_id: HashMap<NodeId, T>,
}

impl Table {
    pub(crate) fn peer(&self, id: &NodeId) -> Option<Arc<Known>> {
        self.read().peers.get(id).cloned()
    }

    pub(crate) fn peers(&self) -> Vec<(NodeId, Arc<Known>)> {
        self.read().peers.iter().map(|(id, known)| (*id, Arc::clone(known))).collect()
    }

    pub(crate) fn peer_ids(&self) -> Vec<NodeId> {
        self.read().peers.keys().copied().collect()
    }

    pub(crate) fn bridge(&self, id: &NodeId) -> Option<Arc<BridgeView>> {
        self.read().bridges.get(id).cloned()
    }

    pub(crate) fn bridges(&self) -> Vec<Arc<BridgeView>> {
        self.read().bridges.values().cloned().collect()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.read().draining.is_cancelled()
    }

    /// Cancelled once the bridge drains.
    pub(crate) fn draining(&self) -> CancellationToken {
        self.read().draining.clone()
    }

    /// A node heard or registered at this address.
    pub(crate) fn caller(&self, address: IpAddr) -> Option<NodeId> {
        self.read().callers.get(&address.to_canonical())?.iter().min().copied()
    }

    /// Why a peer that is not in the table is not.
    pub(crate) fn why_gone(&self, id: &NodeId) -> Refusal {
        self.read().gone.by_id.get(id).copied().unwrap_or(Refusal::UnknownPeer)
    }

    /// A connection was refused: to be told by Explain.
    pub(crate) fn remember_refusal(&self, destination: NodeId, refusal: Refusal, now: Instant) {
        self.write().refused.insert(destination, (refusal, now));
    }

    /// The last refusal, while it is worth telling.
    pub(crate) fn last_refusal(
        &self,
        destination: &NodeId,
        now: Instant,
    ) -> Option<(Refusal, std::time::Duration)> {
        let (refusal, at) = *self.read().refused.by_id.get(destination)?;
        let ago = now.saturating_duration_since(at);
        (ago <= REFUSAL_MEMORY).then_some((refusal, ago))
    }

    /// The last refusal does not count any more.
    pub(crate) fn forget_refusal(&self, destination: &NodeId) {
        if self.read().refused.by_id.contains_key(destination) {
            self.write().refused.remove(destination);
        }
    }

    /// Whether this bridge's policy lets others reach a peer of its network.
    pub(crate) fn exports(&self, id: &NodeId) -> bool {
        self.read().policy.export.allows(id)
    }

    /// In force for the next stream on.
    pub(crate) fn set_policy(&self, policy: Policy) {
        self.write().policy = policy;
    }

    pub(crate) fn set_draining(&self) {
        self.read().draining.cancel();
    }

    /// Replaces what is known of some peers; `Err` says why a peer is not there any more.
    pub(crate) fn update_peers(&self, changes: Vec<(NodeId, Result<Known, Refusal>)>) {
        let mut inner = self.write();
        for (id, change) in changes {
            inner.forget_callers(&id);
            match change {
                Ok(known) => {
                    for address in &known.callers {
                        inner.callers.entry(*address).or_default().insert(id);
                    }
                    inner.gone.remove(&id);
                    inner.peers.insert(id, Arc::new(known));
                }
                Err(refusal) => {
                    inner.peers.remove(&id);
                    if refusal != Refusal::UnknownPeer {
                        inner.gone.insert(id, refusal);
                    }
                }
            }
        }
    }

    pub(crate) fn update_bridges(&self, changes: Vec<(NodeId, Option<BridgeView>)>) {
        let mut inner = self.write();
        for (id, change) in changes {
            match change {
                Some(view) => inner.bridges.insert(id, Arc::new(view)),
                None => inner.bridges.remove(&id),
            };
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget_callers(&mut self, id: &NodeId) {
        let Some(known) = self.peers.get(id) else { return };
        for address in &known.callers {
            if let Some(ids) = self.callers.get_mut(address) {
                ids.remove(id);
                if ids.is_empty() {
                    self.callers.remove(address);
                }
            }
        }
    }
}

impl<T> Recent<T> {
    fn new(most: usize) -> Self {
        Self { most, order: VecDeque::new(), by_id: HashMap::new() }
    }

    fn insert(&mut self, id: NodeId, value: T) {
        if self.by_id.insert(id, value).is_some() {
            self.order.retain(|other| *other != id);
        }
        self.order.push_back(id);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }

    fn remove(&mut self, id: &NodeId) {
        if self.by_id.remove(id).is_some() {
            self.order.retain(|other| other != id);
        }
    }
}

impl Default for Recent<Refusal> {
    fn default() -> Self {
        Self::new(MAX_GONE)
    }
}

impl Default for Recent<(Refusal, Instant)> {
    fn default() -> Self {
        Self::new(MAX_REFUSALS)
    }
}

impl Known {
    /// In the own network.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.state, PeerState::Local) || !self.addresses.is_empty()
    }

    /// The way for streams that come over links.
    pub(crate) fn route_for_others(&self) -> &Result<Route, NoRoute> {
        self.others_route.as_deref().unwrap_or(&self.route)
    }

    pub(crate) fn name(&self) -> &str {
        self.description.as_ref().map_or("", |description| description.name())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(n: u32) -> NodeId {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        NodeId::from_bytes(bytes)
    }

    #[test]
    fn refusals_are_told_for_a_while_and_bounded() {
        let table = Table::default();
        let now = Instant::now();
        for n in 0..u32::try_from(MAX_REFUSALS).unwrap() + 1 {
            table.remember_refusal(id(n), Refusal::Limit, now);
        }
        assert_eq!(table.last_refusal(&id(0), now), None);
        let later = now + Duration::from_secs(3);
        assert_eq!(table.last_refusal(&id(1), later), Some((Refusal::Limit, Duration::from_secs(3))));
        assert_eq!(table.last_refusal(&id(1), now + REFUSAL_MEMORY + Duration::from_secs(1)), None);
        table.forget_refusal(&id(1));
        assert_eq!(table.last_refusal(&id(1), now), None);
    }

    #[test]
    fn a_peer_that_left_is_not_an_unknown_one() {
        let table = Table::default();
        table.update_peers(vec![(id(1), Err(Refusal::PeerLeft))]);
        assert_eq!(
            (table.why_gone(&id(1)), table.why_gone(&id(2))),
            (Refusal::PeerLeft, Refusal::UnknownPeer)
        );
    }
}
