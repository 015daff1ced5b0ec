//! Answers about the past as JSON: what the commands print with `--json`, and what the page reads.

use bytes::Bytes;
use identity::NodeId;
use proto::{
    node::v1::Network,
    topology::v1::{
        Bridge, BridgeStatus, Change, Event, Home, Link, Outage, PathResponse, Peer, Route, RouteFrom,
        Sighting, StatsResponse, WhyResponse,
    },
};
use serde_json::{Value, json};

/// A node id as text; empty for none.
pub fn id(bytes: &Bytes) -> String {
    NodeId::try_from(bytes).map(|id| id.to_string()).unwrap_or_default()
}

/// An event.
pub fn event(event: &Event) -> Value {
    let position = event.position.clone().unwrap_or_default();
    json!({
        "id": event.id,
        "time": event.time_text,
        "bridge": id(&position.owner),
        "bridge_name": event.owner_name,
        "network": network(event.network.as_ref()),
        "kind": event.kind_name,
        "subject": id(&event.subject),
        "subject_name": event.subject_name,
        "text": event.text,
    })
}

/// A way, or why there is none; null where nobody asked for one.
pub fn route(route: Option<&Route>) -> Value {
    route.map_or(Value::Null, |route| {
        json!({
            "bridges": route.bridges.iter().map(id).collect::<Vec<_>>(),
            "names": route.names,
            "cost_us": route.cost_us,
            "reason": route.reason,
        })
    })
}

/// A difference between two instants.
pub fn change(change: &Change) -> Value {
    json!({
        "kind": change.kind_name,
        "subject": id(&change.subject),
        "subject_name": change.subject_name,
        "other": id(&change.other),
        "other_name": change.other_name,
        "before": change.before,
        "after": change.after,
        "text": change.text,
    })
}

/// A bridge as of an instant.
pub fn bridge(bridge: &Bridge) -> Value {
    json!({
        "type": "bridge",
        "id": id(&bridge.node_id),
        "name": bridge.name,
        "network": network(bridge.network.as_ref()),
        "state": status(bridge.status()),
        "started_at": bridge.started_text,
        "last_event": bridge.last_event_text,
        "events": bridge.sequence,
        "island": bridge.island,
        "peers": bridge.peers,
        "forked": bridge.forked,
    })
}

/// A link as of an instant.
pub fn link(link: &Link) -> Value {
    json!({
        "type": "link",
        "one": id(&link.one),
        "one_name": link.one_name,
        "other": id(&link.other),
        "other_name": link.other_name,
        "state": if link.one_says_up && link.other_says_up { "up" } else { "half_up" },
        "one_says_up": link.one_says_up,
        "other_says_up": link.other_says_up,
        "cost_us": link.cost_us,
        "since": link.since_text,
    })
}

/// A peer as of an instant.
pub fn peer(peer: &Peer) -> Value {
    json!({
        "type": "peer",
        "id": id(&peer.node_id),
        "name": peer.name,
        "homes": peer.homes.iter().map(home).collect::<Vec<_>>(),
        "asleep": !peer.waker.is_empty(),
        "route": route(peer.route.as_ref()),
    })
}

/// How a peer is known.
pub fn why(why: &WhyResponse) -> Value {
    let sighting = |sighting: &Sighting| {
        json!({
            "event": sighting.event.as_ref().map(event),
            "counts": sighting.counts,
            "reason": sighting.reason,
            "arrival": sighting.arrival,
        })
    };
    let route = |from: &RouteFrom| {
        json!({
            "bridge": id(&from.bridge),
            "bridge_name": from.bridge_name,
            "route": route(from.route.as_ref()),
        })
    };
    let peer = why.peer.clone().unwrap_or_default();
    json!({
        "id": id(&peer.node_id),
        "name": peer.name,
        "sightings": why.sightings.iter().map(sighting).collect::<Vec<_>>(),
        "routes": why.routes.iter().map(route).collect::<Vec<_>>(),
        "history": why.history.iter().map(event).collect::<Vec<_>>(),
    })
}

/// A way from one node to another, and what changed it last.
pub fn path(path: &PathResponse) -> Value {
    json!({
        "from": id(&path.from),
        "from_name": path.from_name,
        "to": id(&path.to),
        "to_name": path.to_name,
        "route": route(path.route.as_ref()),
        "changed_by": path.changed_by.as_ref().map(event),
        "before": route(path.before.as_ref()),
    })
}

/// Links that had been up and went down, the longest outages first.
pub fn outages(stats: &StatsResponse) -> Value {
    let outage = |it: &Outage| {
        json!({
            "one": id(&it.one),
            "one_name": it.one_name,
            "other": id(&it.other),
            "other_name": it.other_name,
            "from": it.from_text,
            "to": if it.to == 0 { Value::Null } else { json!(it.to_text) },
            "milliseconds": it.milliseconds,
        })
    };
    stats.outages.iter().map(outage).collect()
}

/// How a bridge is, as a word.
pub const fn status(status: BridgeStatus) -> &'static str {
    match status {
        BridgeStatus::Running | BridgeStatus::Unspecified => "running",
        BridgeStatus::Draining => "draining",
        BridgeStatus::Stopped => "stopped",
    }
}

fn home(home: &Home) -> Value {
    json!({
        "bridge": id(&home.bridge),
        "bridge_name": home.bridge_name,
        "how": home.how,
        "since": home.since_text,
    })
}

fn network(network: Option<&Network>) -> String {
    network.map(|network| network.name.clone()).unwrap_or_default()
}
