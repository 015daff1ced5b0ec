//! Greetings between real nodes.

use std::net::SocketAddr;

use discovery::{
    SourceKind, Target,
    greeting::{GreetError, greet, greet_any},
};
use identity::NodeId;
use proto::node::v1::Ports;

use crate::node::{Node, Plan, without_multicast};

fn plan(name: &str) -> Plan {
    Plan::new(name, without_multicast())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greeting_brings_the_description_and_its_announcement() {
    let (node, own) = (Node::start(plan("host")), plan("guest").announcer(Ports::default()));
    for wanted in [None, Some(node.id())] {
        let greeted = greet(node.greeting, wanted, &own).await.unwrap();
        assert_eq!(greeted.description, node.discovery.announcer().description());
        assert_eq!(greeted.announcement.unwrap().id(), node.id());
    }
    let guest = node.described(own.id()).await;
    assert_eq!(guest.addresses[0].source, SourceKind::Greeting);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_not_known_is_not_answered_for() {
    let (node, own) = (Node::start(plan("host")), plan("guest").announcer(Ports::default()));
    let unknown = greet(node.greeting, Some(NodeId::from_bytes([9; 32])), &own).await;
    assert!(matches!(unknown, Err(GreetError::Unknown(_))), "{unknown:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_race_ends_at_the_address_that_answers() {
    let (node, own) = (Node::start(plan("host")), plan("guest").announcer(Ports::default()));
    // A port where nobody listens, and a listener that never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = SocketAddr::from(([127, 0, 0, 1], 1));
    let addresses = [dead, silent.local_addr().unwrap(), node.greeting];
    let greeted = greet_any(&addresses, Some(node.id()), &own).await.unwrap();
    assert_eq!(greeted.address, node.greeting);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fixed_addresses_make_both_sides_neighbours() {
    let host = Node::start(plan("host"));
    let mut guest = plan("guest");
    guest.settings.fixed = vec![format!("localhost:{}", host.greeting.port()).parse().unwrap()];
    let guest = Node::start(guest);
    let seen = guest.described(host.id()).await;
    assert_eq!(seen.addresses[0].source, SourceKind::Fixed);
    host.described(guest.id()).await;
    guest.stop().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_address_with_another_node_is_not_believed() {
    let host = Node::start(plan("host"));
    let guest = Node::start(plan("guest"));
    let wrong: Target = Target::new(host.greeting, Some(NodeId::from_bytes([9; 32])));
    guest.discovery.add_fixed(wrong).await;
    guest.discovery.add_fixed(Target::new(host.greeting, Some(host.id()))).await;
    guest.described(host.id()).await;
    assert_eq!(guest.discovery.snapshot().neighbours.len(), 1);
    guest.stop().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_greets_without_end_is_slowed_down() {
    let (node, own) = (Node::start(plan("host")), plan("guest").announcer(Ports::default()));
    let mut refused = None;
    for _ in 0..10_000 {
        if let Err(error) = greet(node.greeting, None, &own).await {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(refused, Some(GreetError::Refused { .. })), "{refused:?}");
    node.stop().await;
}
