//! A bridge with more peers than it serves.

use std::net::SocketAddr;

use gateway::limits::PeerLimits;
use identity::NodeId;
use proto::bridge::v1::{Refusal, control_client::ControlClient};
use runtime::TaskGroup;
use tokio::net::{TcpListener, TcpSocket};
use tonic::{Code, Status, transport::Channel};

use crate::support::{FakePeer, Node};

const LIMITS: PeerLimits = PeerLimits { local: 5, registrations_per_address: 3 };

/// A bridge, and doors on three machines, as it were: what goes in there comes to its control port from another address.
async fn bridge(group: &TaskGroup) -> (Node, [SocketAddr; 3]) {
    let home = Node::start_with("home", |config| config.peers = LIMITS).await;
    let control = home.bridge.addresses().control;
    let mut doors = [control; 3];
    for (machine, door) in (2..).zip(&mut doors) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        *door = listener.local_addr().unwrap();
        let each = group.clone();
        group.spawn(tracing::Span::none(), async move {
            while let Ok((mut inside, _)) = listener.accept().await {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind(([127, 0, 0, machine], 0).into()).unwrap();
                let mut outside = socket.connect(control).await.unwrap();
                each.spawn(tracing::Span::none(), async move {
                    let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                });
            }
        });
    }
    (home, doors)
}

/// A peer and its connection through a door.
struct Guest(FakePeer, ControlClient<Channel>);

impl Guest {
    async fn at(node: &Node, door: SocketAddr) -> Self {
        let peer = FakePeer::new("guest");
        let control = ControlClient::new(peer.channel_at(node, door).await);
        Self(peer, control)
    }

    fn id(&self) -> NodeId {
        self.0.id()
    }

    async fn register(&mut self, node: &Node) -> Result<(), Status> {
        let announcement = self.0.announcement(node.bridge.network().to_proto(), &[node.id()]);
        self.1.register(self.0.request(&announcement)).await.map(drop)
    }
}

/// So many guests, all of whom are taken.
async fn guests(node: &Node, door: SocketAddr, count: usize) -> Vec<Guest> {
    let mut guests = Vec::new();
    for _ in 0..count {
        let mut guest = Guest::at(node, door).await;
        guest.register(node).await.unwrap();
        guests.push(guest);
    }
    guests
}

async fn is_refused(node: &Node, door: SocketAddr, why: &str) {
    let mut guest = Guest::at(node, door).await;
    let refused = guest.register(node).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains(why), "{}", refused.message());
    assert_eq!(node.explain(guest.id()).await.refusal(), Refusal::UnknownPeer, "nothing of it is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_so_many_registrations_and_others_are_served() {
    let group = TaskGroup::new();
    let (home, doors) = bridge(&group).await;
    let mut here = guests(&home, doors[0], LIMITS.registrations_per_address).await;
    is_refused(&home, doors[0], "3 peers registered from this address already").await;
    for guest in &mut here {
        guest.register(&home).await.expect("a renewal takes no new place");
    }
    guests(&home, doors[1], 1).await;
    here[0].0.goodbye(&home).await;
    guests(&home, doors[0], 1).await;
    is_refused(&home, doors[0], "from this address").await;
    home.stop().await;
    group.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_serves_so_many_peers_and_those_it_has_stay() {
    let group = TaskGroup::new();
    let (home, doors) = bridge(&group).await;
    let mut all = guests(&home, doors[0], 3).await;
    all.extend(guests(&home, doors[1], LIMITS.local - 3).await);
    is_refused(&home, doors[2], "this bridge serves 5 peers already").await;
    for guest in &mut all {
        guest.register(&home).await.expect("a renewal takes no new place");
    }
    let status = home.status().await;
    assert_eq!(status.local_peers as usize, LIMITS.local);
    assert!(home.http("/metrics").await.contains("registrations_refused_total 1"));
    all[4].0.goodbye(&home).await;
    guests(&home, doors[2], 1).await;
    home.stop().await;
    group.abort();
}
