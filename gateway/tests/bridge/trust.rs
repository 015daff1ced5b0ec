//! Trust and links, changed while running.

use proto::control::v1::{
    AddLinkRequest, AddTrustRequest, ListTrustRequest, RemoveLinkRequest, RemoveTrustRequest,
};
use tonic::Code;

use crate::support::{Node, eventually, linked_pair, trust};

#[tokio::test(flavor = "multi_thread")]
async fn removed_trust_closes_the_link_at_once_and_added_trust_brings_it_back() {
    let (home, cloud) = linked_pair().await;
    let request = RemoveTrustRequest { node_id: home.id().to_bytes() };
    let answer = cloud.console().await.remove_trust(request.clone()).await.unwrap().into_inner();
    assert!(answer.removed);
    assert_eq!(answer.links_closed, 1);
    cloud.wait_for_links(0).await;
    let refused = eventually("refusal", async || {
        let links = home.links().await;
        links.into_iter().find(|link| link.state == "refused")
    })
    .await;
    assert!(refused.reason.contains("causeway trust add"), "{}", refused.reason);
    assert!(!cloud.console().await.remove_trust(request).await.unwrap().into_inner().removed);
    trust(&cloud, home.id()).await;
    home.wait_for_links(1).await;
    home.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_added_and_removed_while_running_and_kept_across_restarts() {
    let (home, cloud) = (Node::start("home").await, Node::start("cloud").await);
    trust(&cloud, home.id()).await;
    let url = cloud.url().to_string();
    home.console().await.add_link(AddLinkRequest { url: url.clone() }).await.unwrap();
    home.wait_for_links(1).await;
    let entries = home.console().await.list_trust(ListTrustRequest {}).await.unwrap().into_inner().entries;
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].source.as_str(), entries[0].linked), ("command", true));

    let home = home.restart().await;
    home.wait_for_links(1).await;
    let links = home.links().await;
    assert_eq!((links[0].name.as_str(), links[0].state.as_str()), ("cloud", "up"));
    let removed = home.console().await.remove_link(RemoveLinkRequest { link: "cloud".into() }).await.unwrap();
    assert_eq!(removed.into_inner().removed, 1);
    home.wait_for_links(0).await;
    let home = home.restart().await;
    assert!(home.links().await.is_empty());
    home.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_answered_with_what_to_do() {
    let home = Node::start("home").await;
    let mut console = home.console().await;
    let own = AddTrustRequest { node_id: home.id().to_bytes() };
    assert_eq!(console.add_trust(own).await.unwrap_err().code(), Code::InvalidArgument);
    let short = AddTrustRequest { node_id: vec![1, 2, 3].into() };
    assert_eq!(console.add_trust(short).await.unwrap_err().code(), Code::InvalidArgument);
    let url = AddLinkRequest { url: "http://example".into() };
    let error = console.add_link(url).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("quic://HOST:PORT/NODEID"), "{}", error.message());
    let error = console.remove_link(RemoveLinkRequest { link: "nobody".into() }).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    home.stop().await;
}
