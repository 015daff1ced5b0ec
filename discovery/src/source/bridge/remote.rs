//! What a bridge tells of remote peers, checked before anybody believes it.

use std::{collections::HashSet, sync::Arc};

use identity::{Announcement, Description, InvalidRecord, Network, NodeId};
use proto::bridge::v1::{FollowEvent, RemotePeer, follow_event::Kind};

use crate::{
    BridgeEnd, Route,
    limits::MAX_HOPS,
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
            Ok(Some(Report::Unreachable { bridge: end.id, id }))
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
    Ok(Remote {
        announcement,
        description,
        route: Route { via: Arc::clone(end), hops, cost_us, network, asleep },
    })
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
