use std::net::SocketAddr;

use bytes::Bytes;
use identity::{Network, NodeKey};
use proto::node::v1::{self, NodeKind, Ports};

use super::*;
use crate::limits::MAX_LOCAL_PEERS;

const OWN: NodeId = NodeId::from_bytes([9; 32]);

fn records(seed: u8, sequence: u64, homes: &[NodeId]) -> (Arc<Description>, Arc<Announcement>) {
    let key = NodeKey::from_seed([seed; 32]);
    let description = v1::Description {
        kind: NodeKind::Peer.into(),
        name: format!("peer {seed}"),
        certificate: Bytes::from_static(b"certificate"),
        ..v1::Description::default()
    };
    let description = Description::sign(&key, description).unwrap();
    let announcement = v1::Announcement {
        sequence,
        kind: NodeKind::Peer.into(),
        network: Some(Network::named("home").to_proto()),
        ports: Some(Ports { secure: 30_000, ..Ports::default() }),
        homes: homes.iter().map(|home| home.to_bytes()).collect(),
        description_hash: Bytes::copy_from_slice(&description.hash()),
        ..v1::Announcement::default()
    };
    (Arc::new(description), Arc::new(Announcement::sign(&key, announcement).unwrap()))
}

fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 168, 0, last])
}

fn place(last: u8) -> Place {
    Place::of(SocketAddr::new(ip(last), 4_711))
}

fn caller(locals: &Locals, last: u8) -> Option<NodeId> {
    locals.callers.get(&ip(last)).and_then(|ids| ids.first().copied())
}

fn at(seconds: u64) -> Seen {
    Seen { now: Duration::from_secs(seconds), wall_ms: 0 }
}

#[test]
fn a_registration_counts_only_if_the_announcement_names_the_bridge() {
    let mut locals = Locals::new(OWN, PeerLimits::default());
    for (seed, homes, how) in [(1, vec![OWN], How::Registered), (2, vec![], How::Heard)] {
        let (description, announcement) = records(seed, 1, &homes);
        let id = announcement.id();
        locals.register(description, announcement, place(1), at(0)).unwrap();
        assert_eq!(locals.how(locals.get(&id).unwrap()), how);
    }
}

#[test]
fn a_registration_that_is_not_renewed_ends_and_the_sighting_remains() {
    let mut locals = Locals::new(OWN, PeerLimits::default());
    let (description, announcement) = records(1, 1, &[OWN]);
    let id = announcement.id();
    locals.register(description, Arc::clone(&announcement), place(1), at(0)).unwrap();
    locals.heard(None, announcement, [place(1), place(2)], at(1)).unwrap();
    assert_eq!(locals.get(&id).unwrap().secure_addresses().len(), 2);
    assert!(locals.expire(Duration::from_secs(14)).is_empty());
    assert_eq!(locals.expire(locals.next_expiry().unwrap()), [(id, After::Present)]);
    assert_eq!((caller(&locals, 1), locals.next_expiry()), (Some(id), None));
    assert_eq!(locals.unheard(&id), After::Gone);
    assert_eq!((caller(&locals, 1), caller(&locals, 2), locals.len()), (None, None, 0));
}

#[test]
fn an_older_announcement_is_a_replay_and_the_same_one_renews() {
    let mut locals = Locals::new(OWN, PeerLimits::default());
    let (description, new) = records(1, 7, &[]);
    let (_, old) = records(1, 6, &[]);
    locals.register(Arc::clone(&description), Arc::clone(&new), place(1), at(0)).unwrap();
    assert_eq!(locals.register(Arc::clone(&description), old, place(1), at(1)), Err(NotTaken::Replay));
    locals.register(description, Arc::clone(&new), place(1), at(1)).unwrap();
    assert!(locals.expire(REGISTRATION_LEASE).is_empty());
    assert_eq!(locals.next_expiry(), Some(Duration::from_secs(1) + REGISTRATION_LEASE));
}

#[test]
fn a_registration_may_be_older_than_what_was_heard_meanwhile() {
    let mut locals = Locals::new(OWN, PeerLimits::default());
    let (description, old) = records(1, 6, &[OWN]);
    let (_, new) = records(1, 7, &[OWN]);
    locals.heard(None, Arc::clone(&new), [place(1)], at(0)).unwrap();
    locals.register(description, old, place(1), at(1)).unwrap();
    let peer = locals.get(&new.id()).unwrap();
    assert_eq!((peer.announcement.sequence(), locals.how(peer)), (7, How::Registered));
}

#[test]
fn a_peer_that_moves_is_dialled_at_its_new_address_only() {
    let mut locals = Locals::new(OWN, PeerLimits::default());
    let (description, announcement) = records(1, 7, &[]);
    let id = announcement.id();
    locals.register(Arc::clone(&description), Arc::clone(&announcement), place(1), at(0)).unwrap();
    locals.register(description, announcement, place(2), at(1)).unwrap();
    assert_eq!(locals.get(&id).unwrap().secure_addresses(), [SocketAddr::new(ip(2), 30_000)]);
    assert_eq!((caller(&locals, 1), caller(&locals, 2)), (None, Some(id)));
}

#[test]
fn invented_peers_are_bounded_and_known_ones_still_renew() {
    let mut locals = Locals::new(OWN, PeerLimits::default());
    let (description, announcement) = records(1, 1, &[]);
    locals.register(Arc::clone(&description), Arc::clone(&announcement), place(1), at(0)).unwrap();
    let template = locals.get(&announcement.id()).unwrap().clone();
    for n in 0..u32::try_from(MAX_LOCAL_PEERS).unwrap() - 1 {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&n.to_le_bytes());
        locals.peers.insert(NodeId::from_bytes(id), template.clone());
    }
    let (d, a) = records(2, 1, &[]);
    assert_eq!(locals.register(d, a, place(3), at(1)), Err(NotTaken::Full(MAX_LOCAL_PEERS)));
    locals.register(description, announcement, place(1), at(1)).unwrap();
    assert_eq!(locals.len(), MAX_LOCAL_PEERS);
}
