//! What the logs say, for people and for the control port.

mod types;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use identity::{Description, Network, NodeId};
use proto::node::v1::Signed;

use crate::{
    Epoch, Hash, Head, LogId, NoRoute, Warning,
    admission::{Owner, Standing},
    gossip::Neighbour,
    limits::{SKEW_WARNING_MS, UNMEASURED_COST_US},
};

pub use types::{BridgeState, BridgeView, HomeView, LinkView, NetworkView, OwnView, PeerState, PeerView};

/// A look at a core's state.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub(crate) core: &'a crate::Core,
}

impl View<'_> {
    /// The own log; `None` before the start.
    pub fn own(&self) -> Option<OwnView> {
        let own = self.core.own.as_ref()?;
        let log = &self.core.logs[own.key];
        Some(OwnView { epoch: own.log.epoch, head: log.last, durable: log.stored })
    }

    /// All networks, by name and id.
    pub fn networks(&self) -> Vec<NetworkView> {
        let mut networks: BTreeMap<Network, Vec<NodeId>> = BTreeMap::new();
        for (id, owner) in &self.core.owners {
            if let Some(network) = &owner.fold.network {
                networks.entry(network.clone()).or_default().push(*id);
            }
        }
        networks.into_iter().map(|(network, bridges)| NetworkView { network, bridges }).collect()
    }

    /// All bridges, this one included, by id.
    pub fn bridges(&self) -> Vec<BridgeView> {
        self.core.owners.keys().filter_map(|id| self.bridge(id)).collect()
    }

    /// One bridge.
    pub fn bridge(&self, id: &NodeId) -> Option<BridgeView> {
        let owner = self.core.owners.get(id)?;
        let fold = &owner.fold;
        let epoch = owner.folded.unwrap_or(Epoch::from_bytes([0; 16]));
        let confirmed = fold.links.keys().filter(|other| self.core.claims(other, id)).copied();
        let way = self.core.routes.table().bridge(id).into_iter().flat_map(|way| way.bridges.iter().skip(1));
        Some(BridgeView {
            id: *id,
            description: fold.description.as_ref().and_then(|signed| self.description(id, signed)),
            network: fold.network.clone(),
            epoch,
            head: fold.through,
            last_event: fold.time,
            state: state(owner),
            links: confirmed.collect(),
            way: way.copied().collect(),
            peers: fold.peers.values().filter(|claim| claim.records().is_some()).count(),
            policy: fold.policy.clone(),
            forked_at: self.core.forks.point(&LogId { owner: *id, epoch }).map(|point| point.sequence),
            unknown_events: fold.unknown,
            bad_checkpoint: fold.bad_checkpoint,
        })
    }

    /// The ids of all peers that some log names; some may have no claim that counts.
    pub fn peers(&self) -> Vec<NodeId> {
        self.core.homes.keys().copied().collect()
    }

    /// One peer; `None` if no claim of it counts.
    pub fn peer(&self, id: &NodeId) -> Option<PeerView> {
        let claims = || self.core.claims_of(id);
        let (.., description, _) = claims().max_by_key(|(.., description, _)| description.sequence())?;
        let (.., announcement) = claims().max_by_key(|(.., announcement)| announcement.sequence())?;
        let homes = claims().map(|(bridge, owner, claim, ..)| HomeView {
            bridge,
            network: owner.fold.network.clone(),
            how: claim.how,
            since: claim.time,
        });
        Some(PeerView {
            id: *id,
            description: Arc::clone(description),
            announcement: Arc::clone(announcement),
            homes: homes.collect(),
            state: self.peer_state(id),
        })
    }

    /// The connections to neighbours.
    pub fn links(&self) -> Vec<LinkView> {
        let me = self.core.me;
        let own = self.core.own.as_ref().map(|own| (own.key, self.core.logs[own.key].stored));
        let view = |neighbour: &Neighbour| {
            let bridge = neighbour.bridge;
            let local = self.core.local.links.get(&bridge);
            LinkView {
                bridge,
                cost_us: local.and_then(|link| link.logged).unwrap_or(UNMEASURED_COST_US),
                skew_ms: neighbour.skew_ms,
                confirmed: self.core.claims(&me, &bridge) && self.core.claims(&bridge, &me),
                damped: local.is_some_and(|link| link.logged.is_none() && link.penalty.damped()),
                outstanding_bytes: neighbour.outstanding(),
                lag_events: own.map_or(0, |(key, stored)| stored.saturating_sub(neighbour.has(key))),
            }
        };
        self.core.links.values().map(view).collect()
    }

    /// How old the oldest durable own event is that some reachable bridge is not known to hold, at `now` on the clock of
    /// [`Now::mono`](crate::Now::mono); zero when all hold everything.
    pub fn convergence(&self, now: std::time::Duration) -> std::time::Duration {
        self.core.reach.waiting_since().map_or_else(Default::default, |since| now.saturating_sub(since))
    }

    /// What needs a person now, as sentences: forks, skew, storage.
    pub fn warnings(&self) -> Vec<String> {
        let forks =
            self.core.forks.iter().map(|(log, point)| Warning::Fork { log: *log, sequence: point.sequence });
        let skews = self.core.links.values().filter_map(|neighbour| {
            let skew_ms = neighbour.skew_ms.filter(|skew| skew.saturating_abs() > SKEW_WARNING_MS)?;
            Some(Warning::Skew { bridge: neighbour.bridge, skew_ms })
        });
        let named = self.core.owners.iter().filter(|(_, owner)| owner.fold.excess_links > 0);
        let named = named.map(|(id, _)| Warning::TooManyLinks { bridge: *id });
        let storage =
            self.core.storage_failure.iter().map(|reason| Warning::Storage { reason: reason.clone() });
        forks.chain(skews).chain(named).chain(storage).map(|warning| warning.to_string()).collect()
    }

    /// The hash of what the log of a bridge folds to; for comparing bridges with each other.
    pub fn root(&self, bridge: &NodeId) -> Option<Hash> {
        self.core.owners.get(bridge).map(|owner| owner.fold.root())
    }

    /// The durable heads of all logs, by id.
    pub fn heads(&self) -> Vec<Head> {
        let logs = self.core.logs.after(None);
        logs.map(|log| Head { log: log.id, sequence: log.stored, hash: log.stored_hash }).collect()
    }

    /// A summary of all durable heads: equal summaries mean equal logs.
    pub fn summary(&self) -> Bytes {
        self.core.summary().buckets
    }

    fn peer_state(&self, id: &NodeId) -> PeerState {
        match self.core.route(id) {
            Ok(route) => match route.asleep {
                Some(waker) => PeerState::Asleep(waker),
                None if route.bridges.len() == 1 => PeerState::Local,
                None => PeerState::Remote,
            },
            // Policies hide nobody.
            Err(NoRoute::Policy { .. }) => PeerState::Remote,
            Err(why) => {
                let homes = self.core.claims_of(id);
                let last = homes.map(|(home, owner, ..)| self.core.unreachable_since(&home, owner)).max();
                PeerState::Unknown { since: last.unwrap_or_default(), why }
            }
        }
    }

    fn description(&self, id: &NodeId, signed: &Signed) -> Option<Arc<Description>> {
        self.core.config.verifier.description(signed).filter(|description| description.id() == *id)
    }
}

fn state(owner: &Owner) -> BridgeState {
    match owner.standing {
        Standing::Own => BridgeState::Own,
        Standing::Candidate(_) => BridgeState::Candidate,
        Standing::Unreachable(_) if owner.fold.stopped => BridgeState::Stopped,
        Standing::Unreachable(_) => BridgeState::Unreachable,
        Standing::Reachable if owner.fold.stopped => BridgeState::Stopped,
        Standing::Reachable if owner.fold.draining => BridgeState::Draining,
        Standing::Reachable => BridgeState::Reachable,
    }
}
