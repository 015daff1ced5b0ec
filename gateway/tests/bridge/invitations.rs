//! Pairing two bridges by a token.

use gateway::limits::MAX_INVITATIONS;
use proto::control::v1::{InviteRequest, JoinRequest, ListTrustRequest};
use tonic::Code;

use crate::support::Node;

async fn invite(node: &Node, valid_s: u32) -> String {
    let request = InviteRequest { address: node.bridge.addresses().link.to_string(), valid_s };
    node.console().await.invite(request).await.unwrap().into_inner().token
}

async fn join(node: &Node, token: &str) -> Result<proto::control::v1::JoinResponse, tonic::Status> {
    let request = JoinRequest { token: token.into() };
    node.console().await.join(request).await.map(tonic::Response::into_inner)
}

async fn trusted(node: &Node) -> usize {
    node.console().await.list_trust(ListTrustRequest {}).await.unwrap().into_inner().entries.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_bridge_joins_and_both_trust_each_other_across_restarts() {
    let (home, cloud) = (Node::start("home").await, Node::start("cloud").await);
    let token = invite(&cloud, 600).await;
    let joined = join(&home, &token).await.unwrap();
    assert_eq!((joined.node_id, joined.name.as_str()), (cloud.id().to_bytes(), "cloud"));
    assert_eq!(joined.network, Some(cloud.bridge.network().to_proto()));
    home.wait_for_links(1).await;
    assert_eq!((trusted(&home).await, trusted(&cloud).await), (1, 1));
    let home = home.restart().await;
    home.wait_for_links(1).await;
    home.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_token_lets_nobody_else_in_and_changes_nothing_there() {
    let (home, cloud, late) =
        (Node::start("home").await, Node::start("cloud").await, Node::start("late").await);
    let token = invite(&cloud, 600).await;
    join(&home, &token).await.unwrap();
    let error = join(&late, &token).await.unwrap_err();
    assert_eq!(error.code(), Code::Aborted);
    assert!(error.message().contains("no other bridge has used it"), "{}", error.message());
    assert_eq!((trusted(&late).await, trusted(&cloud).await), (0, 1));
    assert!(late.links().await.is_empty());
    for node in [home, cloud, late] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_lets_nobody_in() {
    let (home, cloud) = (Node::start("home").await, Node::start("cloud").await);
    let token = invite(&cloud, 1).await;
    // Kept open beside it, so that a stranger's hello is heard at all.
    let other = invite(&cloud, 600).await;
    // The inviter's clock must be past the second that the token was good for.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let expired = join(&home, &token).await.unwrap_err();
    assert_eq!(expired.code(), Code::Aborted);
    assert_eq!((trusted(&home).await, trusted(&cloud).await), (0, 0));
    join(&home, &other).await.unwrap();
    home.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_token_is_refused_before_anything_is_dialled() {
    let (home, cloud) = (Node::start("home").await, Node::start("cloud").await);
    let token = invite(&cloud, 600).await;
    let at = token.len() / 2;
    let swap = if &token[at..=at] == "A" { "B" } else { "A" };
    let changed = format!("{}{swap}{}", &token[..at], &token[at + 1..]);
    for wrong in [changed.as_str(), &token[..at], "", "causeway1-", "hello"] {
        assert_eq!(join(&home, wrong).await.unwrap_err().code(), Code::InvalidArgument, "{wrong}");
    }
    let own = invite(&home, 600).await;
    assert_eq!(join(&home, &own).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!((trusted(&home).await, trusted(&cloud).await), (0, 0));
    home.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_cannot_be_reached_is_not_joined() {
    let (home, cloud) = (Node::start("home").await, Node::start("cloud").await);
    let token = invite(&cloud, 600).await;
    let id = cloud.id();
    cloud.stop().await;
    let error = join(&home, &token).await.unwrap_err();
    assert_eq!(error.code(), Code::Aborted);
    assert!(error.message().contains(&id.to_string()), "{}", error.message());
    assert_eq!(trusted(&home).await, 0);
    assert!(home.links().await.is_empty());
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_invitations_than_there_may_be_are_refused_and_counted() {
    let home = Node::start("home").await;
    for _ in 0..MAX_INVITATIONS {
        invite(&home, 600).await;
    }
    let request = InviteRequest { address: "host:1".into(), valid_s: 600 };
    let error = home.console().await.invite(request).await.unwrap_err();
    assert!(error.message().contains("open already"), "{}", error.message());
    let open = home.metric("causeway_bridge_invitations_open").await;
    assert_eq!(open, MAX_INVITATIONS as u64);
    assert_eq!(home.metric("causeway_bridge_invitations_refused_total").await, 1);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_invitations_are_not_made() {
    let home = Node::start("home").await;
    let mut console = home.console().await;
    for (address, valid_s) in [("nowhere", 0), ("host:0", 0), ("host:1", u32::MAX)] {
        let request = InviteRequest { address: address.into(), valid_s };
        assert_eq!(console.invite(request).await.unwrap_err().code(), Code::InvalidArgument, "{address}");
    }
    let all = console.invite(InviteRequest::default()).await.unwrap().into_inner();
    assert!(all.token.starts_with("causeway1-") && all.expires_at.ends_with('Z'));
    home.stop().await;
}
