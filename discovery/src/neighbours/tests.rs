//! The table under a virtual clock.

use std::net::{IpAddr, Ipv4Addr};

use identity::{Announcement, NetworkId, NodeKey};
use proto::node::v1::NodeKind;

use super::*;
use crate::{
    Announcer, BridgeEnd, KnownAddress, Route, SourceKind,
    limits::{
        DESCRIPTION_PATIENCE, GREETING_TURN, MAX_NEIGHBOURS, MAX_NEIGHBOURS_PER_ADDRESS, MAX_TOMBSTONES,
        SAME_ANNOUNCEMENT,
    },
    source::{Heard, Remote},
    testing::{announcer, announcer_of},
};

const SECOND: Duration = Duration::from_secs(1);

fn table() -> Neighbours {
    Neighbours::new(NodeId::from_bytes([255; 32]), Network::named("home"))
}

fn at(ip: impl Into<IpAddr>) -> KnownAddress {
    let interface = Some("eth0".into());
    KnownAddress { ip: ip.into(), scope: 0, interface, source: SourceKind::Multicast }
}

fn heard(announcement: &Announcement, ip: [u8; 4]) -> Heard {
    Heard { announcement: announcement.clone(), description: None, address: at(ip) }
}

fn events(table: &mut Neighbours) -> Vec<String> {
    let tell = |event| match event {
        Event::Appeared(_) => "appeared".to_owned(),
        Event::Updated(_) => "updated".to_owned(),
        Event::Gone { reason, .. } => format!("gone: {reason:?}"),
        other => format!("{other:?}"),
    };
    std::iter::from_fn(|| table.next_event()).map(tell).collect()
}

fn remote(node: &Announcer, bridge: u8, cost_us: u64) -> Remote {
    let id = NodeId::from_bytes([bridge; 32]);
    let end = |port| ([10, 0, 0, bridge], port).into();
    let via = Arc::new(BridgeEnd { id, control: end(1), proxy: end(2), greeting: end(3) });
    let network = Network::named("cloud");
    let (description, announcement) = node.records();
    let route = Route { via, hops: vec![id], cost_us, network, asleep: false };
    Remote { announcement, description, route, places: Vec::new() }
}

#[test]
fn a_lease_runs_out_in_silence_and_not_before() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    table.hear(start, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    assert!(table.expire(start + LEASE - SECOND).is_empty());
    table.hear(start + 9 * SECOND, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    assert!(table.expire(start + LEASE + 8 * SECOND).is_empty());
    assert_eq!(events(&mut table), ["appeared"]);
    assert_eq!(table.expire(start + LEASE + 9 * SECOND), [LEASE]);
    assert_eq!(events(&mut table), ["gone: Expired"]);
    assert!(table.all().is_empty());
}

#[test]
fn replays_are_dropped_while_the_node_is_here_and_after() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    let (old, new) = (node.next(), node.next());
    table.hear(start, heard(&new, [10, 0, 0, 1])).unwrap();
    assert_eq!(table.hear(start, heard(&old, [10, 0, 0, 9])), Err(Dropped::Replay));
    let late = start + SAME_ANNOUNCEMENT + SECOND;
    assert_eq!(table.hear(late, heard(&new, [10, 0, 0, 9])), Err(Dropped::Replay));
    table.expire(start + LEASE);
    assert_eq!(table.hear(start + LEASE, heard(&new, [10, 0, 0, 9])), Err(Dropped::Replay));
    assert!(table.hear(start + LEASE, heard(&node.next(), [10, 0, 0, 1])).is_ok());
}

#[test]
fn an_equal_sequence_is_another_address_and_prolongs_nothing() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    let announcement = node.next();
    table.hear(start, heard(&announcement, [10, 0, 0, 1])).unwrap();
    table.hear(start + SECOND, heard(&announcement, [192, 168, 0, 1])).unwrap();
    let known = table.find(&node.id()).unwrap();
    let ips: Vec<_> = known.addresses.iter().map(|known| known.ip).collect();
    assert_eq!(ips, [IpAddr::from([192, 168, 0, 1]), [10, 0, 0, 1].into()]);
    assert_eq!(table.expire(start + LEASE).len(), 1, "as if only the first had been heard");
}

#[test]
fn an_address_that_falls_silent_goes_and_the_node_stays() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    table.hear(start, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    for step in 1..=4 {
        table.hear(start + step * 4 * SECOND, heard(&node.next(), [10, 0, 0, 2])).unwrap();
    }
    events(&mut table);
    assert!(table.expire(start + LEASE + SECOND).is_empty());
    assert_eq!(events(&mut table), ["updated"]);
    assert_eq!(table.find(&node.id()).unwrap().addresses, [at([10, 0, 0, 2])]);
}

#[test]
fn addresses_of_one_node_are_bounded() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    for last in 1..100 {
        table.hear(start, heard(&node.next(), [10, 0, 0, last])).unwrap();
    }
    let known = &table.find(&node.id()).unwrap().addresses;
    assert_eq!((known.len(), known[0].ip), (crate::limits::MAX_ADDRESSES, [10, 0, 0, 99].into()));
}

#[test]
fn heartbeats_tell_nothing_and_changes_do() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    for _ in 0..5 {
        table.hear(start, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    }
    assert_eq!(events(&mut table), ["appeared"]);
    node.add_home(NodeId::from_bytes([3; 32]));
    table.hear(start, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    assert_eq!(events(&mut table), ["updated"]);
    assert_eq!(table.find(&node.id()).unwrap().announcement.homes().len(), 1);
    table.describe(node.description());
    assert_eq!(events(&mut table), ["updated"]);
    table.describe(announcer(2, "home").description());
    assert!(events(&mut table).is_empty());
}

#[test]
fn a_restart_replaces_the_earlier_run_and_its_addresses() {
    let (mut table, start, key) = (table(), Instant::now(), NodeKey::from_seed([1; 32]));
    let run = |number| announcer_of(key.clone(), NodeKind::Peer, Network::named("home"), number);
    table.hear(start, heard(&run(7).next(), [10, 0, 0, 1])).unwrap();
    assert_eq!(events(&mut table), ["appeared"]);
    table.hear(start, heard(&run(8).next(), [10, 0, 0, 2])).unwrap();
    assert_eq!(events(&mut table), ["gone: Replaced", "appeared"]);
    assert_eq!(table.find(&key.node_id()).unwrap().addresses, [at([10, 0, 0, 2])]);
    assert_eq!(table.hear(start, heard(&run(7).next(), [10, 0, 0, 1])), Err(Dropped::Replay));
}

#[test]
fn a_goodbye_counts_once_and_only_when_it_is_new() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    let hello = node.next();
    table.hear(start, heard(&hello, [10, 0, 0, 1])).unwrap();
    assert_eq!(table.goodbye(&hello), Err(Dropped::Replay));
    let goodbye = node.next();
    assert_eq!(table.goodbye(&goodbye), Ok(()));
    assert_eq!(table.goodbye(&goodbye), Err(Dropped::Replay));
    assert_eq!(table.hear(start, heard(&goodbye, [10, 0, 0, 1])), Err(Dropped::Replay));
    assert!(events(&mut table).is_empty(), "nobody was told that it was here");
}

#[test]
fn a_node_that_moves_to_another_network_is_gone() {
    let (mut table, start, key) = (table(), Instant::now(), NodeKey::from_seed([1; 32]));
    let of =
        |network: &str, number| announcer_of(key.clone(), NodeKind::Peer, Network::named(network), number);
    table.hear(start, heard(&of("home", 1).next(), [10, 0, 0, 1])).unwrap();
    events(&mut table);
    let moved = table.hear(start, heard(&of("work", 2).next(), [10, 0, 0, 1]));
    assert_eq!(moved, Err(Dropped::OtherNetwork));
    assert_eq!(events(&mut table), ["gone: Replaced"]);
    assert_eq!(table.other_networks().len(), 1);
}

#[test]
fn other_network_ids_are_other_networks_once_the_own_id_is_known() {
    let (mut table, start) = (table(), Instant::now());
    let of = |seed, id| {
        let network = Network { id: Some(NetworkId::from_bytes([id; 16])), ..Network::named("home") };
        announcer_of(NodeKey::from_seed([seed; 32]), NodeKind::Peer, network, 1)
    };
    let (ours, theirs) = (of(1, 1), of(2, 2));
    table.hear(start, heard(&ours.next(), [10, 0, 0, 1])).unwrap();
    table.hear(start, heard(&theirs.next(), [10, 0, 0, 2])).unwrap();
    events(&mut table);
    table.set_network(ours.network());
    assert_eq!(events(&mut table), ["gone: Replaced"]);
    for _ in 0..3 {
        let dropped = table.hear(start, heard(&theirs.next(), [10, 0, 0, 2]));
        assert_eq!(dropped, Err(Dropped::OtherNetworkId));
    }
    assert_eq!(events(&mut table).len(), 1, "told once");
    assert!(table.find(&ours.id()).is_some());
}

#[test]
fn a_peer_known_directly_and_by_bridges_is_gone_only_when_all_ways_are() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    table.reach(remote(&node, 8, 900)).unwrap();
    table.reach(remote(&node, 9, 100)).unwrap();
    table.hear(start, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    assert_eq!(events(&mut table), ["appeared"]);
    let costs: Vec<_> = table.find(&node.id()).unwrap().routes.iter().map(|route| route.cost_us).collect();
    assert_eq!(costs, [100, 900]);
    table.goodbye(&node.next()).unwrap();
    assert_eq!(events(&mut table), ["updated"]);
    table.lose_bridge(NodeId::from_bytes([9; 32]));
    assert_eq!(events(&mut table), ["updated"]);
    table.lose(NodeId::from_bytes([8; 32]), node.id(), GoneReason::Left);
    assert_eq!(events(&mut table), ["gone: Left"]);
    assert!(table.all().is_empty() && table.routed.values().all(|count| *count == 0));
}

#[test]
fn what_a_bridge_knows_is_a_floor_for_what_is_heard() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    let old = node.next();
    table.reach(remote(&node, 8, 1)).unwrap();
    assert_eq!(table.hear(start, heard(&old, [10, 0, 0, 1])), Err(Dropped::Replay));
    assert!(table.hear(start, heard(&node.next(), [10, 0, 0, 1])).is_ok());
}

#[test]
fn what_a_bridge_tells_of_a_node_counts_when_it_is_newer_than_what_was_heard() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    let home = NodeId::from_bytes([8; 32]);
    table.hear(start, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    let late = node.next();
    assert!(node.add_home(home));
    table.reach(remote(&node, 8, 900)).unwrap();
    let homes = |table: &Neighbours| table.all()[&node.id()].announcement.homes().to_vec();
    assert_eq!(homes(&table), [home]);
    // What was under way for longer changes nothing, and neither does the end of the lease.
    table.hear(start, heard(&late, [10, 0, 0, 2])).unwrap();
    assert_eq!(homes(&table), [home]);
    table.expire(start + LEASE);
    assert_eq!(homes(&table), [home]);
    // What it says later counts again.
    node.remove_home(home);
    table.hear(start + LEASE, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    assert_eq!(homes(&table), []);
}

fn invented(number: u32) -> Announcement {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    let message = proto::node::v1::Announcement {
        sequence: 1 + u64::from(number),
        kind: NodeKind::Peer.into(),
        network: Some(Network::named("home").to_proto()),
        ports: Some(proto::node::v1::Ports::default()),
        description_hash: vec![0; 32].into(),
        ..Default::default()
    };
    Announcement::sign(&NodeKey::from_seed(seed), message).unwrap()
}

#[test]
fn a_flood_from_one_address_or_many_pushes_nobody_out() {
    let (mut table, start, friend) = (table(), Instant::now(), announcer(1, "home"));
    table.hear(start, heard(&friend.next(), [10, 0, 0, 1])).unwrap();
    let mut dropped = HashMap::<_, usize>::new();
    for number in 0..6_000_u32 {
        // The first thousand from one address, the others from one each.
        let from = Ipv4Addr::from(if number < 1_000 { 0x0b00_0001 } else { 0x0c00_0000 + number });
        let address = at(from);
        let announcement = invented(number);
        if let Err(reason) = table.hear(start, Heard { announcement, description: None, address }) {
            *dropped.entry(reason).or_default() += 1;
        }
    }
    assert_eq!(dropped[&Dropped::AddressFull], 1_000 - MAX_NEIGHBOURS_PER_ADDRESS);
    assert_eq!(table.all().len(), MAX_NEIGHBOURS);
    assert!(dropped[&Dropped::Full] > 0 && table.find(&friend.id()).is_some());
    table.hear(start + SECOND, heard(&friend.next(), [10, 0, 0, 1])).unwrap();
    table.expire(start + LEASE);
    assert_eq!(table.all().len(), 1);
    assert_eq!(table.admitted.len(), 1, "the count of a silent address is forgotten");
    assert!(table.tombstones.len() <= MAX_TOMBSTONES);
}

#[test]
fn tombstones_are_bounded_and_the_oldest_gives_way() {
    let mut tombstones = Tombstones::default();
    let id = |number: u32| {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        NodeId::from_bytes(bytes)
    };
    let most = u32::try_from(MAX_TOMBSTONES).unwrap();
    for number in 0..most + 10 {
        tombstones.bury(id(number), 5);
    }
    assert_eq!(tombstones.len(), MAX_TOMBSTONES);
    assert!(tombstones.is_newer(&id(0), 1) && !tombstones.is_newer(&id(most), 5));
}

#[test]
fn nodes_without_description_are_greeted_ever_more_seldom() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    table.hear(start, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    table.greet_soon(start, &node.id());
    let start = start + GREETING_TURN;
    let greeted = table.to_greet(start, 9);
    assert_eq!(greeted, [ToGreet { id: node.id(), addresses: vec![([10, 0, 0, 1], 30_001).into()] }]);
    let later = |seconds: u32| start + seconds * SECOND;
    assert!(table.to_greet(later(4), 9).is_empty());
    assert_eq!(table.to_greet(later(5), 9).len(), 1);
    assert!(table.to_greet(later(14), 9).is_empty());
    assert_eq!(table.to_greet(later(15), 9).len(), 1);
    table.describe(node.description());
    assert!(table.to_greet(later(500), 9).is_empty());
}

#[test]
fn a_description_is_waited_for_and_the_lower_id_greets_first() {
    let (start, node) = (Instant::now(), announcer(1, "home"));
    for (own, turn) in [([0; 32], Duration::ZERO), ([255; 32], GREETING_TURN)] {
        let mut table = Neighbours::new(NodeId::from_bytes(own), Network::named("home"));
        table.hear(start, heard(&node.next(), [10, 0, 0, 1])).unwrap();
        let due = start + DESCRIPTION_PATIENCE + turn;
        assert!(table.to_greet(due - Duration::from_millis(1), 9).is_empty());
        assert_eq!(table.to_greet(due, 9).len(), 1);
    }
    let mut table = table();
    table.hear(start, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    table.greet_soon(start, &node.id());
    assert!(table.to_greet(start, 9).is_empty());
    assert_eq!(table.to_greet(start + GREETING_TURN, 9).len(), 1);
}

#[test]
fn what_is_said_again_renews_a_lease_unless_it_is_a_replay() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    let again = |table: &mut Neighbours, now, sequence, ip: [u8; 4]| {
        table.hear_again(now, (node.id(), sequence), at(ip))
    };
    assert_eq!(again(&mut table, start, 9, [10, 0, 0, 1]), Err(Dropped::Replay), "it is not here");
    table.hear(start, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    events(&mut table);
    let first = node.current().sequence();
    assert_eq!(again(&mut table, start, first - 1, [10, 0, 0, 9]), Err(Dropped::Replay));
    let next_start = (Announcer::start_of(first) + 1) << 24;
    assert_eq!(again(&mut table, start, next_start, [10, 0, 0, 9]), Err(Dropped::Replay));
    again(&mut table, start + 9 * SECOND, first + 2, [10, 0, 0, 1]).unwrap();
    assert!(events(&mut table).is_empty());
    assert!(table.expire(start + LEASE + 8 * SECOND).is_empty());
    again(&mut table, start + 10 * SECOND, first + 2, [10, 0, 0, 2]).unwrap();
    assert_eq!(events(&mut table), ["updated"]);
    assert_eq!(table.expire(start + LEASE + 9 * SECOND).len(), 1);
}

#[test]
fn hints_at_known_nodes_are_not_followed() {
    let (mut table, start, node) = (table(), Instant::now(), announcer(1, "home"));
    assert!(table.wants_hint(start, &node.id()));
    assert!(!table.wants_hint(start, &table.own.clone()));
    table.hear(start, heard(&node.next(), [10, 0, 0, 1])).unwrap();
    assert!(!table.wants_hint(start + LEASE - SECOND, &node.id()));
    table.goodbye(&node.next()).unwrap();
    let mut by_hint = heard(&node.next(), [10, 0, 0, 1]);
    by_hint.address.source = SourceKind::Hint;
    table.hear(start, by_hint).unwrap();
    assert!(!table.wants_hint(start + SECOND, &node.id()));
    assert!(table.wants_hint(start + LEASE / 2 + SECOND, &node.id()), "nobody else renews it");
}
