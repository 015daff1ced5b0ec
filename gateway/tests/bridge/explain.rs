//! A true sentence for each refusal that can be provoked.

use proto::bridge::v1::{ExplainRequest, FollowRequest, Refusal, WakeRequest};
use tonic::Code;

use crate::support::{FakePeer, Node, eventually, linked_pair};

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_a_left_and_an_unreachable_peer_are_told_apart() {
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    anna.register(&home).await;
    ben.register(&home).await;
    for peer in [&anna, &ben] {
        eventually("peer", async || cloud.state_of(peer.id()).await).await;
    }
    let unknown = cloud.explain(FakePeer::new("nobody").id()).await;
    assert_eq!(unknown.refusal(), Refusal::UnknownPeer);
    assert!(unknown.sentence.contains("check the id"), "{}", unknown.sentence);

    ben.goodbye(&home).await;
    let left = cloud.wait_for_refusal(ben.id(), Refusal::PeerLeft).await;
    assert!(left.sentence.contains("said goodbye"), "{}", left.sentence);

    let open = cloud.explain(anna.id()).await;
    assert_eq!((open.refusal(), open.route.len()), (Refusal::Unspecified, 2));
    assert!(open.sentence.contains("nothing stands in the way to anna"), "{}", open.sentence);

    let request = proto::control::v1::RemoveTrustRequest { node_id: home.id().to_bytes() };
    cloud.console().await.remove_trust(request).await.unwrap();
    let cut = cloud.wait_for_refusal(anna.id(), Refusal::NoRoute).await;
    assert!(cut.sentence.contains("links that are up"), "{}", cut.sentence);
    home.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_bridge_says_so_and_takes_nobody_new() {
    let home = Node::start("home").await;
    let mut anna = FakePeer::new("anna");
    anna.register(&home).await;
    home.console().await.drain(proto::control::v1::DrainRequest { grace_ms: 1_000 }).await.unwrap();
    let answer = home.explain(anna.id()).await;
    assert_eq!(answer.refusal(), Refusal::Draining);
    assert!(answer.sentence.contains("use another bridge"), "{}", answer.sentence);
    let announcement = anna.announcement(home.bridge.network().to_proto(), &[home.id()]);
    let refused = anna.control(&home).await.register(anna.request(&announcement)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(home.status().await.draining);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_may_ask_why_and_nothing_else() {
    let home = Node::start("home").await;
    let stranger = FakePeer::new("stranger");
    let mut anna = FakePeer::new("anna");
    anna.register(&home).await;
    let mut control = stranger.control(&home).await;
    let request = ExplainRequest { destination: anna.id().to_bytes() };
    let answer = control.explain(request).await.unwrap().into_inner();
    assert_eq!(answer.refusal(), Refusal::NotRegistered);
    assert!(!answer.sentence.contains("anna") && answer.route.is_empty(), "{answer:?}");
    let error = control.follow(FollowRequest {}).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    assert!(error.message().contains("register first"), "{}", error.message());
    let error = control.wake(WakeRequest { node_id: stranger.id().to_bytes() }).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    let error = control.explain(ExplainRequest { destination: vec![1].into() }).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waking_promises_nothing_that_nobody_does() {
    let home = Node::start("home").await;
    let mut anna = FakePeer::new("anna");
    anna.register(&home).await;
    let mut control = anna.control(&home).await;
    for (id, says) in [(anna.id(), "does not sleep"), (FakePeer::new("nobody").id(), "no bridge known here")]
    {
        let answer = control.wake(WakeRequest { node_id: id.to_bytes() }).await.unwrap().into_inner();
        assert!(!answer.asked && answer.sentence.contains(says), "{}", answer.sentence);
    }
    home.stop().await;
}
