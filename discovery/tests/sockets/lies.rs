//! Liars on the wire.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::Instant,
};

use bytes::Bytes;
use discovery::{
    Announcer, Event,
    datagram::{Hint, MAGIC, decode, encode},
    limits::GREETINGS_OF_HINTED,
    source::multicast::GROUP_V4,
};
use identity::{Announcement, Context, Description, NodeKey};
use prost::Message as _;
use proto::node::v1::{Datagram, Ports, Signed, datagram::Kind};

use tokio::time::timeout;

use crate::node::{LIMIT, Node, Plan, appeared, eventually, free_port, loopback};

/// Somebody with a socket of its own on loopback.
struct Liar {
    socket: UdpSocket,
    group: SocketAddr,
}

impl Liar {
    fn new(port: u16) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, port)
    }

    fn at(address: Ipv4Addr, port: u16) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        let raw = socket2::SockRef::from(&socket);
        raw.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        Self { socket, group: SocketAddr::from((GROUP_V4, port)) }
    }

    fn say(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.group).unwrap();
    }
}

fn announcer(name: &str) -> Announcer {
    Plan::new(name, loopback(1)).announcer(Ports { greeting: 1, ..Ports::default() })
}

fn datagram(key: &NodeKey, announcement: &Announcement) -> Vec<u8> {
    encode(key, Kind::Announce, announcement, None, []).0.to_vec()
}

async fn listening(port: u16) -> Node {
    let node = Node::start(Plan::new("listener", loopback(port)));
    node.known("its own address", |snapshot| snapshot.own_addresses.first().cloned()).await;
    node
}

/// Says something true until it is heard: whatever was said before was taken in, or not at all.
async fn truth_is_heard(liar: &Liar, node: &mut Node) {
    let honest = announcer("honest");
    liar.say(&datagram(honest.identity().key(), &honest.next()));
    node.until("the honest node", appeared(honest.id())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_signatures_and_wrong_authors_are_not_believed() {
    let port = free_port();
    let (mut node, liar) = (listening(port).await, Liar::new(port));
    let victim = announcer("victim");
    let announcement = victim.next();
    // Somebody else's announcement in a datagram of one's own.
    liar.say(&datagram(announcer("mallory").identity().key(), &announcement));
    // One changed byte, at each place of a true datagram in turn.
    let true_datagram = datagram(victim.identity().key(), &announcement);
    for place in (0..true_datagram.len()).step_by(7) {
        let mut changed = true_datagram.clone();
        changed[place] ^= 0x10;
        liar.say(&changed);
    }
    liar.say(b"");
    liar.say(b"CWY1");
    liar.say(b"M-SEARCH * HTTP/1.1\r\n");
    liar.say(&[0x55; 60_000]);
    truth_is_heard(&liar, &mut node).await;
    assert_eq!(node.discovery.snapshot().neighbours.len(), 1, "only the honest one");
    assert!(node.metrics.dropped_so_far("signature") > 0);
    assert!(node.metrics.dropped_so_far("foreign") > 0);
    assert!(node.metrics.dropped_so_far("too_large") > 0);
    node.stop().await;
}

/// A datagram with whatever is put in as its author's description.
fn introduction(author: &Announcer, announcement: &Announcement, description: Signed) -> Vec<u8> {
    let message = Datagram {
        kind: Kind::Query.into(),
        announcement: Some(announcement.signed().clone()),
        description: Some(description),
        ..Datagram::default()
    };
    let body = Bytes::from(message.encode_to_vec());
    let signature = author.identity().key().sign(Context::Datagram, &body);
    [&MAGIC[..], &Signed { body, signature }.encode_to_vec()].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_and_outdated_descriptions_in_datagrams_are_not_believed() {
    let port = free_port();
    let (mut node, liar) = (listening(port).await, Liar::new(port));
    let mallory = announcer("mallory");
    let (outdated, _) = mallory.records();
    let renamed = Plan::new("mallory", loopback(1)).description("renamed", 0);
    mallory.set_description(renamed).unwrap();
    // One of the past, under an announcement of today.
    liar.say(&introduction(&mallory, &mallory.next(), outdated.signed().clone()));
    // One that nobody signed, and one that somebody else did, under announcements that name them.
    let body = Bytes::from(b"nobody's".to_vec());
    let unsigned = Signed { body, signature: vec![7; 64].into() };
    for lie in [unsigned, announcer("victim").description().signed().clone()] {
        let message = proto::node::v1::Announcement {
            sequence: mallory.next().sequence(),
            kind: proto::node::v1::NodeKind::Peer.into(),
            network: Some(mallory.network().to_proto()),
            ports: Some(Ports::default()),
            description_hash: Description::hash_of(&lie).to_vec().into(),
            ..Default::default()
        };
        let announcement = Announcement::sign(mallory.identity().key(), message).unwrap();
        liar.say(&introduction(&mallory, &announcement, lie));
    }
    truth_is_heard(&liar, &mut node).await;
    assert_eq!(node.discovery.snapshot().neighbours.len(), 1, "only the honest one");
    assert_eq!(node.metrics.dropped_so_far("field"), 1);
    assert_eq!(node.metrics.dropped_so_far("description"), 2);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_does_not_bring_back_who_said_goodbye() {
    let port = free_port();
    let (mut node, liar) = (listening(port).await, Liar::new(port));
    let victim = announcer("victim");
    let key = victim.identity().key().clone();
    let recorded = datagram(&key, &victim.next());
    liar.say(&recorded);
    node.until("the victim", appeared(victim.id())).await;
    liar.say(&encode(&key, Kind::Goodbye, &victim.next(), None, []).0);
    node.until("the goodbye", |event| matches!(event, Event::Gone { .. }).then_some(())).await;
    liar.say(&recorded);
    truth_is_heard(&liar, &mut node).await;
    assert!(!node.discovery.snapshot().neighbours.contains_key(&victim.id()));
    assert!(node.metrics.dropped_so_far("replay") > 0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_are_believed_only_after_a_greeting_and_never_for_third_parties() {
    let port = free_port();
    let (mut node, liar) = (listening(port).await, Liar::new(port));
    let silent = discovery::Settings { multicast: None, ..loopback(port) };
    let hidden = Node::start(Plan::new("hidden", silent));
    let gossip = announcer("gossip");
    let invented = NodeKey::from_seed([77; 32]).node_id();
    let at = |ip: IpAddr, port| SocketAddr::new(ip, port);
    let hints = [
        Hint { id: hidden.id(), address: hidden.greeting },
        // Somebody else answers there: not believed.
        Hint { id: invented, address: hidden.greeting },
        // Third parties: never dialled.
        Hint { id: invented, address: at([8, 8, 8, 8].into(), 53) },
        Hint { id: invented, address: at([169, 254, 169, 254].into(), 80) },
    ];
    liar.say(&encode(gossip.identity().key(), Kind::Announce, &gossip.next(), None, hints).0);
    node.until("the hidden node", appeared(hidden.id())).await;
    let known = node.described(hidden.id()).await;
    assert!(known.heard_at(|ports| ports.greeting).is_empty(), "it was not heard from there");
    assert_eq!(known.at(|ports| ports.greeting), [hidden.greeting]);
    assert!(!node.discovery.snapshot().neighbours.contains_key(&invented));
    assert_eq!(node.metrics.dropped_so_far("hint_address"), 2);
    node.stop().await;
    hidden.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_invented_nodes_is_bounded_and_pushes_nobody_out() {
    let port = free_port();
    let (mut node, liar) = (listening(port).await, Liar::new(port));
    let mut friend = Node::start(Plan::new("friend", loopback(port)));
    node.until("the friend", appeared(friend.id())).await;
    friend.until("the node", appeared(node.id())).await;
    let template = announcer("template");
    for number in 0..3_000_u32 {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let key = NodeKey::from_seed(seed);
        let message = proto::node::v1::Announcement {
            sequence: 1,
            kind: proto::node::v1::NodeKind::Peer.into(),
            network: Some(template.network().to_proto()),
            ports: Some(Ports::default()),
            description_hash: vec![0; 32].into(),
            ..Default::default()
        };
        liar.say(&datagram(&key, &Announcement::sign(&key, message).unwrap()));
    }
    let bounded = |metrics: &discovery::Metrics| {
        metrics.dropped_so_far("address_rate") + metrics.dropped_so_far("address_full") > 0
    };
    eventually("the flood meets a bound", || bounded(&node.metrics)).await;
    let snapshot = node.discovery.snapshot();
    assert!(snapshot.neighbours.contains_key(&friend.id()));
    assert!(snapshot.neighbours.len() <= discovery::limits::MAX_NEIGHBOURS_PER_ADDRESS + 1);
    // The friend is still heard: its goodbye arrives.
    let id = friend.id();
    friend.stop().await;
    node.until("the friend's goodbye", |event| match event {
        Event::Gone { id: gone, .. } if *gone == id => Some(()),
        _ => None,
    })
    .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_machine_with_the_same_identity_is_noticed() {
    let port = free_port();
    let mut first = Node::start(Plan::new("copied", loopback(port)));
    first.known("its own address", |snapshot| snapshot.own_addresses.first().cloned()).await;
    let second = Node::start(Plan { start: 2, ..Plan::new("copied", loopback(port)) });
    first.until("the twin", |event| matches!(event, Event::Twin { .. }).then_some(())).await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nodes_own_words_from_a_foreign_address_give_it_no_address() {
    let port = free_port();
    let (mut node, liar) = (listening(port).await, Liar::at(Ipv4Addr::new(127, 0, 0, 2), port));
    // The same key and the same start: as if what it said had been recorded.
    let own = announcer("listener");
    assert_eq!(own.id(), node.id());
    liar.say(&datagram(own.identity().key(), &own.next()));
    truth_is_heard(&liar, &mut node).await;
    assert_eq!(node.metrics.dropped_so_far("echo"), 1);
    let addresses = node.discovery.snapshot().own_addresses.clone();
    assert!(
        !addresses.is_empty() && addresses.iter().all(|own| own.address.ip() == Ipv4Addr::LOCALHOST),
        "{addresses:?}"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_is_answered_at_its_own_port() {
    let port = free_port();
    let (node, liar) = (listening(port).await, Liar::new(port));
    liar.socket.set_read_timeout(Some(LIMIT)).unwrap();
    for asks in ["asks", "asks too"] {
        let asker = announcer(asks);
        liar.say(&encode(asker.identity().key(), Kind::Query, &asker.next(), None, []).0);
        // The socket is in no group: periodic announcements do not come here.
        let mut buffer = [0; 2_048];
        let (length, _) = liar.socket.recv_from(&mut buffer).expect("an answer");
        let answer = decode(&Bytes::copy_from_slice(&buffer[..length])).unwrap();
        assert_eq!((answer.said.id(), answer.kind), (node.id(), Kind::Announce));
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_hints_makes_nobody_dial_faster_than_the_pace() {
    let port = free_port();
    let (node, liar) = (listening(port).await, Liar::new(port));
    // Takes every connection and ends it at once.
    let dialled = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = dialled.local_addr().unwrap();
    let gossip = announcer("gossip");
    let invented = |number: u8| Hint { id: NodeKey::from_seed([number; 32]).node_id(), address };
    let hints: Vec<_> = (100..200).map(invented).collect();
    let say = |hints: &[Hint]| {
        encode(gossip.identity().key(), Kind::Announce, &gossip.next(), None, hints.iter().copied()).0
    };
    let flood: Vec<_> = hints.chunks(10).map(say).collect();
    let began = Instant::now();
    flood.iter().for_each(|datagram| liar.say(datagram));
    let (burst, per_second) = GREETINGS_OF_HINTED;
    // The burst, and some more, which shows that it goes on.
    for count in 1..=burst as u32 + 12 {
        let accepted = timeout(LIMIT, dialled.accept()).await.expect("more is dialled").unwrap();
        drop(accepted);
        let allowed = burst + per_second * began.elapsed().as_secs_f64();
        assert!(f64::from(count) <= allowed, "{count} dialled after {:?}", began.elapsed());
    }
    node.stop().await;
}
