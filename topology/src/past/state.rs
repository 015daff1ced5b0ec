//! The state as of an instant.

use std::collections::{BTreeMap, BTreeSet};

use identity::{Network, NodeId};
use proto::{log::v1::How, topology::v1};

use crate::{Hlc, NoRoute, Route, fold::Claim, routes::Table};

use super::{
    Past, PastError,
    archive::time_of,
    names::Names,
    rfc3339,
    world::{self, World},
};

impl Past<'_> {
    /// Networks, bridges, peers and links as of an instant.
    ///
    /// # Errors
    /// [`PastError`] for an instant before the first event, an unknown event or point of view.
    pub fn state_at(&self, request: &v1::StateAtRequest) -> Result<v1::State, PastError> {
        let (at, log) = match request.at_event.as_str() {
            "" => (Hlc(request.at), None),
            id => {
                let (log, sequence) = self.event(id)?;
                let at = time_of(self.archive, &log, sequence);
                (at.ok_or_else(|| PastError::NoSuchEvent(id.to_owned()))?, Some(log))
            }
        };
        if !request.known_by.is_empty() {
            return self.state_known(&request.known_by, at);
        }
        let mut world = self.world_at(at, log)?;
        world.check_all(self.verifier);
        let mut names = self.names(&world);
        let from = self.point_of_view(&world, &mut names, &request.from)?;
        Ok(state(&world, &names, from))
    }

    /// The bridge that is named, or the one that answers, if the world has it.
    pub(super) fn point_of_view(
        &self,
        world: &World,
        names: &mut Names,
        named: &str,
    ) -> Result<Option<NodeId>, PastError> {
        if named.is_empty() {
            return Ok(self.me.filter(|me| world.bridges.contains_key(me)));
        }
        let from = self.find(world, names, named)?;
        if world.bridges.contains_key(&from) {
            Ok(Some(from))
        } else {
            Err(PastError::NotABridge { name: named.to_owned() })
        }
    }
}

/// A checked world as a message.
pub(super) fn state(world: &World, names: &Names, from: Option<NodeId>) -> v1::State {
    let islands = islands(world);
    let table = from.map(|from| (from, world.table(&from)));
    let networks: BTreeSet<&Network> =
        world.bridges.values().filter_map(|past| past.fold.network.as_ref()).collect();
    let bridge = |(id, past)| bridge(world, names, id, past, islands.get(id).copied().unwrap_or_default());
    let peer = |id: NodeId| peer(world, names, &id, table.as_ref().map(|(from, table)| (from, table)));
    v1::State {
        at: world.at.0,
        at_text: rfc3339(world.at),
        networks: networks.into_iter().map(Network::to_proto).collect(),
        bridges: world.bridges.iter().map(bridge).collect(),
        peers: world.peers().into_iter().map(peer).collect(),
        links: links(world, names),
        from: from.map(NodeId::to_bytes).unwrap_or_default(),
        events: world.events,
        unknown: Vec::new(),
    }
}

/// A number from 1 for each bridge: the same for those that links join, in the order of the least id.
pub(super) fn islands(world: &World) -> BTreeMap<NodeId, u32> {
    let mut islands = BTreeMap::new();
    let mut number = 0;
    for start in world.bridges.keys() {
        if islands.contains_key(start) {
            continue;
        }
        number += 1;
        let mut work = vec![*start];
        while let Some(id) = work.pop() {
            if islands.insert(id, number).is_none() {
                let links = world.bridges.get(&id).into_iter().flat_map(|past| past.fold.links.keys());
                work.extend(links.filter(|to| world.joined(&id, to)));
            }
        }
    }
    islands
}

/// How a bridge is by its own log.
pub(super) fn status(past: &world::Past) -> v1::BridgeStatus {
    if past.fold.stopped {
        v1::BridgeStatus::Stopped
    } else if past.fold.draining {
        v1::BridgeStatus::Draining
    } else {
        v1::BridgeStatus::Running
    }
}

fn bridge(world: &World, names: &Names, id: &NodeId, past: &world::Past, island: u32) -> v1::Bridge {
    let fold = &past.fold;
    let peers = fold.peers.values().filter(|claim| claim.records().is_some()).count();
    v1::Bridge {
        node_id: id.to_bytes(),
        name: names.name(id).to_owned(),
        network: fold.network.as_ref().map(Network::to_proto),
        status: status(past).into(),
        epoch: past.epoch.map(crate::Epoch::to_bytes).unwrap_or_default(),
        started: past.fold.started.0,
        started_text: rfc3339(past.fold.started),
        sequence: fold.through,
        last_event: fold.time.0,
        last_event_text: rfc3339(fold.time),
        island,
        peers: u32::try_from(peers).unwrap_or(u32::MAX),
        forked: world.is_forked(id),
    }
}

/// A peer as a message, with the way from a point of view.
pub(super) fn peer(world: &World, names: &Names, id: &NodeId, from: Option<(&NodeId, &Table)>) -> v1::Peer {
    let home = |(bridge, claim): (NodeId, &Claim)| v1::Home {
        bridge: bridge.to_bytes(),
        bridge_name: names.name(&bridge).to_owned(),
        how: how(claim.how).to_owned(),
        since: claim.time.0,
        since_text: rfc3339(claim.time),
    };
    let waker = world.claims(id).find_map(|(_, claim)| claim.asleep);
    v1::Peer {
        node_id: id.to_bytes(),
        name: names.name(id).to_owned(),
        homes: world.claims(id).map(home).collect(),
        waker: waker.map(NodeId::to_bytes).unwrap_or_default(),
        route: from.map(|(from, table)| route(names, world.route(from, table, id))),
    }
}

/// How a bridge knows a peer, as a word.
pub(super) const fn how(how: How) -> &'static str {
    match how {
        How::Registered => "registered",
        How::Heard | How::Unspecified => "heard",
    }
}

/// A way, or why there is none.
pub(super) fn route(names: &Names, route: Result<Route, NoRoute>) -> v1::Route {
    match route {
        Ok(Route { bridges, cost_us, .. }) => way(names, &bridges, cost_us),
        Err(why) => v1::Route { reason: why.fact(|id| names.call(id)), ..v1::Route::default() },
    }
}

/// A way across bridges.
pub(super) fn way(names: &Names, bridges: &[NodeId], cost_us: u64) -> v1::Route {
    v1::Route {
        bridges: bridges.iter().map(|id| id.to_bytes()).collect(),
        names: bridges.iter().map(|id| names.call(id)).collect(),
        cost_us,
        reason: String::new(),
    }
}

/// Links that at least one end calls up, by their ends.
fn links(world: &World, names: &Names) -> Vec<v1::Link> {
    let mut found: BTreeMap<(NodeId, NodeId), (Hlc, u64)> = BTreeMap::new();
    for (id, past) in &world.bridges {
        for (other, link) in &past.fold.links {
            let ends = (*id.min(other), *id.max(other));
            let entry = found.entry(ends).or_default();
            *entry = (entry.0.max(link.since), entry.1.max(link.cost_us));
        }
    }
    let link = |((one, other), (since, cost_us)): ((NodeId, NodeId), (Hlc, u64))| v1::Link {
        one: one.to_bytes(),
        one_name: names.name(&one).to_owned(),
        other: other.to_bytes(),
        other_name: names.name(&other).to_owned(),
        one_says_up: world.says_up(&one, &other),
        other_says_up: world.says_up(&other, &one),
        cost_us,
        since: since.0,
        since_text: rfc3339(since),
    };
    found.into_iter().map(link).collect()
}
