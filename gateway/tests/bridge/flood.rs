//! Bounds hold when somebody presses.

use proto::bridge::v1::FollowRequest;
use tonic::Code;

use crate::support::{FakePeer, Node};

const INVENTED: usize = 60;
/// More than the burst of one node.
const REQUESTS: usize = 400;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_requests_is_refused_and_others_are_served() {
    let home = Node::start("home").await;
    let mut loud = FakePeer::new("loud");
    let mut control = loud.control(&home).await;
    let mut refused = 0;
    for _ in 0..REQUESTS {
        let announcement = loud.announcement(home.bridge.network().to_proto(), &[home.id()]);
        match control.register(loud.request(&announcement)).await {
            Ok(_) => {}
            Err(status) if status.code() == Code::ResourceExhausted => refused += 1,
            Err(status) => panic!("{status}"),
        }
    }
    assert!(refused > 0);
    let mut quiet = FakePeer::new("quiet");
    quiet.register(&home).await;
    let status = home.status().await;
    assert_eq!(status.local_peers, 2);
    // Renewals are no changes: what is logged is the start and two peers.
    assert!(status.head < 20, "{} events", status.head);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_peers_that_come_and_go_leave_a_bounded_log() {
    let home = Node::start("home").await;
    let mut peers: Vec<_> = (0..INVENTED).map(|n| FakePeer::new(&format!("invented {n}"))).collect();
    for _ in 0..2 {
        for peer in &mut peers {
            let announcement = peer.announcement(home.bridge.network().to_proto(), &[home.id()]);
            let mut control = peer.control(&home).await;
            let request = peer.request(&announcement);
            match control.register(request).await {
                Ok(_) => peer.goodbye(&home).await,
                Err(status) => assert_eq!(status.code(), Code::ResourceExhausted),
            }
        }
    }
    let status = home.status().await;
    assert_eq!(status.local_peers, 0);
    assert!(status.head <= 4 * INVENTED as u64 + 20, "{} events", status.head);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_follows_a_bounded_number_of_times_and_a_closed_stream_gives_its_place_back() {
    let home = Node::start("home").await;
    let mut anna = FakePeer::new("anna");
    anna.register(&home).await;
    let mut control = anna.control(&home).await;
    let mut streams = Vec::new();
    let refused = loop {
        match control.follow(FollowRequest {}).await {
            Ok(stream) => streams.push(stream),
            Err(status) => break status,
        }
        assert!(streams.len() < 100);
    };
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(streams.len(), gateway::limits::MAX_FOLLOWERS_PER_NODE);
    streams.pop();
    crate::support::eventually("place", async || control.clone().follow(FollowRequest {}).await.ok()).await;
    home.stop().await;
}
