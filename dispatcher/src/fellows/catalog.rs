//! Where peers of others are found. What a catalog says is a hint: the peer decides.

use std::net::SocketAddr;

use discovery::{Discovery, Neighbour};
use identity::NodeId;
use proto::node::v1::NodeKind;
use rand::seq::SliceRandom as _;

/// Tells which peers there are.
#[tonic::async_trait]
pub(crate) trait Catalog: Send + Sync + 'static {
    /// Vacant peers that obey this dispatcher, shuffled.
    async fn vacant(&self) -> Vec<NodeId>;

    /// Where a peer takes claims, if it is there.
    async fn find(&self, peer: NodeId) -> Option<SocketAddr>;

    /// Whether a peer is there, as far as that is known without asking.
    fn is_there(&self, peer: NodeId) -> bool;

    /// Says to the others that a vacant peer is about to be claimed. False: somebody else said so.
    async fn mark(&self, _peer: NodeId) -> bool {
        true
    }
}

/// What this dispatcher hears itself, and what the bridges of its network tell it.
#[derive(Debug)]
pub(crate) struct Heard {
    discovery: Discovery,
    me: NodeId,
}

/// What a peer says of itself as long as it is nobody's.
const VACANT: &str = "vacant";

impl Heard {
    pub(crate) fn new(discovery: Discovery) -> Self {
        let me = discovery.announcer().id();
        Self { discovery, me }
    }

    fn is_vacant(&self, neighbour: &Neighbour) -> bool {
        let described = neighbour.description.as_ref();
        neighbour.kind() == NodeKind::Peer
            && neighbour.is_direct()
            && described.is_some_and(|it| {
                it.attribute(VACANT).is_some() && it.keepers().any(|keeper| keeper == self.me)
            })
    }
}

#[tonic::async_trait]
impl Catalog for Heard {
    async fn vacant(&self) -> Vec<NodeId> {
        let around = self.discovery.snapshot();
        let vacant = around.neighbours.iter().filter(|(_, neighbour)| self.is_vacant(neighbour));
        let mut vacant: Vec<_> = vacant.map(|(id, _)| *id).collect();
        // Two dispatchers that ask for the same one cost both a try.
        vacant.shuffle(&mut rand::rng());
        vacant
    }

    async fn find(&self, peer: NodeId) -> Option<SocketAddr> {
        let around = self.discovery.snapshot();
        around.neighbours.get(&peer)?.at(|ports| ports.secure).first().copied()
    }

    fn is_there(&self, peer: NodeId) -> bool {
        self.discovery.snapshot().neighbours.get(&peer).is_some_and(|neighbour| neighbour.is_direct())
    }
}
