//! Which way leads to which bridge, and to which peer.

mod best;
mod graph;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use identity::{Announcement, Description, NodeId};
use proto::log::v1::LeftReason;

use crate::{
    Core, Hlc, NoRoute, Output, Route,
    admission::Owner,
    fold::{Claim, Record},
    limits::{MAX_CHECKS_PER_CALL, MAX_CLAIMS_PER_PEER},
    timers::Timer,
};

pub(crate) use best::best_of;
pub(crate) use graph::Graph;

/// Routes as they were computed last.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(crate) dirty: bool,
    computed_at: Option<Duration>,
    table: Table,
    /// Since when there is no way any more to bridges that there was one to.
    lost: BTreeMap<NodeId, Hlc>,
}

/// The ways to all bridges.
#[derive(Debug, Default)]
pub(crate) struct Table {
    ways: BTreeMap<NodeId, Way>,
    /// Bridges that some chain of links reaches though no way does: too far, or past a bridge that stops.
    others: BTreeMap<NodeId, Option<NodeId>>,
}

/// Whose streams a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Those of peers of the own network.
    Own,
    /// Those that come over a link.
    Foreign,
}

/// The way to a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) bridges: Arc<[NodeId]>,
    pub(crate) cost_us: u64,
}

impl Routes {
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// When routes may be computed again.
    pub(crate) fn due(&self, now: Duration, interval: Duration) -> Duration {
        self.computed_at.map_or(now, |at| (at + interval).max(now))
    }
}

impl Table {
    /// The ways from bridge 0 of a graph.
    pub(crate) fn of(graph: &Graph) -> Self {
        let layers = graph.layers();
        let mut ways = BTreeMap::new();
        for (index, id) in graph.ids.iter().enumerate() {
            let best = (0..layers.len()).filter_map(|hops| Some((layers[hops][index]?.0, hops))).min();
            if let Some((cost_us, hops)) = best {
                ways.insert(*id, Way { bridges: graph.path(&layers, index, hops), cost_us });
            }
        }
        let mut others = graph.by_any_chain();
        others.retain(|id, _| !ways.contains_key(id));
        Self { ways, others }
    }

    /// The way to a home of a peer; `since` tells when the last one was lost.
    pub(crate) fn way_to(
        &self,
        peer: &NodeId,
        home: &NodeId,
        since: impl FnOnce() -> Hlc,
    ) -> Result<&Way, NoRoute> {
        let (peer, home) = (*peer, *home);
        self.ways.get(&home).ok_or_else(|| match self.others.get(&home) {
            Some(Some(bridge)) => NoRoute::Draining { peer, bridge: *bridge },
            Some(None) => NoRoute::TooFar { peer, home },
            None => NoRoute::Unreachable { peer, home, since: since() },
        })
    }

    /// The bridges on the way to one, and the cost.
    pub(crate) fn bridge(&self, id: &NodeId) -> Option<&Way> {
        self.ways.get(id)
    }
}

impl Core {
    /// Computes routes if something changed and tells whose routes did. Few signatures are checked at a time; what is
    /// left has the timer fire again at once.
    pub(crate) fn update_routes(&mut self) {
        if std::mem::take(&mut self.routes.dirty) {
            self.recompute();
            self.converge();
        }
        self.routes.computed_at = Some(self.now.mono);
        let mut told = Vec::new();
        let mut budget = MAX_CHECKS_PER_CALL;
        while let Some(peer) = self.changed_peers.pop_first() {
            budget = budget.saturating_sub(self.check_claims(&peer));
            told.push(peer);
            if budget == 0 && !self.changed_peers.is_empty() {
                self.timers.arm(Timer::Routes, self.now.mono);
                break;
            }
        }
        if !told.is_empty() {
            self.out.push(Output::PeersChanged(told));
        }
        if !self.changed_bridges.is_empty() {
            let bridges = std::mem::take(&mut self.changed_bridges);
            self.out.push(Output::BridgesChanged(bridges.into_iter().collect()));
        }
    }

    fn recompute(&mut self) {
        self.counts.route_computations += 1;
        let table = self.compute_routes(&[]);
        let before = std::mem::replace(&mut self.routes.table, table);
        let after = &self.routes.table.ways;
        let now = Hlc::at(u64::try_from(self.now.wall_ms).unwrap_or(0));
        self.routes.lost.retain(|id, _| !after.contains_key(id) && self.owners.contains_key(id));
        let gone = before.ways.keys().filter(|id| !after.contains_key(*id) && self.owners.contains_key(*id));
        self.routes.lost.extend(gone.map(|id| (*id, now)));
        let changed = |id: &&NodeId| before.ways.get(*id) != after.get(*id);
        for (id, owner) in self.owners.iter().filter(|(id, _)| changed(id)) {
            self.changed_peers.extend(owner.fold.peers.keys());
            self.changed_bridges.insert(*id);
        }
    }

    /// Verifies what is unverified about a peer; gives how many claims that were.
    fn check_claims(&mut self, peer: &NodeId) -> usize {
        let Some(homes) = self.homes.get(peer) else { return 0 };
        let mut checked = 0;
        for home in homes.iter().take(MAX_CLAIMS_PER_PEER) {
            let Some(owner) = self.owners.get_mut(home) else { continue };
            let fresh = owner
                .fold
                .peers
                .get(peer)
                .is_some_and(|claim| matches!(claim.record, Record::Unchecked { .. }));
            if fresh {
                checked += 1;
                owner.fold.check(home, peer, &*self.config.verifier);
            }
        }
        checked
    }

    /// The claims about a peer that count, with their homes.
    pub(crate) fn claims_of(
        &self,
        peer: &NodeId,
    ) -> impl Iterator<Item = (NodeId, &Owner, &Claim, &Arc<Description>, &Arc<Announcement>)> {
        let homes = self.homes.get(peer).into_iter().flatten().take(MAX_CLAIMS_PER_PEER);
        homes.filter_map(|home| {
            let owner: &Owner = self.owners.get(home)?;
            let claim: &Claim = owner.fold.peers.get(peer)?;
            let (description, announcement) = claim.records()?;
            Some((*home, owner, claim, description, announcement))
        })
    }

    pub(crate) fn find_route(
        &self,
        peer: &NodeId,
        table: &Table,
        traffic: Traffic,
    ) -> Result<Route, NoRoute> {
        self.best_route(peer, table, traffic, |_| true)
    }

    /// The best way that is fit, if the peer has a way at all.
    pub(crate) fn best_route(
        &self,
        peer: &NodeId,
        table: &Table,
        traffic: Traffic,
        fits: impl Fn(&[NodeId]) -> bool,
    ) -> Result<Route, NoRoute> {
        let claims = self.claims_of(peer).map(|(home, _, claim, ..)| (home, claim));
        let way = |home: &NodeId| {
            let owner = &self.owners[home];
            let way = table.way_to(peer, home, || self.unreachable_since(home, owner))?;
            self.check_policies(peer, *home, owner, traffic).map(|()| way)
        };
        best_of(claims, way, fits).map_err(|reason| reason.unwrap_or_else(|| self.why_unknown(peer)))
    }

    /// What the policies of the two ends say. A bridge in between has no say.
    fn check_policies(
        &self,
        peer: &NodeId,
        home: NodeId,
        owner: &Owner,
        traffic: Traffic,
    ) -> Result<(), NoRoute> {
        let own = &self.local.policy;
        let forbids = match (home == self.me, traffic) {
            (true, Traffic::Own) => None,
            (true, Traffic::Foreign) => (!own.export.allows(peer)).then_some(self.me),
            (false, Traffic::Own) if !own.import.allows(peer) => Some(self.me),
            (false, Traffic::Own | Traffic::Foreign) => {
                (!owner.fold.policy.export.allows(peer)).then_some(home)
            }
        };
        forbids.map_or(Ok(()), |bridge| Err(NoRoute::Policy { peer: *peer, bridge }))
    }

    /// When the last way to a bridge was lost; if there was none since the start, the last time of its log.
    pub(crate) fn unreachable_since(&self, id: &NodeId, owner: &Owner) -> Hlc {
        self.routes.lost.get(id).copied().unwrap_or(owner.fold.time)
    }

    /// No claim counts: a claim that the peer does not support, one that left, or none at all.
    fn why_unknown(&self, peer: &NodeId) -> NoRoute {
        let peer = *peer;
        if let Some(bridge) = self.homes.get(&peer).and_then(|homes| homes.first()) {
            return NoRoute::Unconfirmed { peer, bridge: *bridge };
        }
        let left: Option<(Hlc, LeftReason)> =
            self.owners.values().filter_map(|owner| owner.fold.left.get(&peer)).max_by_key(|(at, _)| *at);
        left.map_or(NoRoute::UnknownPeer { peer }, |(since, reason)| NoRoute::Left {
            peer,
            since,
            goodbye: reason == LeftReason::Goodbye,
        })
    }

    /// The ways to all bridges whose first link is not to one of `avoid`.
    pub(crate) fn compute_routes(&self, avoid: &[NodeId]) -> Table {
        Table::of(&self.graph(avoid))
    }

    /// Bridges that are reachable and the links that both ends' logs call up.
    fn graph(&self, avoid: &[NodeId]) -> Graph {
        let mut ids = vec![self.me];
        ids.extend(
            self.owners.iter().filter(|(id, it)| **id != self.me && it.is_reachable()).map(|(id, _)| *id),
        );
        let index: BTreeMap<NodeId, usize> = ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
        let folds: Vec<_> = ids.iter().map(|id| &self.owners[id].fold).collect();
        let forked: Vec<bool> = ids.iter().map(|id| self.is_forked(&self.owners[id], id)).collect();
        let counts = |from: usize, to: usize| {
            !forked[from]
                && !forked[to]
                && (from != 0 || (self.neighbours.contains_key(&ids[to]) && !avoid.contains(&ids[to])))
        };
        let edges = (0..ids.len())
            .map(|from| {
                let links = folds[from].links.iter();
                links
                    .filter_map(|(id, link)| {
                        let to = *index.get(id)?;
                        let back = folds[to].links.get(&ids[from])?;
                        counts(from, to).then_some((to, link.cost_us.max(back.cost_us)))
                    })
                    .collect()
            })
            .collect();
        let stopping = folds.iter().map(|fold| fold.draining || fold.stopped).collect();
        Graph { ids, edges, stopping }
    }
}
