//! Who may read the topology over the network.

use proto::{
    bridge::v1::{LinksRequest, PeersRequest, StatusRequest},
    control::v1::AboutRequest,
};
use runtime::rpc::connect_unix;
use tonic::{Code, codec::CompressionEncoding};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{FakePeer, Node};

#[tokio::test(flavor = "multi_thread")]
async fn status_links_and_peers_need_a_place_on_the_operators_list() {
    let operator = FakePeer::new("operator");
    let id = operator.id();
    let home = Node::start_with("home", |config| config.operators = vec![id]).await;
    let mut anna = FakePeer::new("anna");
    anna.register(&home).await;
    let mut refused = anna.control(&home).await;
    let error = refused.status(StatusRequest {}).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    assert!(error.message().contains("operators"), "{}", error.message());
    assert_eq!(refused.links(LinksRequest {}).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(refused.peers(PeersRequest {}).await.unwrap_err().code(), Code::PermissionDenied);

    let mut control = operator.control(&home).await;
    let status = control.status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!((status.local_peers, status.name.as_str()), (1, "home"));
    assert!(control.links(LinksRequest {}).await.unwrap().into_inner().links.is_empty());
    let peers = control.peers(PeersRequest {}).await.unwrap().into_inner().peers;
    assert_eq!((peers.len(), peers[0].name.as_str(), peers[0].state.as_str()), (1, "anna", "online"));
    assert_eq!(peers[0].addresses, ["127.0.0.1:30000"]);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_somebody_else_or_another_network_are_not_registered() {
    let home = Node::start("home").await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    let network = home.bridge.network().to_proto();
    let theirs = ben.announcement(network.clone(), &[]);
    let mut control = anna.control(&home).await;
    let error = control.register(ben.request(&theirs)).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    let mine = anna.announcement(network.clone(), &[]);
    let mut forged = anna.request(&mine);
    if let Some(signed) = &mut forged.announcement {
        signed.signature = vec![0; 64].into();
    }
    assert_eq!(control.register(forged).await.unwrap_err().code(), Code::InvalidArgument);
    let other = identity::Network::named("elsewhere").to_proto();
    let announcement = anna.announcement(other, &[]);
    let error = control.register(anna.request(&announcement)).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    let older = anna.announcement(network.clone(), &[]);
    let newest = anna.announcement(network, &[]);
    control.register(anna.request(&newest)).await.unwrap();
    let error = control.register(anna.request(&older)).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("replay"), "{}", error.message());
    assert_eq!(home.status().await.local_peers, 1);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_of_the_local_socket_takes_compressed_messages() {
    let home = Node::start("home").await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut bridge = home.console().await.send_compressed(encoding).accept_compressed(encoding);
        bridge.status(StatusRequest {}).await.unwrap();
        let mut node = home.node_console().await.send_compressed(encoding).accept_compressed(encoding);
        node.about(AboutRequest {}).await.unwrap();
        let channel = connect_unix(home.bridge.socket()).await.unwrap();
        let mut health = HealthClient::new(channel).send_compressed(encoding).accept_compressed(encoding);
        health.check(HealthCheckRequest::default()).await.unwrap();
    }
    home.stop().await;
}
