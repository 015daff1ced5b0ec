//! Peers that sleep: who may say so, how others see it, and who is asked to wake them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use identity::{
    NodeId, keepers,
    tls::{ALPN_H2, Expected, client_config, server_config, server_name},
};
use proto::{
    bridge::v1::{AsleepRequest, Refusal, WakeRequest as Ask, follow_event::Kind},
    claim::v1::{
        WakeRequest, WakeResponse,
        waker_server::{Waker, WakerServer},
    },
    node::v1::{NodeKind, Ports},
};
use runtime::{
    TaskGroup,
    rpc::{self, AcceptLimits, connect_tls, tls_incoming},
};
use tokio::net::TcpListener;
use tonic::{Code, Request, Response, Status, service::Routes};

use crate::support::{FakePeer, LIMIT, Node, eventually, linked_pair};

/// A dispatcher that wakes one peer: it registers the peer again, at a port where the peer answers TLS.
#[derive(Clone)]
struct Dispatcher {
    home: Arc<Node>,
    sleeper: Arc<tokio::sync::Mutex<FakePeer>>,
    port: u16,
    woken: Arc<AtomicUsize>,
    forgets: bool,
}

#[tonic::async_trait]
impl Waker for Dispatcher {
    async fn wake(&self, request: Request<WakeRequest>) -> Result<Response<WakeResponse>, Status> {
        let mut sleeper = self.sleeper.lock().await;
        assert_eq!(request.into_inner().node_id, sleeper.id().to_bytes());
        self.woken.fetch_add(1, Ordering::SeqCst);
        if self.forgets {
            return Err(Status::not_found("it was not visited for long"));
        }
        sleeper.register_with(&self.home, Ports { secure: self.port.into(), ..Ports::default() }).await;
        Ok(Response::new(WakeResponse {}))
    }
}

/// A sleeping peer of `home` and its dispatcher, which is registered and answers.
async fn asleep(home: &Arc<Node>, group: &TaskGroup, forgets: bool) -> (NodeId, Dispatcher) {
    let mut keeper = FakePeer::of_kind("lobby", NodeKind::Dispatcher, Vec::new());
    let mut sleeper = FakePeer::of_kind("guest", NodeKind::Peer, keepers(&[keeper.id()]));
    // The peer, when it is awake, takes TLS connections and says nothing.
    let peers = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = peers.local_addr().unwrap().port();
    let config = Arc::new(server_config(&sleeper.identity, ALPN_H2).unwrap());
    let incoming = tls_incoming(group, peers, config, AcceptLimits::default());
    group.spawn(
        tracing::info_span!("guest"),
        rpc::serve(group.clone(), rpc::server(), Routes::default(), incoming, LIMIT),
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = listener.local_addr().unwrap().port();
    let config = Arc::new(server_config(&keeper.identity, ALPN_H2).unwrap());
    keeper.register_with(home, Ports { secure: secure.into(), ..Ports::default() }).await;
    let announcement = sleeper.announcement(home.bridge.network().to_proto(), &[home.id()]);
    let request = sleeper.request(&announcement);
    let request = AsleepRequest { description: request.description, announcement: request.announcement };
    keeper.control(home).await.asleep(request).await.unwrap();

    let (id, woken) = (sleeper.id(), Arc::new(AtomicUsize::new(0)));
    let sleeper = Arc::new(tokio::sync::Mutex::new(sleeper));
    let dispatcher = Dispatcher { home: Arc::clone(home), sleeper, port, woken, forgets };
    let incoming = tls_incoming(group, listener, config, AcceptLimits::default());
    let routes = Routes::new(WakerServer::new(dispatcher.clone()));
    group.spawn(
        tracing::info_span!("lobby"),
        rpc::serve(group.clone(), rpc::server(), routes, incoming, LIMIT),
    );
    (id, dispatcher)
}

async fn until_asleep(home: &Node, id: NodeId) {
    eventually("it sleeps", async || (home.state_of(id).await?.0 == "asleep").then_some(())).await;
}

/// Connects to a peer over a bridge's proxy port, as peers do; TLS proves who answers.
async fn reach(bridge: &Node, caller: &FakePeer, peer: NodeId) -> bool {
    let config = client_config(&caller.identity, Expected::Node(peer), ALPN_H2).unwrap();
    let address = bridge.bridge.addresses().proxy;
    connect_tls(address, config.into(), server_name(peer), LIMIT).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reaches_for_a_sleeping_peer_has_it_woken_also_from_afar() {
    let (home, cloud) = linked_pair().await;
    let (home, group) = (Arc::new(home), TaskGroup::new());
    let (id, dispatcher) = asleep(&home, &group, false).await;
    until_asleep(&home, id).await;

    let mut ben = FakePeer::new("ben");
    ben.register(&cloud).await;
    let seen = ben.follow(&cloud).await.until_peer(id).await;
    assert!(seen.asleep);
    assert_eq!(cloud.explain(id).await.refusal(), Refusal::Unspecified);
    assert!(reach(&cloud, &ben, id).await, "over the link");
    assert_eq!(dispatcher.woken.load(Ordering::SeqCst), 1);
    eventually("the other bridge sees it awake", async || {
        (cloud.state_of(id).await?.0 == "online").then_some(())
    })
    .await;
    assert!(reach(&cloud, &ben, id).await);
    assert_eq!(dispatcher.woken.load(Ordering::SeqCst), 1, "who is awake is not woken");
    group.shutdown(LIMIT).await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_reaches_a_sleeping_peer_through_its_own_bridge() {
    let (home, group) = (Arc::new(Node::start("home").await), TaskGroup::new());
    let (id, dispatcher) = asleep(&home, &group, false).await;
    let mut anna = FakePeer::new("anna");
    anna.register(&home).await;
    let mut follower = anna.follow(&home).await;
    assert!(follower.until_peer(id).await.asleep);
    let answer = anna.control(&home).await.wake(Ask { node_id: id.to_bytes() }).await.unwrap().into_inner();
    assert!(answer.asked, "{}", answer.sentence);
    follower
        .until(|kind| match kind {
            Kind::Peer(peer) if !peer.asleep => Some(()),
            _ => None,
        })
        .await;
    assert!(reach(&home, &anna, id).await);
    assert_eq!(dispatcher.woken.load(Ordering::SeqCst), 1);
    group.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sleeps_is_not_missed_and_is_gone_once_nobody_keeps_it() {
    let (home, group) = (Arc::new(Node::start("home").await), TaskGroup::new());
    let (id, dispatcher) = asleep(&home, &group, true).await;
    until_asleep(&home, id).await;
    dispatcher.sleeper.lock().await.goodbye(&home).await;
    assert_eq!(home.state_of(id).await.unwrap().0, "asleep", "a late goodbye says nothing new");
    let mut anna = FakePeer::new("anna");
    anna.register(&home).await;
    assert!(!reach(&home, &anna, id).await);
    eventually("it is gone", async || home.state_of(id).await.is_none().then_some(())).await;
    assert_eq!(home.explain(id).await.refusal(), Refusal::PeerLeft);
    group.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_keeper_that_the_peer_names_is_believed() {
    let home = Node::start("home").await;
    let (mut mallory, mut lobby) = (FakePeer::new("mallory"), FakePeer::new("lobby"));
    mallory.register(&home).await;
    let mut guest = FakePeer::of_kind("guest", NodeKind::Peer, keepers(&[lobby.id()]));
    guest.register(&home).await;
    let announcement = guest.announcement(home.bridge.network().to_proto(), &[home.id()]);
    let request = guest.request(&announcement);
    let request =
        AsleepRequest { description: request.description.clone(), announcement: request.announcement };
    let refused = mallory.control(&home).await.asleep(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    let refused = lobby.control(&home).await.asleep(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "not of this network yet: {refused}");
    lobby.register(&home).await;
    let foreign = guest.announcement(identity::Network::named("elsewhere").to_proto(), &[]);
    let foreign = AsleepRequest { announcement: Some(foreign.signed().clone()), ..request.clone() };
    let refused = lobby.control(&home).await.asleep(foreign).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    assert_eq!(home.state_of(guest.id()).await.unwrap().0, "online");
    lobby.control(&home).await.asleep(request).await.unwrap();
    until_asleep(&home, guest.id()).await;
    home.stop().await;
}
