//! A state as a picture: for Graphviz, for Mermaid, and as SVG by itself.
//!
//! Networks are areas, bridges boxes in them, peers circles at their homes. A link that only one end calls up is dashed.
//! Names come from others: what has a meaning in the format is escaped, and control characters are left out.

mod dot;
mod layout;
mod mermaid;
mod svg;

use std::collections::BTreeMap;

use bytes::Bytes;
use identity::NodeId;
use proto::{
    node::v1::Network,
    topology::v1::{Bridge, Link, Peer, State},
};

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

/// A network with its bridges.
type Group<'s> = (Option<&'s Network>, Vec<&'s Bridge>);

/// Bridges by network, in the order of the networks' names.
fn by_network(state: &State) -> Vec<Group<'_>> {
    let mut networks: BTreeMap<(&str, &[u8]), Group<'_>> = BTreeMap::new();
    for bridge in &state.bridges {
        let network = bridge.network.as_ref();
        let key = network.map_or(("", &[][..]), |network| (network.name.as_str(), network.id.as_ref()));
        networks.entry(key).or_insert((network, Vec::new())).1.push(bridge);
    }
    networks.into_values().collect()
}

/// The peers that are drawn at a bridge: each at its first home.
fn peers_of<'s>(state: &'s State, bridge: &Bytes) -> impl Iterator<Item = &'s Peer> {
    state.peers.iter().filter(move |peer| peer.homes.first().is_some_and(|home| home.bridge == bridge))
}

/// A name, or the beginning of the id, without control characters.
fn label(name: &str, id: &Bytes) -> String {
    let clean: String = name.chars().filter(|c| !c.is_control()).collect();
    if clean.is_empty() { short(id) } else { clean }
}

fn network_label(network: Option<&Network>) -> String {
    network.map_or_else(|| "unknown network".to_owned(), |network| label(&network.name, &network.id))
}

fn short(id: &Bytes) -> String {
    NodeId::try_from(id).map(|id| format!("{}", id.short())).unwrap_or_default()
}

/// What identifies a node in a picture.
fn key(id: &Bytes) -> String {
    NodeId::try_from(id).map(|id| format!("n{id}")).unwrap_or_default()
}

fn is_up(link: &Link) -> bool {
    link.one_says_up && link.other_says_up
}

/// The cost of a link for people.
fn cost(link: &Link) -> String {
    format!("{:.1} ms", link.cost_us as f64 / 1_000.0)
}
