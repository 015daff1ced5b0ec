//! Where things stand in a picture: networks on a circle, their bridges in them, peers around their homes.

use std::{collections::BTreeMap, f64::consts::TAU};

use bytes::Bytes;
use proto::{node::v1::Network, topology::v1::State};

use super::{by_network, peers_of};

/// From a bridge to its peers, and between peers.
const ORBIT: f64 = 62.0;
const PEER_ROOM: f64 = 34.0;
/// Between a network's bridges, and around them.
const GAP: f64 = 36.0;
const MARGIN: f64 = 40.0;

/// A point.
pub(super) type Point = (f64, f64);

/// An area for each network, and a place for each node.
pub(super) struct Layout<'s> {
    pub(super) size: Point,
    pub(super) areas: Vec<(Option<&'s Network>, Point, f64)>,
    pub(super) nodes: BTreeMap<&'s Bytes, Point>,
}

/// The same state gives the same picture.
pub(super) fn layout(state: &State) -> Layout<'_> {
    let groups = by_network(state);
    let radius = |bridge: &Bytes| {
        let peers = peers_of(state, bridge).count() as f64;
        (peers * PEER_ROOM / TAU).max(ORBIT)
    };
    let sizes: Vec<f64> = groups
        .iter()
        .map(|(_, bridges)| {
            let widths: f64 = bridges.iter().map(|bridge| 2.0 * radius(&bridge.node_id) + GAP).sum();
            let largest = bridges.iter().map(|bridge| radius(&bridge.node_id)).fold(ORBIT, f64::max);
            if bridges.len() == 1 { largest + MARGIN } else { widths / TAU + largest + MARGIN }
        })
        .collect();
    let around = sizes.iter().map(|size| 2.0 * size + GAP).sum::<f64>();
    let ring =
        if sizes.len() < 2 { 0.0 } else { (around / TAU).max(sizes.iter().fold(0.0, |a, b| a + b) / 2.0) };
    let half = ring + sizes.iter().copied().fold(0.0, f64::max) + MARGIN;
    let mut layout = Layout { size: (2.0 * half, 2.0 * half), areas: Vec::new(), nodes: BTreeMap::new() };
    let mut passed = 0.0;
    for ((network, bridges), size) in groups.into_iter().zip(&sizes) {
        let turn = (passed + size + GAP / 2.0) / around * TAU + TAU / 2.0;
        passed += 2.0 * size + GAP;
        let center = on_circle((half, half), ring, turn);
        layout.areas.push((network, center, *size));
        let inner = if bridges.len() == 1 {
            0.0
        } else {
            bridges.iter().map(|bridge| 2.0 * radius(&bridge.node_id) + GAP).sum::<f64>() / TAU
        };
        let count = bridges.len() as f64;
        for (index, bridge) in bridges.into_iter().enumerate() {
            let place = on_circle(center, inner, index as f64 / count * TAU);
            layout.nodes.insert(&bridge.node_id, place);
            let peers: Vec<_> = peers_of(state, &bridge.node_id).collect();
            for (number, peer) in peers.iter().enumerate() {
                // Off the axes, where names would meet the lines of links.
                let turn = (number as f64 + 0.25) / peers.len() as f64 * TAU;
                layout.nodes.insert(&peer.node_id, on_circle(place, radius(&bridge.node_id), turn));
            }
        }
    }
    layout
}

fn on_circle(center: Point, radius: f64, turn: f64) -> Point {
    (center.0 + radius * turn.cos(), center.1 + radius * turn.sin())
}
