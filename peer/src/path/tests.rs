//! The choice of ways, over neighbours made by hand.

use discovery::{BridgeState, BridgeStatus, KnownAddress, SourceKind};
use identity::{Announcement, Network, NodeKey};
use proto::node::v1::{self as node, Ports};

use super::*;

fn id(byte: u8) -> NodeId {
    NodeKey::from_seed([byte; 32]).node_id()
}

fn neighbour(direct: bool, routes: &[(u8, u64)]) -> Neighbour {
    let addresses: &[_] = if direct { &["10.0.0.7:1"] } else { &[] };
    node(1, NodeKind::Peer, addresses, routes)
}

fn node(key: u8, kind: NodeKind, addresses: &[&str], routes: &[(u8, u64)]) -> Neighbour {
    let message = node::Announcement {
        kind: kind.into(),
        network: Some(Network::named("home").to_proto()),
        ports: Some(Ports { secure: 30_000, greeting: 30_001, ..Ports::default() }),
        description_hash: vec![0; 32].into(),
        ..node::Announcement::default()
    };
    let route = |(bridge, cost_us): &(u8, u64)| Route {
        via: Arc::new(end(*bridge)),
        hops: vec![id(*bridge), id(99)],
        cost_us: *cost_us,
        network: Network::named("cloud"),
        asleep: false,
    };
    let address = |text: &&str| KnownAddress::of(text.parse().unwrap(), SourceKind::Multicast);
    Neighbour {
        announcement: Announcement::sign(&NodeKey::from_seed([key; 32]), message).unwrap(),
        description: None,
        addresses: addresses.iter().map(address).collect(),
        routes: routes.iter().map(route).collect(),
    }
}

fn end(bridge: u8) -> BridgeEnd {
    let at = |port| SocketAddr::from(([10, 0, 0, bridge], port));
    BridgeEnd { id: id(bridge), control: at(30_012), proxy: at(30_010), greeting: at(30_011) }
}

fn via(bridge: u8) -> Path {
    Path::Via(vec![id(bridge), id(99)])
}

fn paths(candidates: Vec<Candidate>) -> Vec<Path> {
    candidates.into_iter().map(|candidate| candidate.path).collect()
}

#[test]
fn the_lan_comes_first_and_a_bridge_that_just_failed_comes_last() {
    let both = neighbour(true, &[(5, 100), (6, 200)]);
    assert_eq!(paths(candidates(&both, None)), [Path::Direct, via(5), via(6)]);
    assert_eq!(paths(candidates(&both, Some(&via(5)))), [Path::Direct, via(6), via(5)]);
    assert_eq!(paths(candidates(&both, Some(&Path::Direct))), [via(5), via(6), Path::Direct]);
}

#[test]
fn a_session_leaves_its_bridge_for_the_lan_and_never_the_lan() {
    let both = neighbour(true, &[(5, 100)]);
    assert_eq!(paths(better(&both, &via(5))), [Path::Direct]);
    assert_eq!(paths(better(&both, &Path::Direct)), []);
}

#[test]
fn a_session_leaves_a_bridge_that_drains_or_costs_much_more() {
    assert_eq!(paths(better(&neighbour(false, &[(6, 200)]), &via(5))), [via(6)]);
    assert_eq!(paths(better(&neighbour(false, &[(5, 100), (6, 90)]), &via(5))), []);
    assert_eq!(paths(better(&neighbour(false, &[(6, 90), (5, 200)]), &via(5))), [via(6)]);
    assert_eq!(paths(better(&neighbour(false, &[]), &via(5))), []);
}

/// What a node knows that registers with bridge 5 at 10.0.0.5.
fn knowing(nodes: impl IntoIterator<Item = Neighbour>) -> Snapshot {
    let bridge = BridgeStatus {
        target: "heard".into(),
        id: Some(id(5)),
        first_use: false,
        state: BridgeState::Registered,
        end: Some(Arc::new(end(5))),
        network: None,
        description: None,
        observed: None,
    };
    Snapshot {
        network: Network::named("home"),
        neighbours: nodes.into_iter().map(|node| (node.id(), Arc::new(node))).collect(),
        bridges: vec![bridge],
        other_networks: Vec::new(),
        own_addresses: Vec::new(),
    }
}

#[test]
fn an_incoming_connection_is_direct_unless_it_comes_from_a_bridge() {
    let of_incoming = |remote: &str, known: &Snapshot| of_incoming(remote.parse().unwrap(), id(1), known);
    let remote = knowing([neighbour(false, &[(5, 100)])]);
    assert_eq!(of_incoming("10.0.0.5:999", &remote), via(5));
    assert_eq!(of_incoming("10.0.0.9:999", &remote), Path::Direct);
    let local = knowing([neighbour(true, &[(5, 100)])]);
    assert_eq!(of_incoming("10.0.0.7:999", &local), Path::Direct);
    assert_eq!(of_incoming("[::ffff:10.0.0.5]:999", &knowing([])), Path::Via(vec![id(5)]));
}

#[test]
fn a_bridge_may_call_from_another_address_than_the_one_that_is_called() {
    let bridge = node(5, NodeKind::Bridge, &["10.0.0.5:1", "[fe80::5%2]:1"], &[]);
    let known = knowing([neighbour(false, &[(5, 100)]), bridge]);
    let remote = |text: &str| of_incoming(text.parse().unwrap(), id(1), &known);
    assert_eq!(remote("[fe80::5%2]:999"), via(5));
    assert_eq!(remote("[fe80::6%2]:999"), Path::Direct);
}

#[test]
fn a_way_that_ends_where_the_peer_is_no_more_is_corrected() {
    let over = |bridges: &[u8]| Path::Via(bridges.iter().map(|bridge| id(*bridge)).collect());
    let remote = neighbour(false, &[(5, 100)]);
    assert_eq!(corrected(&over(&[5]), &remote), Some(via(5)));
    // There may be other ways to where it is.
    for fine in [over(&[5, 99]), over(&[5, 7, 99]), over(&[8, 99]), Path::Direct] {
        assert_eq!(corrected(&fine, &remote), None, "{fine:?}");
    }
    assert_eq!(corrected(&over(&[6]), &remote), None, "nothing is known of ways over this bridge");
}
