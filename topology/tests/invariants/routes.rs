//! Ways to peers, and the sentences when there is none.

use std::time::Duration;

use identity::NodeId;
use proto::{
    bridge::v1::Refusal,
    log::v1::{self, How, Kind, LeftReason},
};
use topology::{
    Input, LinkId, NoRoute, Policy, Rule,
    limits::MAX_HOPS,
    simulator::{Forger, Lone},
};

/// A row of bridges behind the core, the nearest first. Each is linked with the next; the last has a peer.
fn row(length: u64) -> (Lone, Vec<Forger>, NodeId) {
    let mut lone = Lone::new(1);
    let mut row: Vec<Forger> = (1..=length).map(|number| Forger::new(number, 1)).collect();
    let ids: Vec<NodeId> = row.iter().map(Forger::id).collect();
    row[0].link_up(lone.core.id());
    for index in 1..row.len() {
        row[index].link_up(ids[index - 1]);
        row[index - 1].link_up(ids[index]);
    }
    let last = row.len() - 1;
    let network = row[last].network.clone();
    let peer = row[last].claim(1, How::Registered, &[ids[last]], &network);
    let link = lone.link(ids[0]);
    row.iter().for_each(|forger| lone.take(link, forger));
    lone.pass(Duration::from_secs(1));
    (lone, row, peer)
}

/// Writes an event and shows it.
fn write(lone: &mut Lone, forger: &mut Forger, kind: Kind, payload: &impl prost::Message) {
    forger.write(kind, payload);
    let last = forger.entries.len() as u64;
    lone.segment(LinkId(1), forger.segment(last, last));
    lone.pass(Duration::from_secs(1));
}

#[test]
fn a_route_crosses_eight_links_and_not_nine() {
    let (lone, near, peer) = row(MAX_HOPS as u64);
    let route = lone.core.route(&peer).expect("eight links");
    assert_eq!(route.bridges.len(), MAX_HOPS + 1);
    assert_eq!(route.bridges.last(), near.last().map(Forger::id).as_ref());
    let (lone, _, peer) = row(MAX_HOPS as u64 + 1);
    let refusal = lone.core.route(&peer).expect_err("nine links");
    assert!(matches!(refusal, NoRoute::TooFar { .. }), "{refusal}");
    assert_eq!(refusal.refusal(), Refusal::Hops);
}

#[test]
fn a_draining_bridge_is_neither_passed_nor_reached() {
    let (mut lone, mut near, peer) = row(3);
    assert!(lone.core.route(&peer).is_ok());
    lone.changed.clear();
    write(&mut lone, &mut near[1], Kind::BridgeDraining, &v1::BridgeDraining { grace_ms: 1_000 });
    assert!(lone.changed.contains(&peer), "followers are told");
    let refusal = lone.core.route(&peer).expect_err("the way drains");
    assert_eq!(refusal, NoRoute::Draining { peer, bridge: near[1].id() });
}

#[test]
fn a_link_that_one_end_calls_down_does_not_count() {
    let (mut lone, mut near, peer) = row(3);
    let down = v1::LinkDown { bridge: near[1].id().to_bytes(), reason: String::new() };
    write(&mut lone, &mut near[2], Kind::LinkDown, &down);
    let refusal = lone.core.route(&peer).expect_err("one end says down");
    assert!(matches!(refusal, NoRoute::Unreachable { home, .. } if home == near[2].id()), "{refusal}");
    assert!(matches!(
        lone.core.view().peer(&peer).map(|peer| peer.state),
        Some(topology::PeerState::Unknown { .. })
    ));
}

#[test]
fn a_new_epoch_closes_what_the_run_before_left_open() {
    let (mut lone, near, peer) = row(2);
    let mut again = Forger::new(2, 2);
    lone.segment(LinkId(1), again.segment(1, 1));
    lone.pass(Duration::from_secs(1));
    assert!(matches!(lone.core.route(&peer), Err(NoRoute::UnknownPeer { .. })));
    let network = again.network.clone();
    again.link_up(near[0].id());
    again.claim(1, How::Registered, &[near[1].id()], &network);
    lone.segment(LinkId(1), again.segment(2, 3));
    lone.pass(Duration::from_secs(1));
    assert!(lone.core.route(&peer).is_ok());
}

#[test]
fn the_home_where_a_peer_registered_comes_before_a_nearer_one_that_heard_it() {
    let (mut lone, mut near, _) = row(3);
    let home = near[2].id();
    let network = near[0].network.clone();
    near[2].claim(5, How::Registered, &[home], &network);
    let peer = near[0].claim(5, How::Heard, &[home], &network);
    for forger in [&near[0], &near[2]] {
        let last = forger.entries.len() as u64;
        lone.segment(LinkId(1), forger.segment(last, last));
    }
    lone.pass(Duration::from_secs(1));
    let route = lone.core.route(&peer).expect("two homes");
    assert!(route.registered);
    assert_eq!(route.bridges.last(), Some(&home));
    let away = lone.core.route_avoiding(&peer, &[near[0].id()]);
    assert!(matches!(away, Err(NoRoute::Unreachable { .. })), "{away:?}");
}

/// A neighbour, a bridge behind it and one behind both, whose peer is given, too. The last is linked with the neighbour
/// by a dear link, and with the bridge between by a cheap one.
fn detour() -> (Lone, [Forger; 3], NodeId) {
    let mut lone = Lone::new(1);
    let mut bridges = [1, 2, 3].map(|number| Forger::new(number, 1));
    bridges[0].link_up(lone.core.id());
    for (one, other, cost_us) in [(0, 1, 1_000), (1, 2, 1_000), (0, 2, 9_000)] {
        let ids = [bridges[one].id(), bridges[other].id()];
        bridges[one].link_up_at(ids[1], cost_us);
        bridges[other].link_up_at(ids[0], cost_us);
    }
    let [near, _, home] = &mut bridges;
    let network = home.network.clone();
    let peer = home.claim(1, How::Registered, &[home.id()], &network);
    let link = lone.link(near.id());
    bridges.iter().for_each(|forger| lone.take(link, forger));
    lone.pass(Duration::from_secs(1));
    (lone, bridges, peer)
}

#[test]
fn a_cheap_long_way_is_better_than_a_dear_short_one_until_its_cost_changes() {
    let (mut lone, [near, mut between, mut home], peer) = detour();
    let (me, ids) = (lone.core.id(), [near.id(), between.id(), home.id()]);
    let first = lone.core.route(&peer).expect("the long way");
    assert_eq!(first.bridges.as_ref(), [me, ids[0], ids[1], ids[2]]);
    // One end measures it: the larger of both costs counts.
    let costs = |bridge: NodeId, cost_us| v1::LinkCost { bridge: bridge.to_bytes(), cost_us };
    lone.changed.clear();
    write(&mut lone, &mut between, Kind::LinkCost, &costs(ids[2], 8_500));
    let turned = lone.core.route(&peer).expect("the short way");
    assert_eq!(turned.bridges.as_ref(), [me, ids[0], ids[2]]);
    assert_eq!(turned.cost_us - first.cost_us, 7_000);
    assert!(lone.changed.contains(&peer), "followers are told");
    write(&mut lone, &mut home, Kind::LinkCost, &costs(ids[0], 60_000));
    let back = lone.core.route(&peer).expect("the long way");
    assert_eq!(back.bridges.as_ref(), [me, ids[0], ids[1], ids[2]]);
    assert_eq!(back.cost_us - first.cost_us, 7_500);
}

#[test]
fn the_second_way_leads_to_another_home_over_another_link() {
    let (mut lone, mut near, peer) = row(1);
    assert_eq!(lone.core.second_route(&peer), None, "one home");
    let (network, homes) = (near[0].network.clone(), [near[0].id(), Forger::new(2, 1).id()]);
    let mut other = Forger::new(2, 1);
    other.link_up(lone.core.id());
    near[0].claim(1, How::Registered, &homes, &network);
    other.claim(1, How::Registered, &homes, &network);
    let link = lone.link(other.id());
    lone.take(link, &other);
    let last = near[0].entries.len() as u64;
    lone.segment(LinkId(1), near[0].segment(last, last));
    lone.pass(Duration::from_secs(1));
    let (first, second) = (lone.core.route(&peer).expect("two homes"), lone.core.second_route(&peer));
    let ends = [first.bridges.last().copied(), second.and_then(|way| way.bridges.last().copied())];
    assert!(ends == homes.map(Some) || ends == [homes[1], homes[0]].map(Some), "{ends:?}");
}

#[test]
fn policies_of_both_ends_limit_reachability() {
    let (mut lone, mut near, peer) = row(2);
    let closed = Rule { allow_others: false, ..Rule::default() };
    let import = Policy { import: closed.clone(), ..Policy::default() };
    lone.input(Input::PolicyChanged(import));
    assert_eq!(lone.core.route(&peer), Err(NoRoute::Policy { peer, bridge: lone.core.id() }));
    lone.input(Input::PolicyChanged(Policy::default()));
    assert!(lone.core.route(&peer).is_ok());
    let export = Policy { export: closed, ..Policy::default() }.to_proto();
    write(&mut lone, &mut near[1], Kind::PolicyChanged, &export);
    assert_eq!(lone.core.route(&peer), Err(NoRoute::Policy { peer, bridge: near[1].id() }));
    let shown = lone.core.view().peer(&peer).map(|peer| peer.state);
    assert_eq!(shown, Some(topology::PeerState::Remote), "visible all the same");
}

/// Guards against policies that hold in the core while whoever shows its routes is told of no change.
#[test]
fn those_whose_reachability_a_policy_changes_are_told_and_no_others() {
    let (mut lone, mut near, peer) = row(2);
    let home = near[1].id();
    let network = near[1].network.clone();
    let other = near[1].claim(2, How::Registered, &[home], &network);
    let last = near[1].entries.len() as u64;
    lone.segment(LinkId(1), near[1].segment(last, last));
    lone.pass(Duration::from_secs(1));
    let without = Rule { allow_others: true, except: [peer].into() };
    lone.changed.clear();
    lone.input(Input::PolicyChanged(Policy { import: without.clone(), ..Policy::default() }));
    lone.pass(Duration::from_millis(100));
    assert_eq!(lone.changed, [peer], "by the own import");
    lone.input(Input::PolicyChanged(Policy::default()));
    lone.pass(Duration::from_secs(5));
    lone.changed.clear();
    let export = Policy { export: without.clone(), ..Policy::default() }.to_proto();
    write(&mut lone, &mut near[1], Kind::PolicyChanged, &export);
    assert_eq!(lone.changed, [peer], "by the other's export");
    lone.changed.clear();
    let import = Policy { export: without.clone(), import: without }.to_proto();
    write(&mut lone, &mut near[1], Kind::PolicyChanged, &import);
    assert_eq!(lone.changed, [], "what the other's network may reach is not ours");
    assert!(lone.core.route(&other).is_ok());
}

#[test]
fn what_passes_through_is_bound_by_export_of_the_home_and_not_by_import_of_the_bridge_between() {
    let (mut lone, mut near, peer) = row(2);
    let closed = Rule { allow_others: false, ..Rule::default() };
    lone.input(Input::PolicyChanged(Policy { import: closed.clone(), ..Policy::default() }));
    assert!(lone.core.route(&peer).is_err());
    assert!(lone.core.route_for_others(&peer).is_ok());
    let export = Policy { export: closed, ..Policy::default() }.to_proto();
    write(&mut lone, &mut near[1], Kind::PolicyChanged, &export);
    let refusal = NoRoute::Policy { peer, bridge: near[1].id() };
    assert_eq!(lone.core.route_for_others(&peer), Err(refusal));
}

#[test]
fn a_peer_that_left_or_was_never_named_is_told_apart() {
    let (mut lone, mut near, peer) = row(1);
    let left = v1::PeerLeft { node_id: peer.to_bytes(), reason: LeftReason::Goodbye.into() };
    write(&mut lone, &mut near[0], Kind::PeerLeft, &left);
    assert!(matches!(lone.core.route(&peer), Err(NoRoute::Left { goodbye: true, .. })));
    let nobody = NodeId::from_bytes([3; 32]);
    assert_eq!(lone.core.route(&nobody), Err(NoRoute::UnknownPeer { peer: nobody }));
}

#[test]
fn a_lost_connection_takes_the_routes_over_it_at_once() {
    let (mut lone, _, peer) = row(2);
    lone.input(Input::LinkDown { link: LinkId(1), reason: "idle".to_owned() });
    lone.pass(Duration::from_millis(100));
    assert!(matches!(lone.core.route(&peer), Err(NoRoute::Unreachable { .. })));
}

/// Guards against telling the time of the home's last event, which may lie days before the moment its peers were lost.
#[test]
fn an_unreachable_peer_is_unknown_since_the_way_was_lost() {
    let (mut lone, _, peer) = row(2);
    lone.pass(Duration::from_secs(86_400));
    lone.input(Input::LinkDown { link: LinkId(1), reason: "idle".to_owned() });
    lone.pass(Duration::from_secs(3_600));
    let Err(NoRoute::Unreachable { since, .. }) = lone.core.route(&peer) else { panic!("no way") };
    let lost = 1_700_000_000_000 + 86_401_000;
    assert!((lost..lost + 2_000).contains(&since.millis()), "{since}");
    let state = lone.core.view().peer(&peer).map(|peer| peer.state);
    assert!(matches!(state, Some(topology::PeerState::Unknown { since: shown, .. }) if shown == since));
}
