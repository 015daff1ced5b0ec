//! Nodes that find each other by Consul alone.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use discovery::{GoneReason, consul::catalog, source::consul::Consul};
use identity::{Network, NetworkId, NodeId};
use prometheus_client::{encoding::text::encode, registry::Registry};
use proto::node::v1::NodeKind;

use crate::{
    agent::Agent,
    client,
    node::{LIMIT, Node, Plan, eventually, without_multicast},
    settings,
};

/// The nodes of these tests listen on all addresses.
const LISTEN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn plan(name: &str) -> Plan {
    Plan::new(name, without_multicast())
}

fn start(plan: Plan, agent: &Agent) -> Node {
    start_at(plan, &agent.url())
}

/// A node that finds others by the agent at that address.
pub(crate) fn start_at(plan: Plan, url: &str) -> Node {
    let node = Node::start(plan);
    node.discovery.add_source(Consul::new(settings(url), LISTEN));
    node
}

/// An agent that could not tell the catalog of a change, as on a busy machine, does so a minute later.
const CATALOG_LIMIT: Duration = Duration::from_secs(180);

/// Waits until these nodes, and no others, are in the catalog and well.
async fn listed(agent: &Agent, mut nodes: Vec<NodeId>) {
    nodes.sort();
    let client = client(&agent.url());
    let seen = tokio::time::timeout(CATALOG_LIMIT, async {
        loop {
            let found = client.healthy(catalog::NODES, None).await.unwrap();
            let read = |instance| catalog::ListedNode::read(instance).unwrap().id;
            let mut ids: Vec<_> = found.iter().map(read).collect();
            ids.sort();
            if ids == nodes {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    seen.await.unwrap_or_else(|_| panic!("the catalog never had just {nodes:?}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_a_network_find_each_other_and_are_taken_out_when_they_leave() {
    let Some(agent) = Agent::start("finding by Consul", "") else { return };
    let first = start(plan("first"), &agent);
    let mut elsewhere = plan("elsewhere");
    elsewhere.network = Network::named("work");
    let elsewhere = start(elsewhere, &agent);
    let started = std::time::Instant::now();
    let second = start(plan("second"), &agent);
    let (one, other) = tokio::join!(first.described(second.id()), second.described(first.id()));
    println!("found and greeted after {:?}", started.elapsed());
    assert!(one.is_direct() && other.is_direct());
    listed(&agent, vec![first.id(), second.id(), elsewhere.id()]).await;
    assert!(!first.discovery.snapshot().neighbours.contains_key(&elsewhere.id()));
    let registered = format!("causeway-peer-{}", second.id());
    assert!(client(&agent.url()).has(&registered).await.unwrap());
    second.stop().await;
    assert!(!client(&agent.url()).has(&registered).await.unwrap(), "it took itself out");
    listed(&agent, vec![first.id(), elsewhere.id()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_loses_everything_is_told_again_and_nobody_is_lost_meanwhile() {
    let Some(mut agent) = Agent::start("a restart of Consul", "") else { return };
    let mut first = start(plan("first"), &agent);
    let second = start(plan("second"), &agent);
    first.described(second.id()).await;
    agent.kill();
    // Longer than a lease: they go on greeting whom they know.
    tokio::time::sleep(discovery::limits::LEASE + discovery::limits::LEASE / 2).await;
    assert!(first.discovery.snapshot().neighbours.contains_key(&second.id()));
    agent.start_again();
    listed(&agent, vec![first.id(), second.id()]).await;
    // A newcomer is found: the catalog, whose index began anew, is followed again.
    let third = start(plan("third"), &agent);
    first.described(third.id()).await;
    while let Ok(event) = first.events.try_recv() {
        let lost = matches!(&event, discovery::Event::Gone { id, reason: GoneReason::Expired } if *id == second.id());
        assert!(!lost, "{event:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_wrote_into_the_catalog_is_not_believed() {
    let Some(agent) = Agent::start("lies in the catalog", "") else { return };
    let first = start(plan("first"), &agent);
    let honest = Node::start(plan("honest"));
    // A node that does not exist, at the address of one that does.
    let invented = NodeId::from_bytes([9; 32]);
    let announcement = plan("second").announcer(honest.discovery.announcer().current().ports().to_owned());
    let mut lie = catalog::node(&announcement.current(), LISTEN, Ipv4Addr::LOCALHOST.into()).unwrap();
    lie.id = "lie".into();
    lie.meta.insert("node", invented.to_string());
    client(&agent.url()).register(&lie).await.unwrap();
    let second = start(plan("second"), &agent);
    first.described(second.id()).await;
    listed(&agent, vec![first.id(), second.id(), invented]).await;
    // It was tried, and the one that answered there was not taken for it.
    let mut registry = Registry::default();
    first.metrics.register(&mut registry);
    let failed = || {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text.lines().any(|line| line.contains(r#"greetings_total{reason="failed"}"#) && !line.ends_with(" 0"))
    };
    eventually("the invented node is greeted", failed).await;
    assert!(!first.discovery.snapshot().neighbours.contains_key(&invented));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_what_a_node_says_is_told() {
    let Some(agent) = Agent::start("a change", "") else { return };
    let mut bridge = plan("bridge");
    bridge.kind = NodeKind::Bridge;
    bridge.control = 4_711;
    let bridge = start(bridge, &agent);
    listed(&agent, vec![bridge.id()]).await;
    let id = NetworkId::from_bytes([5; 16]);
    bridge.discovery.announcer().set_network_id(id);
    let client = client(&agent.url());
    let told = async {
        loop {
            let found = client.healthy(catalog::NODES, Some("bridge")).await.unwrap();
            if found.iter().any(|it| it.port == 4_711 && it.meta.get("network-id") == Some(&id.to_string())) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, told).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_died_is_not_found_any_more() {
    let Some(agent) = Agent::start("a node that dies", "") else { return };
    let first = start(plan("first"), &agent);
    let second = start(plan("second"), &agent);
    listed(&agent, vec![first.id(), second.id()]).await;
    second.crash().await;
    listed(&agent, vec![first.id()]).await;
}
