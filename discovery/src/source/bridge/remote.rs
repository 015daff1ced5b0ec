//! What a bridge tells of remote peers, checked before anybody believes it.

use std::{collections::HashSet, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use identity::{Announcement, Description, InvalidRecord, Network, NodeId};
use proto::bridge::v1::{FollowEvent, Refusal, RemotePeer, follow_event::Kind};

use crate::{
    BridgeEnd, GoneReason, Route,
    addresses::{HintOrigin, from_octets, may_follow_hint},
    limits::{MAX_ADDRESSES, MAX_HOPS},
    source::{Remote, Report},
};

/// Reads one event of a bridge. None for those that say nothing about a peer.
///
/// # Errors
/// [`InvalidRecord`] says what does not hold.
pub(super) fn read(event: FollowEvent, end: &Arc<BridgeEnd>) -> Result<Option<Report>, InvalidRecord> {
    match event.kind {
        Some(Kind::Peer(peer)) => remote(peer, end).map(Report::Reachable).map(Some),
        Some(Kind::Gone(gone)) => {
            let id = NodeId::try_from(&gone.node_id).map_err(|_| InvalidRecord::Field("node id"))?;
            let reason = match gone.reason() {
                Refusal::PeerLeft => GoneReason::Left,
                _ => GoneReason::Unreachable,
            };
            Ok(Some(Report::Unreachable { bridge: end.id, id, reason }))
        }
        // A later version's event, which this one has no use for.
        Some(Kind::Synced(_) | Kind::Draining(_)) | None => Ok(None),
    }
}

fn remote(peer: RemotePeer, end: &Arc<BridgeEnd>) -> Result<Remote, InvalidRecord> {
    let hops = hops(&peer, end.id)?;
    let network = Network::from_proto(peer.network.as_ref().ok_or(InvalidRecord::Field("network"))?)?;
    let description = peer.description.ok_or(InvalidRecord::Field("description"))?;
    let announcement = peer.announcement.ok_or(InvalidRecord::Field("announcement"))?;
    let description = Description::verify(description)?;
    let announcement = Announcement::verify(announcement)?;
    if description.id() != announcement.id() {
        return Err(InvalidRecord::Field("announcement's node id"));
    }
    if announcement.description_hash() != description.hash() {
        return Err(InvalidRecord::Field("description hash"));
    }
    let (cost_us, asleep) = (peer.cost_us, peer.asleep);
    // Only of its own network's peers does a bridge know where they are.
    let places = if hops.len() == 1 { places(&peer.addresses, &announcement, end) } else { Vec::new() };
    Ok(Remote {
        announcement,
        description,
        places,
        route: Route { via: Arc::clone(end), hops, cost_us, network, asleep },
    })
}

/// The greeting ports at those of the addresses that may be dialled for this bridge.
fn places(addresses: &[Bytes], announcement: &Announcement, bridge: &BridgeEnd) -> Vec<SocketAddr> {
    let origin = HintOrigin { from: bridge.control.ip(), subnets: &[] };
    let Some(port) = u16::try_from(announcement.ports().greeting).ok().filter(|port| *port > 0) else {
        return Vec::new();
    };
    let told = addresses.iter().take(MAX_ADDRESSES).filter_map(|octets| from_octets(octets));
    told.filter(|ip| may_follow_hint(*ip, origin)).map(|ip| SocketAddr::new(ip, port)).collect()
}

/// The bridges on the way: this one first, none twice.
fn hops(peer: &RemotePeer, bridge: NodeId) -> Result<Vec<NodeId>, InvalidRecord> {
    let wrong = InvalidRecord::Field("route");
    if peer.route.is_empty() || peer.route.len() > MAX_HOPS {
        return Err(wrong);
    }
    let hops: Result<Vec<_>, _> = peer.route.iter().map(NodeId::try_from).collect();
    let hops = hops.map_err(|_| wrong.clone())?;
    let distinct: HashSet<_> = hops.iter().collect();
    if hops.first() != Some(&bridge) || distinct.len() != hops.len() {
        return Err(wrong);
    }
    Ok(hops)
}
