//! Registering with bridges and following their remote peers.

use std::{sync::Arc, time::Duration};

use discovery::{BridgeState, BridgeStatus, Event, Snapshot, Target};
use identity::{Network, NodeId};
use proto::{
    bridge::v1::{Draining, RemoteGone, RemotePeer, follow_event::Kind},
    node::v1::{NodeKind, Ports},
};

use tokio_util::sync::CancellationToken;

use crate::{
    node::{Node, Plan, appeared, eventually, free_port, loopback, without_multicast},
    test_bridge::TestBridge,
};

const LEASE: Duration = Duration::from_secs(3);

fn given(name: &str, targets: &[Target]) -> Plan {
    let settings = discovery::Settings { bridges: targets.to_vec(), ..without_multicast() };
    Plan::new(name, settings)
}

fn far_away(name: &str) -> discovery::Announcer {
    let plan = Plan { network: Network::named("cloud"), ..Plan::new(name, without_multicast()) };
    plan.announcer(Ports { secure: 30_000, greeting: 30_001, ..Ports::default() })
}

fn bridge_is(wanted: fn(&BridgeState) -> bool) -> impl Fn(&Event) -> Option<Arc<BridgeStatus>> {
    move |event| match event {
        Event::Bridge(status) if wanted(&status.state) => Some(Arc::clone(status)),
        _ => None,
    }
}

fn is_registered(state: &BridgeState) -> bool {
    *state == BridgeState::Registered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_given_bridge_is_named_a_home_and_told_goodbye() {
    let bridge = TestBridge::start("home", 0, LEASE);
    let mut peer = Node::start(given("peer", &[Target::new(bridge.address, Some(bridge.identity.id()))]));
    let status = peer.until("the registration", bridge_is(is_registered)).await;
    assert_eq!((status.id, status.first_use), (Some(bridge.identity.id()), false));
    assert_eq!(status.end.as_ref().unwrap().proxy.port(), 30_010);
    let (announcement, _) = bridge.registered().pop().unwrap();
    assert_eq!(announcement.homes(), [bridge.identity.id()]);
    peer.known("the network's id", |snapshot| (snapshot.network == bridge.network).then_some(())).await;
    let before = bridge.registered().len();
    eventually("the lease is renewed", || bridge.registered().len() > before + 1).await;
    peer.stop().await;
    assert!(bridge.registered().pop().unwrap().1, "the last registration is a goodbye");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_given_bridges_both_are_homes_and_one_carries_on_when_the_other_dies() {
    let (dies, stays) = (TestBridge::start("home", 0, LEASE), TestBridge::start("home", 0, LEASE));
    let targets = [&dies, &stays].map(|bridge| Target::new(bridge.address, Some(bridge.identity.id())));
    let mut peer = Node::start(given("peer", &targets));
    let both = [dies.identity.id(), stays.identity.id()];
    let named = |homes: &[NodeId]| homes.len() == 2 && both.iter().all(|home| homes.contains(home));
    eventually("both are homes", || named(peer.discovery.announcer().homes().as_slice())).await;
    for bridge in [&dies, &stays] {
        let told = || bridge.registered().last().is_some_and(|(announcement, _)| named(announcement.homes()));
        eventually("each is told of both", told).await;
        eventually("each is followed", || bridge.followers() == 1).await;
    }
    let remote = far_away("remote");
    for bridge in [&dies, &stays] {
        bridge.tell(Kind::Peer(bridge.remote(&remote)));
    }
    let routes = |wanted: usize| {
        let id = remote.id();
        move |snapshot: &Snapshot| (snapshot.neighbours.get(&id)?.routes.len() == wanted).then_some(())
    };
    peer.known("a way through each", routes(2)).await;

    dies.crash();
    peer.until("the loss", bridge_is(|state| matches!(state, BridgeState::Waiting { .. }))).await;
    peer.known("the way that is left", routes(1)).await;
    assert_eq!(peer.discovery.announcer().homes(), [stays.identity.id()]);
    let before = stays.registered().len();
    let renewed = || {
        stays.registered().get(before..).is_some_and(|new| {
            new.iter()
                .any(|(announcement, goodbye)| announcement.homes() == [stays.identity.id()] && !goodbye)
        })
    };
    eventually("the other one hears that it is the only home", renewed).await;
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn remote_peers_come_and_go_with_what_the_bridge_tells() {
    let bridge = TestBridge::start("home", 0, LEASE);
    let mut peer = Node::start(given("peer", &[Target::new(bridge.address, None)]));
    let status = peer.until("the registration", bridge_is(is_registered)).await;
    assert!(status.first_use, "no id was given: that is said");
    eventually("it follows", || bridge.followers() == 1).await;
    let remote = far_away("remote");
    bridge.tell(Kind::Peer(bridge.remote(&remote)));
    peer.until("the remote peer", appeared(remote.id())).await;
    let snapshot = peer.discovery.snapshot();
    let known = &snapshot.neighbours[&remote.id()];
    assert!(!known.is_direct() && known.is_described());
    assert_eq!((known.routes[0].via.id, known.routes[0].cost_us), (bridge.identity.id(), 7_000));
    let gone = RemoteGone { node_id: remote.id().to_bytes(), reason: 0 };
    bridge.tell(Kind::Gone(gone));
    peer.until("its end", |event| matches!(event, Event::Gone { .. }).then_some(())).await;
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_of_a_bridge_about_remote_peers_are_dropped() {
    let bridge = TestBridge::start("home", 0, LEASE);
    let mut peer = Node::start(given("peer", &[Target::new(bridge.address, None)]));
    eventually("it follows", || bridge.followers() == 1).await;
    let (victim, other) = (far_away("victim"), far_away("other"));
    let honest = bridge.remote(&victim);
    let foreign = bridge.remote(&other);
    let mut forged = honest.clone();
    let mut changed = forged.announcement.clone().unwrap();
    changed.signature = vec![0; 64].into();
    forged.announcement = Some(changed);
    let mut lies = vec![forged];
    // Records of two nodes mixed, routes that do not begin here, that loop, that are too long.
    lies.push(RemotePeer { announcement: foreign.announcement, ..honest.clone() });
    for route in [vec![], vec![8], vec![0, 8, 8], vec![0, 1, 2, 3, 4, 5, 6, 7, 8]] {
        let hop = |byte| if byte == 0 { bridge.identity.id() } else { NodeId::from_bytes([byte; 32]) };
        let route = route.into_iter().map(|byte| hop(byte).to_bytes()).collect();
        lies.push(RemotePeer { route, ..honest.clone() });
    }
    let told = u64::try_from(lies.len()).unwrap();
    for lie in lies {
        bridge.tell(Kind::Peer(lie));
    }
    let truth = far_away("truth");
    bridge.tell(Kind::Peer(bridge.remote(&truth)));
    peer.until("the honest one", appeared(truth.id())).await;
    assert_eq!(peer.discovery.snapshot().neighbours.len(), 1);
    assert_eq!(peer.metrics.dropped_so_far("remote_peer"), told);
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_of_a_bridge_are_greeted_where_it_hears_them_and_again() {
    let bridge = TestBridge::start("home", 0, LEASE);
    let peer = Node::start(given("peer", &[Target::new(bridge.address, None)]));
    eventually("it follows", || bridge.followers() == 1).await;
    let [near, far, elsewhere] =
        ["near", "far", "elsewhere"].map(|name| Node::start(Plan::new(name, without_multicast())));
    let here = vec![vec![127, 0, 0, 1].into()];
    let remote = |node: &Node| bridge.remote(node.discovery.announcer());
    // Of others' neighbours it cannot know, and nobody is made to dial third parties.
    bridge.tell(Kind::Peer(RemotePeer { addresses: here.clone(), ..remote(&far) }));
    let route = vec![bridge.identity.id().to_bytes()];
    let third_party = vec![vec![192, 0, 2, 1].into(), vec![127].into()];
    bridge.tell(Kind::Peer(RemotePeer {
        route: route.clone(),
        addresses: third_party,
        ..remote(&elsewhere)
    }));
    bridge.tell(Kind::Peer(RemotePeer { route, addresses: here, ..remote(&near) }));
    let direct = |id: NodeId| move |snapshot: &Snapshot| snapshot.neighbours[&id].is_direct().then_some(());
    peer.known("the neighbours", |snapshot| (snapshot.neighbours.len() == 3).then_some(())).await;
    peer.known("the one nearby directly", direct(near.id())).await;
    let snapshot = peer.discovery.snapshot();
    assert!(direct(far.id())(&snapshot).is_none() && direct(elsewhere.id())(&snapshot).is_none());
    assert_eq!(peer.metrics.dropped_so_far("remote_peer"), 0);
    let first = peer.discovery.last_heard().await[&near.id()];
    while peer.discovery.last_heard().await[&near.id()] == first {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for node in [peer, near, far, elsewhere] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draining_bridge_is_left_at_once() {
    let bridge = TestBridge::start("home", 0, LEASE);
    let mut peer = Node::start(given("peer", &[Target::new(bridge.address, None)]));
    eventually("it follows", || bridge.followers() == 1).await;
    let remote = far_away("remote");
    bridge.tell(Kind::Peer(bridge.remote(&remote)));
    peer.until("the remote peer", appeared(remote.id())).await;
    bridge.tell(Kind::Draining(Draining { grace_ms: 60_000 }));
    peer.until("the drain", bridge_is(|state| *state == BridgeState::Draining)).await;
    peer.known("no route", |snapshot| snapshot.neighbours.is_empty().then_some(())).await;
    assert!(peer.discovery.announcer().homes().is_empty());
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_comes_back_is_found_and_one_that_took_its_place_is_not() {
    let bridge = TestBridge::start("home", 0, LEASE);
    let (identity, address) = (bridge.identity.clone(), bridge.address);
    let mut peer = Node::start(given("peer", &[Target::new(address, None)]));
    peer.until("the registration", bridge_is(is_registered)).await;
    bridge.crash();
    peer.until("the loss", bridge_is(|state| matches!(state, BridgeState::Waiting { .. }))).await;
    assert!(peer.discovery.announcer().homes().is_empty());
    // Whoever answered first is believed from then on: nobody takes its place.
    let impostor = TestBridge::start("home", address.port(), LEASE);
    let refused = |state: &BridgeState| matches!(state, BridgeState::Waiting { reason } if reason.contains("did not prove to be"));
    peer.until("the refusal", bridge_is(refused)).await;
    assert!(impostor.registered().is_empty());
    impostor.crash();
    let _again = TestBridge::start_as(identity, "home", address.port(), LEASE);
    peer.until("the registration", bridge_is(is_registered)).await;
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_of_another_network_is_refused_with_a_sentence() {
    let bridge = TestBridge::start("work", 0, LEASE);
    let mut peer = Node::start(given("peer", &[Target::new(bridge.address, None)]));
    let status = peer.until("the refusal", bridge_is(|state| matches!(state, BridgeState::Waiting { .. })));
    let status = status.await;
    let BridgeState::Waiting { reason } = &status.state else { unreachable!("that is what was waited for") };
    assert!(reason.contains("`work`") && reason.contains("`home`"), "{reason}");
    peer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heard_bridge_is_registered_with_and_a_given_one_takes_over() {
    let port = free_port();
    let bridge = TestBridge::start("home", 0, LEASE);
    let settings = discovery::Settings { register: false, ..loopback(port) };
    // The bridge's own discovery: it announces the control port of the other half.
    let voice = Node::start(Plan {
        identity: bridge.identity.clone(),
        kind: NodeKind::Bridge,
        network: bridge.network.clone(),
        control: bridge.address.port(),
        ..Plan::new("voice", settings)
    });
    let mut peer = Node::start(Plan::new("peer", loopback(port)));
    let status = peer.until("the registration", bridge_is(is_registered)).await;
    assert_eq!(status.id, Some(bridge.identity.id()));
    peer.discovery.add_bridge(Target::new(bridge.address, None)).await;
    peer.until("the end of the heard one", bridge_is(|state| *state == BridgeState::Left)).await;
    let single = |snapshot: &Snapshot| {
        let [only] = snapshot.bridges.as_slice() else { return None };
        (only.state == BridgeState::Registered).then_some(())
    };
    peer.known("one registration", single).await;
    assert_eq!(peer.discovery.announcer().homes(), [bridge.identity.id()]);
    assert!(!bridge.registered().iter().any(|(_, goodbye)| *goodbye), "nobody said goodbye");
    voice.stop().await;
    peer.stop().await;
}

/// Carries bytes both ways until it is told to go silent, as a machine does that lost its power.
async fn way_to(bridge: std::net::SocketAddr, silent: CancellationToken) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let group = runtime::TaskGroup::new();
    let tasks = group.clone();
    group.spawn(tracing::info_span!("way"), async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let silent = silent.clone();
            tasks.spawn(tracing::info_span!("carry"), async move {
                let mut far = tokio::net::TcpStream::connect(bridge).await.unwrap();
                tokio::select! {
                    () = silent.cancelled() => std::future::pending().await,
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_dies_in_silence_is_left() {
    let bridge = TestBridge::start("home", 0, Duration::from_secs(600));
    let silent = CancellationToken::new();
    let way = way_to(bridge.address, silent.clone()).await;
    let mut peer = Node::start(given("peer", &[Target::new(way, None)]));
    eventually("it follows", || bridge.followers() == 1).await;
    let remote = far_away("remote");
    bridge.tell(Kind::Peer(bridge.remote(&remote)));
    peer.until("the remote peer", appeared(remote.id())).await;
    silent.cancel();
    let began = std::time::Instant::now();
    peer.until("the loss", bridge_is(|state| matches!(state, BridgeState::Waiting { .. }))).await;
    println!("the silent death of the bridge was noticed after {:?}", began.elapsed());
    peer.known("no route", |snapshot| snapshot.neighbours.is_empty().then_some(())).await;
    peer.stop().await;
}
