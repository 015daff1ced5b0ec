//! What a registration is followed by.

use proto::bridge::v1::PeersRequest;

use crate::support::{FakePeer, Node};

/// More than the burst of one address would be too many; few would hardly meet a table that lags.
const PEERS: usize = 50;

/// The answer once went out before the table had what it says.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_registered_sees_itself_at_once() {
    let home = Node::start("home").await;
    let console = home.node_console().await;
    let listed = async |id: identity::NodeId| {
        let peers = console.clone().peers(PeersRequest {}).await.unwrap().into_inner().peers;
        peers.iter().any(|peer| peer.node_id == id.to_bytes() && peer.state == "online")
    };
    for n in 0..PEERS {
        let mut peer = FakePeer::new(&format!("peer {n}"));
        peer.register(&home).await;
        assert!(listed(peer.id()).await, "after registration {n}");
    }
    home.stop().await;
}
