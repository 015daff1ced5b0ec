//! What one bridge knows the other one tells.

use identity::{Description, NodeId};
use proto::{
    bridge::v1::{Refusal, follow_event::Kind},
    greeting::v1::{GreetRequest, greeting_client::GreetingClient},
};
use runtime::rpc::connect_plain;

use crate::support::{FakePeer, LIMIT, Node, linked_pair, trust};

fn ids(route: &[bytes::Bytes]) -> Vec<NodeId> {
    route.iter().map(|id| NodeId::try_from(id).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_of_one_network_is_followed_in_the_other() {
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    let registered = ben.register(&cloud).await;
    assert_eq!(registered.network, Some(cloud.bridge.network().to_proto()));
    assert_eq!(registered.proxy_port, u32::from(cloud.bridge.addresses().proxy.port()));
    let mut follower = ben.follow(&cloud).await;
    follower.until(|kind| matches!(kind, Kind::Synced(_)).then_some(())).await;

    anna.register(&home).await;
    let seen = follower.until_peer(anna.id()).await;
    assert_eq!(ids(&seen.route), [cloud.id(), home.id()]);
    assert_eq!(seen.network, Some(home.bridge.network().to_proto()));
    assert!(!seen.asleep);
    assert_eq!(cloud.explain(anna.id()).await.refusal(), Refusal::Unspecified);

    anna.goodbye(&home).await;
    assert_eq!(follower.until_gone(anna.id()).await, Refusal::PeerLeft);
    home.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_greets_for_remote_peers() {
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    ben.register(&cloud).await;
    let mut follower = ben.follow(&cloud).await;
    anna.register(&home).await;
    follower.until_peer(anna.id()).await;
    let channel = connect_plain(cloud.bridge.addresses().greeting, LIMIT).await.unwrap();
    let announcement = ben.announcement(cloud.bridge.network().to_proto(), &[cloud.id()]);
    let request = |wanted: NodeId| GreetRequest {
        wanted: wanted.to_bytes(),
        description: Some(ben.description.signed().clone()),
        announcement: Some(announcement.signed().clone()),
    };
    let mut client = GreetingClient::new(channel);
    let greeted = client.greet(request(anna.id())).await.unwrap().into_inner();
    assert_eq!(Description::verify(greeted.description.unwrap()).unwrap(), anna.description);
    let unknown = client.greet(request(FakePeer::new("nobody").id())).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
    home.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_bridges_in_a_row_know_each_others_peers() {
    let (one, two) = linked_pair().await;
    let url = two.url();
    let three = Node::start_with("far", |config| config.links = vec![url]).await;
    trust(&two, three.id()).await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    anna.register(&one).await;
    ben.register(&three).await;
    let seen = ben.follow(&three).await.until_peer(anna.id()).await;
    assert_eq!(ids(&seen.route), [three.id(), two.id(), one.id()]);
    for node in [one, two, three] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_does_not_name_the_bridge_that_claims_it_is_not_routed() {
    let (home, cloud) = linked_pair().await;
    let mut anna = FakePeer::new("anna");
    // Neither the bridge among the homes nor the network's id: the claim has nothing to stand on.
    let network = identity::Network::named("home network").to_proto();
    let announcement = anna.announcement(network, &[FakePeer::new("other").id()]);
    anna.control(&home).await.register(anna.request(&announcement)).await.unwrap();
    let answer = cloud.wait_for_refusal(anna.id(), Refusal::NoRoute).await;
    assert!(answer.sentence.contains("does not name that bridge"), "{}", answer.sentence);
    assert_eq!(cloud.state_of(anna.id()).await, None);
    home.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_peer_is_followed_through_its_own_bridge_but_not_by_itself() {
    let home = Node::start("home").await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    anna.register(&home).await;
    ben.register(&home).await;
    let mut follower = ben.follow(&home).await;
    let seen = follower.until_peer(anna.id()).await;
    assert_eq!(ids(&seen.route), [home.id()]);
    // Had the follower been told of itself, it would have been before the next one.
    let mut cleo = FakePeer::new("cleo");
    cleo.register(&home).await;
    let told_of_itself = follower
        .until(|kind| match kind {
            Kind::Peer(peer) => {
                let id = Description::verify(peer.description.clone().unwrap()).unwrap().id();
                (id == ben.id() || id == cleo.id()).then_some(id == ben.id())
            }
            _ => None,
        })
        .await;
    assert!(!told_of_itself);
    home.stop().await;
}
