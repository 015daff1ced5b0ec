//! `Node`: who this is, whom it knows, and the order to stop.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use bytes::Bytes;
use conversation::ContactView;
use discovery::{Announcer, Discovery, Neighbour};
use identity::NodeId;
use proto::{
    bridge::v1::{KnownPeer, PeersRequest, PeersResponse},
    control::v1::{self as control, node_server::Node},
    node::v1::NodeKind,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::ask;
use crate::{
    away::Away,
    command::{Command, Overview},
    wall,
};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct NodeControl {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) announcer: Announcer,
    pub(crate) discovery: Discovery,
    pub(crate) listening: Arc<[String]>,
    /// Cancelled when somebody asks the node to stop.
    pub(crate) stop: CancellationToken,
}

#[tonic::async_trait]
impl Node for NodeControl {
    async fn about(
        &self,
        _: Request<control::AboutRequest>,
    ) -> Result<Response<control::AboutResponse>, Status> {
        Ok(Response::new(control::AboutResponse {
            node_id: self.announcer.id().to_bytes(),
            kind: NodeKind::Peer.into(),
            name: self.announcer.description().name().to_owned(),
            network: Some(self.announcer.network().to_proto()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            listening: self.listening.to_vec(),
            process_id: std::process::id(),
        }))
    }

    async fn peers(&self, _: Request<PeersRequest>) -> Result<Response<PeersResponse>, Status> {
        let overview = ask(&self.commands, |reply| Command::Overview { reply }).await?;
        let heard = self.discovery.last_heard().await;
        let present = overview.snapshot.neighbours.values();
        let mut peers: Vec<_> = present.map(|node| present_peer(node, &overview, &heard)).collect();
        let away = overview
            .known
            .iter()
            .filter(|contact| contact.pinned && !overview.snapshot.neighbours.contains_key(&contact.id));
        peers.extend(away.map(|contact| away_peer(contact, &overview)));
        Ok(Response::new(PeersResponse { peers, omitted: 0 }))
    }

    async fn stop(
        &self,
        _: Request<control::StopRequest>,
    ) -> Result<Response<control::StopResponse>, Status> {
        self.stop.cancel();
        Ok(Response::new(control::StopResponse {}))
    }
}

fn present_peer(node: &Neighbour, overview: &Overview, heard: &BTreeMap<NodeId, Instant>) -> KnownPeer {
    let id = node.id();
    let session = overview.sessions.iter().find(|session| session.peer == id);
    let route = node.routes.first().filter(|_| !node.is_direct());
    let via = match session {
        Some(session) => session.path.hops(),
        None => route.map_or(&[][..], |route| &route.hops),
    };
    let port = |ports: &proto::node::v1::Ports| match node.kind() {
        NodeKind::Peer => ports.secure,
        _ => ports.control,
    };
    let network = route.map_or_else(|| node.network(), |route| &route.network);
    let last_seen = heard.get(&id).map_or_else(wall::now_ms, |moment| wall::of_instant(*moment));
    KnownPeer {
        node_id: id.to_bytes(),
        name: node.name().unwrap_or_default().to_owned(),
        kind: node.kind().into(),
        network: Some(network.to_proto()),
        via: bytes_of(via),
        addresses: node.at(port).iter().map(ToString::to_string).collect(),
        state: if route.is_some_and(|route| route.asleep) { "asleep" } else { "online" }.to_owned(),
        last_seen: wall::rfc3339(last_seen),
        reason: overview.reasons.get(&id).cloned().unwrap_or_default(),
        round_trip_us: session.map_or(0, |session| session.round_trip_us),
    }
}

/// One that nobody announces. A session with it may last, as over a bridge that drains.
fn away_peer(contact: &ContactView, overview: &Overview) -> KnownPeer {
    let session = overview.sessions.iter().find(|session| session.peer == contact.id);
    let away = overview.away.get(&contact.id).copied();
    let state = if session.is_some() { "online" } else { Away::state(away) };
    let waits = overview.reasons.get(&contact.id).cloned();
    let why = || if session.is_some() { String::new() } else { Away::sentence(away, &contact.name) };
    KnownPeer {
        node_id: contact.id.to_bytes(),
        name: contact.name.clone(),
        kind: NodeKind::Peer.into(),
        via: session.map(|session| bytes_of(session.path.hops())).unwrap_or_default(),
        state: state.to_owned(),
        last_seen: away.map(|away| wall::rfc3339(away.since_ms)).unwrap_or_default(),
        reason: waits.unwrap_or_else(why),
        round_trip_us: session.map_or(0, |session| session.round_trip_us),
        ..KnownPeer::default()
    }
}

fn bytes_of(hops: &[NodeId]) -> Vec<Bytes> {
    hops.iter().map(|hop| hop.to_bytes()).collect()
}
