//! Nodes that find each other by multicast on this machine.

use std::time::Instant;

use discovery::{Event, GoneReason};
use identity::{Network, NetworkId};
use proto::node::v1::NodeKind;

use crate::node::{Node, Plan, appeared, free_port, loopback};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_finds_one_that_runs_and_is_found_by_it() {
    let port = free_port();
    let mut first = Node::start(Plan::new("first", loopback(port)));
    first.known("its own address", |snapshot| snapshot.own_addresses.first().cloned()).await;
    let started = Instant::now();
    let mut second = Node::start(Plan::new("second", loopback(port)));
    let found = first.until("the second", appeared(second.id())).await;
    println!("the first found the second after {:?}", found - started);
    let found = second.until("the first", appeared(first.id())).await;
    println!("the second found the first after {:?}", found - started);
    let described = first.described(second.id()).await;
    println!("and knew its name {:?} after {:?}", described.name(), started.elapsed());
    assert_eq!(described.addresses[0].interface.as_deref(), Some("lo"));
    assert!(described.addresses.iter().all(|known| known.ip.is_loopback()));
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_know_each_other_and_a_goodbye_is_heard_by_all() {
    let port = free_port();
    let mut nodes: Vec<_> =
        ["a", "b", "c"].map(|name| Node::start(Plan::new(name, loopback(port)))).into_iter().collect();
    let ids: Vec<_> = nodes.iter().map(Node::id).collect();
    for node in &nodes {
        for id in ids.iter().filter(|id| **id != node.id()) {
            node.described(*id).await;
        }
    }
    let leaver = nodes.pop().unwrap();
    let left = leaver.id();
    leaver.stop().await;
    for node in &mut nodes {
        let reason = node.until("the goodbye", |event| match event {
            Event::Gone { id, reason } if *id == left => Some(*reason),
            _ => None,
        });
        assert_eq!(reason.await, GoneReason::Goodbye);
    }
    for node in nodes {
        node.stop().await;
    }
}

/// How many greetings the nodes sent.
fn greetings(nodes: &[Node]) -> u64 {
    let sent = |node: &Node| ["answered", "failed"].map(|outcome| node.metrics.greetings_so_far(outcome));
    nodes.iter().flat_map(sent).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_nodes_on_one_wire_know_each_others_names_almost_without_greeting() {
    const NODES: usize = 30;
    let port = free_port();
    let nodes: Vec<_> =
        (0..NODES).map(|number| Node::start(Plan::new(&format!("one {number}"), loopback(port)))).collect();
    let ids: Vec<_> = nodes.iter().map(Node::id).collect();
    for node in &nodes {
        for id in ids.iter().filter(|id| **id != node.id()) {
            let known = node.described(*id).await;
            assert_eq!(known.name(), Some(format!("node {}", id.short()).as_str()));
        }
    }
    let greetings = greetings(&nodes);
    println!("{greetings} greetings among {NODES} nodes");
    // Whatever a busy machine loses is greeted for; each greeting each would be 870.
    assert!(greetings <= NODES as u64, "{greetings} greetings");
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_description_is_known_without_a_greeting() {
    let port = free_port();
    let (one, other) =
        (Node::start(Plan::new("one", loopback(port))), Node::start(Plan::new("other", loopback(port))));
    one.described(other.id()).await;
    let renamed = Plan::new("other", loopback(port)).description("renamed", 0);
    other.discovery.announcer().set_description(renamed).unwrap();
    let id = other.id();
    let is_renamed = |snapshot: &discovery::Snapshot| {
        snapshot.neighbours.get(&id).filter(|node| node.name() == Some("renamed")).map(|_| ())
    };
    one.known("the new name", is_renamed).await;
    let nodes = [one, other];
    assert_eq!(greetings(&nodes), 0);
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn descriptions_that_fit_no_datagram_come_by_one_greeting_for_both() {
    let port = free_port();
    let large = |name| Node::start(Plan { padding: 5, ..Plan::new(name, loopback(port)) });
    let (one, other) = (large("one"), large("other"));
    one.described(other.id()).await;
    other.described(one.id()).await;
    let nodes = [one, other];
    assert!((1..=2).contains(&greetings(&nodes)), "{}", greetings(&nodes));
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_after_a_crash_replaces_the_earlier_run() {
    let port = free_port();
    let mut watcher = Node::start(Plan::new("watcher", loopback(port)));
    let crasher = Node::start(Plan::new("crasher", loopback(port)));
    let id = crasher.id();
    watcher.until("the first run", appeared(id)).await;
    crasher.crash().await;
    let again = Node::start(Plan { start: 2, ..Plan::new("crasher", loopback(port)) });
    let reason = watcher.until("the end of the first run", |event| match event {
        Event::Gone { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason.await, GoneReason::Replaced);
    watcher.until("the second run", appeared(id)).await;
    watcher.stop().await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_other_networks_are_counted_and_are_no_neighbours() {
    let port = free_port();
    let with_id = |byte| Network { id: Some(NetworkId::from_bytes([byte; 16])), ..Network::named("home") };
    let mut ours = Node::start(Plan { network: with_id(1), ..Plan::new("ours", loopback(port)) });
    let same_name = Node::start(Plan { network: with_id(2), ..Plan::new("same name", loopback(port)) });
    let stranger =
        Node::start(Plan { network: Network::named("work"), ..Plan::new("stranger", loopback(port)) });
    let other = ours.until("the network of the same name", |event| match event {
        Event::OtherNetwork(network) => Some(network.clone()),
        Event::Appeared(node) => panic!("{} became a neighbour", node.id()),
        _ => None,
    });
    assert_eq!(other.await, with_id(2));
    let both = |snapshot: &discovery::Snapshot| (snapshot.other_networks.len() == 2).then_some(());
    ours.known("both other networks", both).await;
    assert!(ours.discovery.snapshot().neighbours.is_empty());
    for node in [ours, same_name, stranger] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_takes_over_the_network_id_of_a_bridge() {
    let port = free_port();
    let network = Network { id: Some(NetworkId::from_bytes([9; 16])), ..Network::named("home") };
    let mut peer = Node::start(Plan::new("peer", loopback(port)));
    let bridge =
        Plan { network: network.clone(), kind: NodeKind::Bridge, ..Plan::new("bridge", loopback(port)) };
    let bridge = Node::start(bridge);
    let learned = peer.until("the network's id", |event| match event {
        Event::NetworkLearned(network) => Some(network.clone()),
        _ => None,
    });
    assert_eq!(learned.await, network);
    let peer_id = peer.id();
    let told = |snapshot: &discovery::Snapshot| {
        snapshot.neighbours.get(&peer_id).filter(|node| node.network().id.is_some()).map(|_| ())
    };
    bridge.known("the peer with the id", told).await;
    peer.stop().await;
    bridge.stop().await;
}
