//! Which peers are reachable across a bridge, changed while it runs.

use std::net::SocketAddr;

use identity::{
    NodeId,
    tls::{ALPN_H2, Expected, client_config, server_name},
};
use proto::{
    bridge::v1::{ExplainRequest, Refusal},
    control::v1::{
        ChangePolicyRequest, ClearPolicyRequest, PolicyRule, ShowPolicyRequest, ShowPolicyResponse, Verdict,
    },
    node::v1::Ports,
};
use runtime::rpc::connect_tls;
use tokio::{io::AsyncReadExt as _, net::TcpListener};
use tonic::Code;

use crate::support::{FakePeer, LIMIT, Node, eventually, linked_pair};

async fn change(node: &Node, rule: PolicyRule, verdict: Verdict, id: Option<NodeId>) -> bool {
    let node_id = id.map(NodeId::to_bytes).unwrap_or_default();
    let request = ChangePolicyRequest { rule: rule.into(), verdict: verdict.into(), node_id };
    node.console().await.change_policy(request).await.unwrap().into_inner().changed
}

async fn show(node: &Node) -> ShowPolicyResponse {
    node.console().await.show_policy(ShowPolicyRequest {}).await.unwrap().into_inner()
}

/// Registers a peer that listens, so that its bridge can dial it.
async fn listening(peer: &mut FakePeer, node: &Node) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = u32::from(listener.local_addr().unwrap().port());
    peer.register_with(node, Ports { secure, greeting: 30_001, ..Ports::default() }).await;
    listener
}

/// Calls a peer through a bridge's proxy port as `caller`. Whether the call came to the peer.
async fn arrives(caller: &FakePeer, through: &Node, peer: NodeId, listener: &TcpListener) -> bool {
    let config = client_config(&caller.identity, Expected::Node(peer), ALPN_H2).unwrap();
    let address: SocketAddr = through.bridge.addresses().proxy;
    let call = connect_tls(address, config.into(), server_name(peer), LIMIT);
    let accepted = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
    };
    tokio::select! {
        () = accepted => true,
        refused = call => { assert!(refused.is_err()); false }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_its_bridge_does_not_export_is_refused_and_its_neighbour_is_not() {
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut carla, mut dora) =
        (FakePeer::new("anna"), FakePeer::new("carla"), FakePeer::new("dora"));
    anna.register(&home).await;
    let (at_carla, at_dora) = (listening(&mut carla, &cloud).await, listening(&mut dora, &cloud).await);
    for peer in [&carla, &dora] {
        eventually("peer", async || home.state_of(peer.id()).await.filter(|(state, _)| state == "online"))
            .await;
    }
    assert!(arrives(&anna, &home, carla.id(), &at_carla).await);
    assert!(change(&cloud, PolicyRule::Export, Verdict::Deny, Some(carla.id())).await);
    assert!(!change(&cloud, PolicyRule::Export, Verdict::Deny, Some(carla.id())).await, "was so already");
    assert!(!arrives(&anna, &home, carla.id(), &at_carla).await, "before the log has told the others, too");
    let answer = home.wait_for_refusal(carla.id(), Refusal::Policy).await;
    assert!(answer.sentence.contains("policy"), "{}", answer.sentence);
    let (state, reason) =
        eventually("reason", async || home.state_of(carla.id()).await.filter(|(it, _)| it != "online")).await;
    assert_eq!(state, "unreachable");
    assert!(reason.contains(&format!("the policy of bridge {}", cloud.id().short())), "{reason}");
    let request = ExplainRequest { destination: carla.id().to_bytes() };
    let told = anna.control(&home).await.explain(request).await.unwrap().into_inner();
    assert_eq!(told.refusal(), Refusal::Policy, "{}", told.sentence);
    assert!(arrives(&anna, &home, dora.id(), &at_dora).await);
    // Policies hide nobody.
    anna.follow(&home).await.until_peer(carla.id()).await;

    assert!(change(&cloud, PolicyRule::Export, Verdict::Allow, Some(carla.id())).await);
    eventually("peer", async || home.state_of(carla.id()).await.filter(|(state, _)| state == "online")).await;
    assert!(arrives(&anna, &home, carla.id(), &at_carla).await);
    home.stop().await;
    cloud.stop().await;
}

/// Guards against a home that relies on the other bridges: one that has not the news, or does not care, still sends.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_over_a_link_to_a_denied_peer_is_refused_by_its_home() {
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut carla) = (FakePeer::new("anna"), FakePeer::new("carla"));
    anna.register(&home).await;
    let at_carla = listening(&mut carla, &cloud).await;
    eventually("peer", async || home.state_of(carla.id()).await.filter(|(state, _)| state == "online")).await;
    // Denied and asked at once, again and again: sooner or later a call is on its way before the news.
    for _ in 0..10 {
        change(&cloud, PolicyRule::Export, Verdict::Deny, None).await;
        assert!(!arrives(&anna, &home, carla.id(), &at_carla).await);
        change(&cloud, PolicyRule::Export, Verdict::Allow, None).await;
    }
    home.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn import_binds_the_own_network_and_is_kept_across_a_restart() {
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut carla) = (FakePeer::new("anna"), FakePeer::new("carla"));
    anna.register(&home).await;
    listening(&mut carla, &cloud).await;
    eventually("peer", async || home.state_of(carla.id()).await.filter(|(state, _)| state == "online")).await;
    assert!(change(&home, PolicyRule::Import, Verdict::Allow, Some(anna.id())).await);
    assert!(change(&home, PolicyRule::Import, Verdict::Deny, None).await);
    home.wait_for_refusal(carla.id(), Refusal::Policy).await;

    let url = cloud.url();
    let home = home.restart_with(|config| config.links = vec![url]).await;
    home.wait_for_links(1).await;
    anna.register(&home).await;
    // Leases are short, and a restart takes its time.
    let at_carla = listening(&mut carla, &cloud).await;
    home.wait_for_refusal(carla.id(), Refusal::Policy).await;
    assert!(!arrives(&anna, &home, carla.id(), &at_carla).await);
    let import = show(&home).await.import.unwrap();
    assert!(!import.allow_others);
    assert_eq!((import.nodes.len(), import.nodes[0].allowed), (1, true));
    home.console().await.clear_policy(ClearPolicyRequest {}).await.unwrap();
    eventually("way", async || (home.explain(carla.id()).await.refusal() != Refusal::Policy).then_some(()))
        .await;
    eventually("peer", async || home.state_of(carla.id()).await.filter(|(state, _)| state == "online")).await;
    assert!(show(&home).await.import.unwrap().nodes.is_empty());
    home.stop().await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_change_nothing() {
    let home = Node::start("home").await;
    let mut console = home.console().await;
    let right = ChangePolicyRequest {
        rule: PolicyRule::Export.into(),
        verdict: Verdict::Deny.into(),
        node_id: home.id().to_bytes(),
    };
    for wrong in [
        ChangePolicyRequest { rule: 0, ..right.clone() },
        ChangePolicyRequest { verdict: 0, ..right.clone() },
        ChangePolicyRequest { node_id: vec![1, 2, 3].into(), ..right.clone() },
        ChangePolicyRequest {
            verdict: Verdict::Forget.into(),
            node_id: bytes::Bytes::new(),
            ..right.clone()
        },
    ] {
        assert_eq!(console.change_policy(wrong).await.unwrap_err().code(), Code::InvalidArgument);
    }
    for n in 0..64 {
        let node_id = NodeId::from_bytes([n; 32]).to_bytes();
        console.change_policy(ChangePolicyRequest { node_id, ..right.clone() }).await.unwrap();
    }
    let error = console.change_policy(right).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(error.message().contains("64 nodes already"), "{}", error.message());
    assert_eq!(show(&home).await.export.unwrap().nodes.len(), 64);
    home.stop().await;
}
