//! A state as the page reads it: without what it can tell from the rest, for it is read again with every step through time
//! and may hold thousands of peers.

use bytes::Bytes;
use proto::{
    node::v1::Network,
    topology::v1::{Bridge, Link, Peer, State},
};
use serde_json::{Value, json};

use super::ms;
use crate::past::json::{id, status};

/// As of an instant.
pub(super) fn state(state: &State) -> Value {
    let network = |it: &Network| json!({ "id": network_id(it), "name": it.name });
    json!({
        "at": ms::of(state.at),
        "events": state.events,
        "from": id(&state.from),
        "networks": state.networks.iter().map(network).collect::<Vec<_>>(),
        "bridges": state.bridges.iter().map(bridge).collect::<Vec<_>>(),
        "links": state.links.iter().map(link).collect::<Vec<_>>(),
        "peers": state.peers.iter().map(peer).collect::<Vec<_>>(),
    })
}

fn network_id(network: &Network) -> String {
    data_encoding::HEXLOWER.encode(&network.id)
}

fn bridge(bridge: &Bridge) -> Value {
    json!({
        "id": id(&bridge.node_id),
        "name": bridge.name,
        "network": bridge.network.as_ref().map(network_id).unwrap_or_default(),
        "state": status(bridge.status()),
        "started": ms::of(bridge.started),
        "last_event": ms::of(bridge.last_event),
        "events": bridge.sequence,
        "island": bridge.island,
        "forked": bridge.forked,
    })
}

fn link(link: &Link) -> Value {
    json!({
        "one": id(&link.one),
        "other": id(&link.other),
        "one_says_up": link.one_says_up,
        "other_says_up": link.other_says_up,
        "cost_us": link.cost_us,
        "since": ms::of(link.since),
    })
}

fn peer(peer: &Peer) -> Value {
    let homes = peer.homes.iter().map(|home| json!([id(&home.bridge), home.how]));
    let route = peer.route.as_ref();
    json!({
        "id": id(&peer.node_id),
        "name": peer.name,
        "homes": homes.collect::<Vec<_>>(),
        "asleep": !peer.waker.is_empty(),
        // Empty when there is a way; where nobody asked for one there is nothing to say either.
        "no_way": route.filter(|route| route.bridges.is_empty()).map_or("", |route| &route.reason),
        "waker": waker(&peer.waker),
    })
}

fn waker(waker: &Bytes) -> Value {
    if waker.is_empty() { Value::Null } else { json!(id(waker)) }
}
