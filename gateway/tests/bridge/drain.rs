//! Leaving in good order.

use std::time::Duration;

use proto::{
    bridge::v1::{Refusal, follow_event::Kind},
    log::v1::Kind as EventKind,
};
use runtime::rpc::{connect_plain, connect_unix};
use storage::{Options, Store};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use topology::Entry;

use crate::support::{FakePeer, LIMIT, Node, linked_pair};

#[tokio::test(flavor = "multi_thread")]
async fn the_neighbour_and_the_peers_hear_of_a_drain_before_the_link_goes() {
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    anna.register(&home).await;
    ben.register(&cloud).await;
    let (mut at_home, mut at_cloud) = (anna.follow(&home).await, ben.follow(&cloud).await);
    at_cloud.until_peer(anna.id()).await;

    let (id, epoch) = (home.id(), home.status().await.epoch);
    home.bridge.shutdown(Duration::from_secs(5)).await;
    at_home.until(|kind| matches!(kind, Kind::Draining(_)).then_some(())).await;
    // Had the link gone first, the reason would be that there is no route.
    assert_eq!(at_cloud.until_gone(anna.id()).await, Refusal::Draining);

    // The neighbour even has the last words.
    let data = cloud.stop().await;
    let store = Store::open(data.path().join("store"), Options::default()).unwrap();
    let epoch: String = epoch.iter().map(|byte| format!("{byte:02x}")).collect();
    let log = store.log(&format!("log/{id}/{epoch}")).unwrap();
    let kinds: Vec<i32> = log
        .iter()
        .map(|record| {
            let entry = Entry::decode(record.unwrap().1).unwrap();
            prost::Message::decode(entry.event).map(|event: proto::log::v1::Event| event.kind).unwrap()
        })
        .collect();
    let place = |kind: EventKind| kinds.iter().position(|one| *one == i32::from(kind));
    let (draining, stopped) = (place(EventKind::BridgeDraining), place(EventKind::BridgeStopped));
    assert!(draining.is_some() && stopped > draining, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_bridge_stops_at_once() {
    let (home, cloud) = linked_pair().await;
    let grace = Duration::from_secs(3_000);
    let stopped = tokio::time::timeout(Duration::from_secs(60), home.bridge.shutdown(grace)).await;
    assert_eq!(stopped, Ok(true));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_drains_is_not_serving() {
    let home = Node::start("home").await;
    let anna = FakePeer::new("anna");
    let greeting = connect_plain(home.bridge.addresses().greeting, LIMIT).await.unwrap();
    let ports = [
        (connect_unix(home.bridge.socket()).await.unwrap(), "causeway.control.v1.Bridge"),
        (anna.channel(&home).await, "causeway.bridge.v1.Control"),
        (greeting, "causeway.greeting.v1.Greeting"),
    ];
    let mut watched = Vec::new();
    for (channel, service) in ports {
        for service in ["", service] {
            let request = HealthCheckRequest { service: service.into() };
            let mut updates = HealthClient::new(channel.clone()).watch(request).await.unwrap().into_inner();
            let status = updates.message().await.unwrap().expect("told at once").status();
            assert_eq!(status, ServingStatus::Serving, "{service}");
            watched.push((service, updates));
        }
    }
    let told = async {
        for (service, updates) in &mut watched {
            let status = updates.message().await.unwrap().expect("told before the end").status();
            assert_eq!(status, ServingStatus::NotServing, "{service}");
        }
    };
    tokio::join!(told, home.stop());
}
