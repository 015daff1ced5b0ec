//! Who may not link, and who lies.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use gateway::link::{
    LinkState, LinkTarget,
    limits::{MAX_FRAME_BYTES, MAX_HANDSHAKES_PER_ADDRESS},
};
use identity::{
    NodeId, NodeKey,
    tls::{self, ALPN_LINK, Expected, Identity},
};
use prost::Message as _;
use proto::link::v1::{Close, Hello, Purpose};
use quinn::{Connection, ConnectionError, RecvStream, SendStream, crypto::rustls::QuicClientConfig};
use rustls::client::Resumption;

use super::{
    bridge::{Bridge, Options, introduction, link, linked},
    calls::{call, echo_peer, read_to_end},
    waiting::{until, within},
};

/// A client of the test's own making.
struct Rogue {
    identity: Identity,
    endpoint: quinn::Endpoint,
    config: quinn::ClientConfig,
}

impl Rogue {
    fn new(alpn: &[u8]) -> Self {
        let identity = Identity::ephemeral().unwrap();
        let mut config = tls::client_config(&identity, Expected::Any, alpn).unwrap();
        // Unlike ours, it would resume a session and send early data if it were let.
        config.resumption = Resumption::in_memory_sessions(16);
        config.enable_early_data = true;
        let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()));
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { identity, endpoint, config }
    }

    async fn connect(&self, address: SocketAddr) -> Result<Connection, ConnectionError> {
        let name = "a-name-for-the-session-cache";
        within("handshake", self.endpoint.connect_with(self.config.clone(), address, name).unwrap()).await
    }

    fn hello(&self, purpose: Purpose, link: [u8; 16]) -> Hello {
        let own = introduction(&self.identity);
        Hello {
            version: 1,
            purpose: purpose.into(),
            link: Bytes::copy_from_slice(&link),
            description: Some(own.description.signed().clone()),
            network: Some(own.network.to_proto()),
            ..Hello::default()
        }
    }

    /// Both connections of a link, by the book.
    async fn link(&self, address: SocketAddr) -> (Connection, SendStream, RecvStream, Connection) {
        let gossip = self.connect(address).await.unwrap();
        let (send, mut recv) = say(&gossip, &self.hello(Purpose::Gossip, [1; 16]).encode_to_vec()).await;
        answer(&mut recv).await;
        let streams = self.connect(address).await.unwrap();
        let (_, mut said) = say(&streams, &self.hello(Purpose::Streams, [1; 16]).encode_to_vec()).await;
        answer(&mut said).await;
        (gossip, send, recv, streams)
    }
}

async fn say(connection: &Connection, message: &[u8]) -> (SendStream, RecvStream) {
    let (mut send, recv) = connection.open_bi().await.unwrap();
    send.write_all(&u32::try_from(message.len()).unwrap().to_be_bytes()).await.unwrap();
    send.write_all(message).await.unwrap();
    (send, recv)
}

async fn answer(recv: &mut RecvStream) {
    let mut length = [0; 4];
    recv.read_exact(&mut length).await.unwrap();
    let mut message = vec![0; u32::from_be_bytes(length) as usize];
    recv.read_exact(&mut message).await.unwrap();
    Hello::decode(message.as_slice()).unwrap();
}

async fn closed_with(connection: &Connection) -> Close {
    match within("close", connection.closed()).await {
        ConnectionError::ApplicationClosed(close) => {
            Close::try_from(i32::try_from(close.error_code.into_inner()).unwrap()).unwrap()
        }
        other => panic!("closed by {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_is_not_trusted_is_sent_away_and_told_what_to_do() {
    let (a, b) = (Bridge::start().await, Bridge::start().await);
    a.trust(b.id());
    a.dial(&b);
    let reason = a.dial_failure().await;
    assert!(reason.contains(&format!("causeway trust add {}", a.id())), "{reason}");
    let status = a.links.statuses().remove(0);
    assert_eq!(status.state, LinkState::Refused);
    assert!(b.links.statuses().is_empty());
    b.trust(a.id());
    tokio::join!(a.up(), b.up());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_dialled_before_being_trusted_here() {
    let (a, b) = (Bridge::start().await, Bridge::start().await);
    b.trust(a.id());
    a.dial(&b);
    until("refused state", || a.links.statuses()[0].state == LinkState::Refused).await;
    assert!(a.links.statuses()[0].reason.contains("trust add"));
    a.trust(b.id());
    tokio::join!(a.up(), b.up());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_lets_one_stranger_in_and_a_wrong_one_nobody() {
    let (a, b, c) = (Bridge::start().await, Bridge::start().await, Bridge::start().await);
    *b.admission.secret.lock().unwrap() = Some(Bytes::from_static(b"secret"));
    let target = |secret: &'static [u8]| LinkTarget {
        id: b.id(),
        host_port: b.address.to_string(),
        invitation: Some(Bytes::from_static(secret)),
    };
    c.trust(b.id());
    c.links.add(target(b"guess"));
    assert!(c.dial_failure().await.contains("does not trust"));
    a.trust(b.id());
    a.links.add(target(b"secret"));
    let (_, at_b) = tokio::join!(a.up(), b.up());
    assert_eq!(at_b.bridge, a.id());
    assert!(b.admission.secret.lock().unwrap().is_none(), "it is used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_trust_closes_link_and_streams_at_once() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let (peer, address) = echo_peer().await;
    a.directory.via(peer, &b);
    b.directory.local(peer, address);
    let mut stream = call(&a, peer).await;
    b.distrust(a.id());
    let (_, reason) = a.down().await;
    assert!(reason.contains("does not trust"), "{reason}");
    assert!(read_to_end(&mut stream).await.is_empty());
    assert!(a.dial_failure().await.contains("trust add"));
    assert!(!b.links.is_up(a.id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_trust_closes_both_connections_of_a_client_that_would_resume() {
    let bridge = Bridge::start().await;
    let rogue = Rogue::new(ALPN_LINK);
    bridge.trust(rogue.identity.id());
    let (gossip, _send, _recv, streams) = rogue.link(bridge.address).await;
    bridge.up().await;
    bridge.distrust(rogue.identity.id());
    assert_eq!(closed_with(&gossip).await, Close::NotTrusted);
    assert_eq!(closed_with(&streams).await, Close::NotTrusted);
    // No ticket was given, so there is no early data, and the new handshake meets the trust list.
    let again =
        rogue.endpoint.connect_with(rogue.config.clone(), bridge.address, "a-name-for-the-session-cache");
    let Err(connecting) = again.unwrap().into_0rtt() else { panic!("a session was resumed") };
    let again = connecting.await.unwrap();
    assert_eq!(closed_with(&again).await, Close::NotTrusted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_an_address_where_another_node_answers_does_not_come_up() {
    let (a, b) = (Bridge::start().await, Bridge::start().await);
    let expected = NodeKey::generate().node_id();
    a.trust(expected);
    b.trust(a.id());
    a.dial_at(b.address, expected);
    let reason = a.dial_failure().await;
    assert!(reason.contains("another node"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_protocol_over_quic_is_refused() {
    let bridge = Bridge::start().await;
    let refused = Rogue::new(b"h3").connect(bridge.address).await;
    assert!(matches!(refused, Err(ConnectionError::ConnectionClosed(_))), "{refused:?}");
}

/// The first packets of clients that will say nothing more.
async fn first_packets(count: usize) -> Vec<Vec<u8>> {
    let nobody = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let rogue = Rogue::new(ALPN_LINK);
    let address = nobody.local_addr().unwrap();
    let begin = || rogue.endpoint.connect_with(rogue.config.clone(), address, "x").unwrap();
    let connecting: Vec<_> = (0..count).map(|_| begin()).collect();
    let mut packets = Vec::new();
    let mut buffer = [0; 2_048];
    while packets.len() < count {
        let length = within("first packet", nobody.recv(&mut buffer)).await.unwrap();
        packets.push(buffer[..length].to_vec());
    }
    drop(connecting);
    packets
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_handshakes_are_bounded_and_do_not_keep_others_out() {
    let bridge = Bridge::start().await;
    let flood = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for packet in first_packets(4 * MAX_HANDSHAKES_PER_ADDRESS).await {
        flood.send_to(&packet, bridge.address).await.unwrap();
    }
    until("refused handshakes", || bridge.metrics.handshakes_refused.get() > 0).await;
    assert!(bridge.metrics.handshakes.get() <= i64::try_from(MAX_HANDSHAKES_PER_ADDRESS).unwrap());
    // Another address is not touched by it.
    let other = Bridge::with(Options { listen: "127.0.0.2:0".parse().unwrap(), ..Options::default() }).await;
    link(&other, &bridge).await;
    assert!(bridge.metrics.handshakes.get() > 0, "the flood was still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn hellos_that_lie_close_the_connection() {
    let bridge = Bridge::start().await;
    let rogue = Rogue::new(ALPN_LINK);
    bridge.trust(rogue.identity.id());
    let good = || rogue.hello(Purpose::Gossip, [1; 16]);
    let other = introduction(&Identity::ephemeral().unwrap());
    let lies = [
        Hello { version: 2, ..good() },
        Hello { purpose: 77, ..good() },
        Hello { link: Bytes::from_static(b"short"), ..good() },
        Hello { description: Some(other.description.signed().clone()), ..good() },
        Hello { description: None, ..good() },
        Hello { network: None, ..good() },
        Hello { invitation: Bytes::from(vec![0; 513]), ..good() },
        Hello { program: "x".repeat(9_000), ..good() },
        // A second connection that no first one announced.
        rogue.hello(Purpose::Streams, [2; 16]),
    ];
    for lie in lies {
        let connection = rogue.connect(bridge.address).await.unwrap();
        let streams = say(&connection, &lie.encode_to_vec()).await;
        assert_eq!(closed_with(&connection).await, Close::Protocol, "{lie:?}");
        drop(streams);
    }
    assert!(bridge.links.statuses().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_above_the_bound_closes_the_link() {
    let bridge = Bridge::start().await;
    let rogue = Rogue::new(ALPN_LINK);
    bridge.trust(rogue.identity.id());
    let (gossip, mut send, _recv, streams) = rogue.link(bridge.address).await;
    bridge.up().await;
    send.write_all(&u32::try_from(MAX_FRAME_BYTES + 1).unwrap().to_be_bytes()).await.unwrap();
    assert_eq!(closed_with(&gossip).await, Close::Protocol);
    within("close", streams.closed()).await;
    let (_, reason) = bridge.down().await;
    assert!(reason.contains("65537 bytes"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_does_not_link_with_itself() {
    let bridge = Bridge::start().await;
    bridge.trust(bridge.id());
    bridge.dial_at(bridge.address, bridge.id());
    assert!(bridge.links.statuses().is_empty());
    let nobody: Option<NodeId> = bridge.links.statuses().first().map(|status| status.bridge);
    assert_eq!(nobody, None);
}
