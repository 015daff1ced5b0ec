//! Which neighbours a datagram names: some each time, in rotation, so that all get their turn.

use std::{net::SocketAddr, ops::Bound};

use identity::NodeId;

use crate::{Neighbour, Snapshot, SourceKind, addresses::may_hint, datagram::Hint, limits::MAX_HINTS};

/// Where the rotation stands.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    last: Option<NodeId>,
}

impl Rotation {
    /// The next hints, as many as a datagram may carry; how many fit shows when it is encoded.
    pub(super) fn next(&self, snapshot: &Snapshot, on_loopback: bool) -> Vec<Hint> {
        let from = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let after = snapshot.neighbours.range((from, Bound::Unbounded));
        let until = self.last.map_or(Bound::Excluded(NodeId::from_bytes([0; 32])), Bound::Included);
        let before = snapshot.neighbours.range((Bound::Unbounded, until));
        let nodes = after.chain(before).map(|(_, node)| node);
        nodes.filter_map(|node| hint(node, on_loopback)).take(MAX_HINTS).collect()
    }

    /// The last hint that fitted.
    pub(super) fn used(&mut self, last: Option<&Hint>) {
        self.last = last.map_or(self.last, |hint| Some(hint.id));
    }
}

/// What others only told is not passed on: a hint is first-hand.
fn hint(node: &Neighbour, on_loopback: bool) -> Option<Hint> {
    let port = u16::try_from(node.announcement.ports().greeting).ok().filter(|port| *port > 0)?;
    let first_hand = node.addresses.iter().filter(|known| known.source != SourceKind::Hint);
    let known = first_hand.into_iter().find(|known| may_hint(known.ip, on_loopback))?;
    Some(Hint { id: node.id(), address: SocketAddr::new(known.ip, port) })
}
