//! What a bridge tells of itself, as the messages of the control interfaces.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use identity::{Network, NodeId};
use prost::Message as _;
use proto::{
    bridge::v1::{
        ExplainResponse, KnownPeer, Link, LinksResponse, PeersResponse, Refusal, StatusResponse, WakeResponse,
    },
    node::v1::NodeKind,
};
use topology::{BridgeState, BridgeView, LinkView, PeerState};

use crate::{
    actor::Gone,
    limits::MAX_PEERS_BYTES,
    link::LinkStatus,
    shared::Inner,
    table::{Known, Table},
    wall,
};

/// Tag and length of a row in its message.
const ROW_OVERHEAD: usize = 6;

pub(crate) async fn status(shared: &Inner) -> Result<StatusResponse, Gone> {
    let look = shared.actor.look().await?;
    let own = look.own;
    let links = shared.links.statuses();
    let up = links.iter().filter(|link| link.connection.is_some()).count();
    let local = look.local_peers as u64;
    let remote = shared.table.peers().iter().filter(|(_, known)| !known.is_local()).count();
    Ok(StatusResponse {
        node_id: shared.id().to_bytes(),
        name: shared.description.name().to_owned(),
        network: Some(shared.network.to_proto()),
        started_at: wall::rfc3339(shared.started_ms),
        epoch: own.map(|own| own.epoch.to_bytes()).unwrap_or_default(),
        head: own.map_or(0, |own| own.head),
        durable_head: own.map_or(0, |own| own.durable),
        links_up: count(up as u64),
        links_configured: count(shared.admin.links_configured() as u64),
        local_peers: count(local),
        remote_peers: count(remote as u64),
        bridges_known: count(look.counts.bridges.saturating_sub(1)),
        streams_open: count(shared.proxy.open() as u64),
        streams_total: shared.streams.streams_opened.get(),
        bytes_relayed: shared.bytes_relayed(),
        draining: shared.table.is_draining(),
        warnings: look.warnings,
        version: env!("CARGO_PKG_VERSION").into(),
        listening: shared.addresses.lines(),
        logs_bytes: look.disk.logs,
        journal_bytes: look.disk.journal,
        logs_since: look.disk.logs_since_ms.map(wall::rfc3339).unwrap_or_default(),
        journal_since: look.disk.journal_since_ms.map(wall::rfc3339).unwrap_or_default(),
        retain_ms: kept_for(shared.retain.0),
        retain_journal_ms: kept_for(shared.retain.1),
    })
}

fn kept_for(retain: Option<Duration>) -> u64 {
    retain.map_or(0, |retain| u64::try_from(retain.as_millis()).unwrap_or(u64::MAX))
}

pub(crate) async fn links(shared: &Inner) -> Result<LinksResponse, Gone> {
    let look = shared.actor.look().await?;
    let views: BTreeMap<NodeId, LinkView> = look.links.into_iter().map(|view| (view.bridge, view)).collect();
    let links = shared.links.statuses();
    let links =
        links.into_iter().map(|status| link(&shared.table, views.get(&status.bridge), status)).collect();
    Ok(LinksResponse { links })
}

fn link(table: &Table, view: Option<&LinkView>, status: LinkStatus) -> Link {
    let known = table.bridge(&status.bridge);
    let name = status.description.as_ref().map(|description| description.name().to_owned());
    let name = name.or_else(|| known.as_deref().map(bridge_name)).unwrap_or_default();
    let network = status.network.or_else(|| known.and_then(|known| known.network.clone()));
    Link {
        node_id: status.bridge.to_bytes(),
        name,
        address: status.address,
        state: status.state.as_str().into(),
        round_trip_us: u32::try_from(status.rtt.as_micros()).unwrap_or(u32::MAX),
        cost_us: view.map_or(0, |view| view.cost_us),
        since: wall::rfc3339(millis(status.since)),
        reason: status.reason,
        skew_ms: view.and_then(|view| view.skew_ms).unwrap_or(0),
        network: network.as_ref().map(Network::to_proto),
        bytes_in: status.bytes_in,
        bytes_out: status.bytes_out,
    }
}

/// All nodes but this one: bridges and peers, local and remote. Copied out of the table, so it may take a moment for
/// many, and holds nobody up.
pub(crate) fn peers(shared: &Inner) -> PeersResponse {
    let own = shared.id();
    let rtt: BTreeMap<NodeId, u32> = shared
        .links
        .statuses()
        .into_iter()
        .map(|link| (link.bridge, u32::try_from(link.rtt.as_micros()).unwrap_or(u32::MAX)))
        .collect();
    let bridges = shared.table.bridges().into_iter().filter(|bridge| bridge.id != own);
    let bridges = bridges.map(|bridge| bridge_row(&bridge, rtt.get(&bridge.id).copied().unwrap_or(0)));
    let peers = shared.table.peers().into_iter().map(|(id, known)| peer_row(id, &known));
    as_many_as_fit(bridges.chain(peers))
}

/// Rows up to the size that every gRPC client takes, and how many there are beyond.
fn as_many_as_fit(mut rows: impl Iterator<Item = KnownPeer>) -> PeersResponse {
    let mut bytes = 0;
    let mut peers = Vec::new();
    for row in rows.by_ref() {
        bytes += row.encoded_len() + ROW_OVERHEAD;
        if bytes > MAX_PEERS_BYTES {
            return PeersResponse { peers, omitted: count(1 + rows.count() as u64) };
        }
        peers.push(row);
    }
    PeersResponse { peers, omitted: 0 }
}

fn bridge_row(bridge: &BridgeView, round_trip_us: u32) -> KnownPeer {
    let (state, reason) = match bridge.state {
        BridgeState::Own | BridgeState::Reachable => ("online", ""),
        BridgeState::Draining => ("online", "it is stopping"),
        BridgeState::Stopped => ("left", "it stopped in an orderly way"),
        BridgeState::Unreachable => ("unreachable", "no links that are up lead there"),
        BridgeState::Candidate => ("unknown", "only one end of its link has named it so far"),
    };
    KnownPeer {
        node_id: bridge.id.to_bytes(),
        name: bridge_name(bridge),
        kind: NodeKind::Bridge.into(),
        network: bridge.network.as_ref().map(Network::to_proto),
        via: bridge.way.iter().map(|id| id.to_bytes()).collect(),
        addresses: Vec::new(),
        state: state.into(),
        last_seen: wall::rfc3339(i64::try_from(bridge.last_event.millis()).unwrap_or(i64::MAX)),
        reason: reason.into(),
        round_trip_us,
    }
}

fn peer_row(id: NodeId, known: &Known) -> KnownPeer {
    let (state, reason) = match (&known.state, &known.route) {
        (PeerState::Asleep(waker), _) => ("asleep", format!("dispatcher {} wakes it", waker.short())),
        (PeerState::Local, _) => ("online", String::new()),
        (PeerState::Remote, Ok(_)) => ("online", String::new()),
        (PeerState::Remote, Err(none)) => ("unreachable", none.to_string()),
        (PeerState::Unknown { since, why }, _) => {
            let since = wall::rfc3339(i64::try_from(since.millis()).unwrap_or(i64::MAX));
            ("unknown", format!("{why} (its bridge was last heard of at {since})"))
        }
    };
    // The own bridge is no part of the way as seen from itself.
    let via =
        known.route.as_ref().map(|route| route.bridges.iter().skip(1).map(|id| id.to_bytes()).collect());
    KnownPeer {
        node_id: id.to_bytes(),
        name: known.name().to_owned(),
        kind: known.announcement.kind().into(),
        network: known.network.as_ref().map(Network::to_proto),
        via: via.unwrap_or_default(),
        addresses: known.addresses.iter().map(ToString::to_string).collect(),
        state: state.into(),
        last_seen: wall::rfc3339(known.last_seen_ms),
        reason,
        round_trip_us: 0,
    }
}

pub(crate) async fn explain(shared: &Inner, destination: NodeId) -> Result<ExplainResponse, Gone> {
    let explanation = shared.explain(destination).await?;
    Ok(ExplainResponse {
        refusal: explanation.refusal.into(),
        sentence: explanation.sentence,
        route: explanation.route.into_iter().map(NodeId::to_bytes).collect(),
    })
}

/// Why a node that is not of this network was refused.
pub(crate) fn not_registered() -> ExplainResponse {
    ExplainResponse {
        refusal: Refusal::NotRegistered.into(),
        sentence: "this bridge serves the nodes of its own network, and you have not registered with it"
            .into(),
        route: Vec::new(),
    }
}

/// Has a peer woken, and says what that comes to.
pub(crate) fn wake(shared: &Inner, id: NodeId) -> WakeResponse {
    let known = shared.table.peer(&id);
    let home = known.as_ref().and_then(|known| known.route.as_ref().ok()?.bridges.last().copied());
    let sentence = match known.map(|known| known.state.clone()) {
        Some(PeerState::Asleep(waker)) if home == Some(shared.id()) => {
            let asked = shared.waking.ask(id, waker).is_ok();
            let what = if asked { "is asked to wake it" } else { "wakes it, and is not there just now" };
            let sentence = format!("{} sleeps; dispatcher {} {what}", id.short(), waker.short());
            return WakeResponse { sentence, asked };
        }
        Some(PeerState::Asleep(_)) => format!(
            "{} sleeps, and the bridge of its own network has it woken when a connection to it is opened",
            id.short()
        ),
        Some(PeerState::Local | PeerState::Remote) => format!("{} does not sleep", id.short()),
        Some(PeerState::Unknown { .. }) => {
            format!("whether {} sleeps is not known: no links that are up lead to its bridge", id.short())
        }
        None => {
            format!("no bridge known here has named {}, so nobody is known who could wake it", id.short())
        }
    };
    WakeResponse { sentence, asked: false }
}

fn bridge_name(bridge: &BridgeView) -> String {
    bridge.description.as_ref().map(|description| description.name().to_owned()).unwrap_or_default()
}

fn millis(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
