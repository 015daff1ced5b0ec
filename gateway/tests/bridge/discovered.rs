//! What a bridge hears by multicast, on loopback.

use std::net::UdpSocket;

use discovery::{Announcer, Discovery, Metrics, MulticastSettings, Presence, Settings};
use gateway::BridgeConfig;
use identity::Network;
use proto::node::v1::Ports;
use runtime::TaskGroup;

use crate::support::{FakePeer, Node, eventually};

/// A port of its own for each test, for it stands for a wire.
pub(crate) fn free_port() -> u16 {
    UdpSocket::bind(("0.0.0.0", 0)).unwrap().local_addr().unwrap().port()
}

pub(crate) fn on_wire(config: &mut BridgeConfig, port: u16) {
    config.network = "home network".into();
    config.interfaces = vec!["lo".into()];
    config.discovery = gateway::Discovery::Multicast(port);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_bridge_takes_over_the_networks_id_and_keeps_it() {
    let port = free_port();
    let first = Node::start_with("first", |config| on_wire(config, port)).await;
    let second = Node::start_with("second", |config| on_wire(config, port)).await;
    assert_eq!(first.bridge.network(), second.bridge.network());
    let network = first.bridge.network().clone();
    first.stop().await;
    // Alone on its wire, it would make another one.
    let second = second.restart_with(|config| on_wire(config, port)).await;
    assert_eq!(*second.bridge.network(), network);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_only_heard_is_served_until_it_says_goodbye() {
    let port = free_port();
    let home = Node::start_with("home", |config| on_wire(config, port)).await;
    let anna = FakePeer::new("anna");
    let presence = Presence {
        network: Network::named("home network"),
        ports: Ports { secure: 30_000, ..Ports::default() },
        homes: Vec::new(),
        description: anna.description.clone(),
    };
    let announcer = Announcer::new(&anna.identity, 1, presence).unwrap();
    let multicast = MulticastSettings { port, interfaces: vec!["lo".into()] };
    let settings = Settings { multicast: Some(multicast), register: false, ..Settings::default() };
    let group = TaskGroup::new();
    let (heard, mut events) = Discovery::spawn(&group, settings, announcer, Metrics::default());
    group.spawn(tracing::Span::none(), async move { while events.recv().await.is_some() {} });
    eventually("sighting", async || home.state_of(anna.id()).await.filter(|(state, _)| state == "online"))
        .await;
    assert_eq!(home.status().await.local_peers, 1);

    heard.shutdown().await;
    eventually("goodbye", async || (home.status().await.local_peers == 0).then_some(())).await;
    home.stop().await;
}
