//! The ways to a peer: which there are, and which is better than the one in use. Pure.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use discovery::{BridgeEnd, Neighbour, Route, Snapshot};
use identity::NodeId;
use proto::node::v1::NodeKind;

use crate::limits::MAX_PATHS;

/// A running session leaves its bridge for another one only when that costs less than this part of it.
const MUCH_CHEAPER: u64 = 2;

/// The way a session takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Path {
    /// Within one network.
    Direct,
    /// Through these bridges, the local one first.
    Via(Vec<NodeId>),
}

/// A way that can be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) path: Path,
    /// Where the chat answers, or the bridge's way across.
    pub(crate) secure: Vec<SocketAddr>,
    pub(crate) greeting: Vec<SocketAddr>,
    /// The bridge to ask when it refuses.
    pub(crate) bridge: Option<Arc<BridgeEnd>>,
}

impl Path {
    /// The bridges on the way; empty for a direct one.
    pub(crate) fn hops(&self) -> &[NodeId] {
        match self {
            Self::Direct => &[],
            Self::Via(hops) => hops,
        }
    }

    fn bridge(&self) -> Option<NodeId> {
        self.hops().first().copied()
    }
}

/// All ways to a peer, the best first. A bridge over which a session just died comes last.
pub(crate) fn candidates(peer: &Neighbour, doubtful: Option<&Path>) -> Vec<Candidate> {
    let mut all = Vec::new();
    let secure = peer.at(|ports| ports.secure);
    if !secure.is_empty() {
        let greeting = peer.at(|ports| ports.greeting);
        all.push(Candidate { path: Path::Direct, secure, greeting, bridge: None });
    }
    all.extend(peer.routes.iter().map(|route| Candidate {
        path: Path::Via(route.hops.clone()),
        secure: vec![route.via.proxy],
        greeting: vec![route.via.greeting],
        bridge: Some(Arc::clone(&route.via)),
    }));
    if let Some(doubtful) = doubtful {
        all.sort_by_key(|candidate| candidate.path.bridge() == doubtful.bridge());
    }
    all.truncate(MAX_PATHS);
    all
}

/// The ways that are worth leaving `current` for, the best first.
pub(crate) fn better(peer: &Neighbour, current: &Path) -> Vec<Candidate> {
    let Some(bridge) = current.bridge() else { return Vec::new() };
    let all = candidates(peer, None);
    if let Some(direct) = all.iter().find(|candidate| candidate.path == Path::Direct) {
        return vec![direct.clone()];
    }
    let cost =
        |bridge: NodeId| peer.routes.iter().find(|route| route.via.id == bridge).map(|route| route.cost_us);
    let others = all.into_iter().filter(|candidate| candidate.path.bridge() != Some(bridge));
    match cost(bridge) {
        // The bridge drains, or is gone.
        None => others.collect(),
        Some(now) => others
            .filter(|other| {
                let cost = other.path.bridge().and_then(cost);
                cost.is_some_and(|cost| cost.saturating_mul(MUCH_CHEAPER) < now)
            })
            .collect(),
    }
}

/// The way of a running session, where what was thought of it cannot be so any more: nothing leads to the peer by the
/// bridge at its end. Such a session was accepted, or its stream carried on to another home, before this node heard where
/// the peer had gone.
pub(crate) fn corrected(current: &Path, peer: &Neighbour) -> Option<Path> {
    let end = current.hops().last()?;
    let ends_there = |route: &Route| route.hops.last() == Some(end);
    if peer.announcement.homes().contains(end) || peer.routes.iter().any(ends_there) {
        return None;
    }
    let route = peer.routes.iter().find(|route| Some(route.via.id) == current.bridge())?;
    Some(Path::Via(route.hops.clone()))
}

/// The way that a connection of this peer from this address took.
pub(crate) fn of_incoming(remote: SocketAddr, peer: NodeId, known: &Snapshot) -> Path {
    let ip = remote.ip().to_canonical();
    let peer = known.neighbours.get(&peer);
    if peer.is_some_and(|peer| is_at(peer, ip)) {
        return Path::Direct;
    }
    let Some(bridge) = bridge_at(ip, known) else { return Path::Direct };
    let route = peer.and_then(|peer| peer.routes.iter().find(|route| route.via.id == bridge));
    Path::Via(route.map_or_else(|| vec![bridge], |route| route.hops.clone()))
}

/// The bridge that has this address. It may have others than the one at which this node registers: it calls from
/// whichever fits the address that it calls.
fn bridge_at(ip: IpAddr, known: &Snapshot) -> Option<NodeId> {
    let mut registered = known.bridges.iter().filter_map(|bridge| bridge.end.as_ref());
    let mut heard = known.neighbours.values().filter(|node| node.kind() == NodeKind::Bridge);
    let registered = registered.find(|end| end.proxy.ip().to_canonical() == ip).map(|end| end.id);
    registered.or_else(|| heard.find(|bridge| is_at(bridge, ip)).map(|bridge| bridge.id()))
}

fn is_at(node: &Neighbour, ip: IpAddr) -> bool {
    node.addresses.iter().any(|known| known.ip == ip)
}

#[cfg(test)]
mod tests;
