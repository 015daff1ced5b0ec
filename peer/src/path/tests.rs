//! The choice of ways, over neighbours made by hand.

use discovery::{KnownAddress, SourceKind};
use identity::{Announcement, Network, NodeKey};
use proto::node::v1::{self as node, NodeKind, Ports};

use super::*;

fn id(byte: u8) -> NodeId {
    NodeKey::from_seed([byte; 32]).node_id()
}

fn neighbour(direct: bool, routes: &[(u8, u64)]) -> Neighbour {
    let message = node::Announcement {
        kind: NodeKind::Peer.into(),
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
    let address = KnownAddress::of("10.0.0.7:1".parse().unwrap(), SourceKind::Multicast);
    Neighbour {
        announcement: Announcement::sign(&NodeKey::from_seed([1; 32]), message).unwrap(),
        description: None,
        addresses: if direct { vec![address] } else { Vec::new() },
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

#[test]
fn an_incoming_connection_is_direct_unless_it_comes_from_a_bridge() {
    let bridges = [Arc::new(end(5))];
    let remote = neighbour(false, &[(5, 100)]);
    assert_eq!(of_incoming("10.0.0.5:999".parse().unwrap(), Some(&remote), &bridges), via(5));
    assert_eq!(of_incoming("10.0.0.9:999".parse().unwrap(), Some(&remote), &bridges), Path::Direct);
    let local = neighbour(true, &[(5, 100)]);
    assert_eq!(of_incoming("10.0.0.7:999".parse().unwrap(), Some(&local), &bridges), Path::Direct);
    let mapped = "[::ffff:10.0.0.5]:999".parse().unwrap();
    assert_eq!(of_incoming(mapped, None, &bridges), Path::Via(vec![id(5)]));
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
