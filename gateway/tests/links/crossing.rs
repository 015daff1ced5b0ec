//! Peers' bytes across links.

use std::{sync::Arc, time::Duration};

use gateway::proxy::NextHop;
use identity::{
    NodeId, NodeKey,
    tls::{ALPN_H2, Expected, Identity, client_config, node_of_peer, server_config, server_name},
};
use proto::bridge::v1::Refusal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{
    bridge::{Bridge, link, linked},
    calls::{call, client_hello, echo_peer, knock, ping, read_to_end, spawn},
    waiting::{LIMIT, until, within},
};

const BULK_BYTES: usize = 100 * 1024 * 1024;

/// A bridge of callers, one of peers, and a peer that echoes.
pub(crate) async fn two_networks() -> (Bridge, Bridge, NodeId) {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let (peer, address) = echo_peer().await;
    a.directory.via(peer, &b);
    b.directory.local(peer, address);
    (a, b, peer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_cross_whole_and_the_half_close_with_them() {
    let (a, b, peer) = two_networks().await;
    let stream = call(&a, peer).await;
    let (mut read, mut write) = stream.into_split();
    let (sent, echoed) = within("end of the bulk", async {
        tokio::join!(
            async {
                let mut hash = blake3::Hasher::new();
                let mut left = BULK_BYTES;
                while left > 0 {
                    // Sizes that fit nothing, so that every seam is met.
                    let mut piece = vec![0; (rand::random::<u64>() as usize % 200_000 + 1).min(left)];
                    rand::fill(&mut piece[..]);
                    hash.update(&piece);
                    write.write_all(&piece).await.unwrap();
                    left -= piece.len();
                }
                write.shutdown().await.unwrap();
                hash.finalize()
            },
            async {
                let (mut hash, mut length) = (blake3::Hasher::new(), 0);
                let mut buffer = vec![0; 1 << 20];
                loop {
                    match read.read(&mut buffer).await.unwrap() {
                        0 => return (hash.finalize(), length),
                        read => {
                            hash.update(&buffer[..read]);
                            length += read;
                        }
                    }
                }
            }
        )
    })
    .await;
    assert_eq!(echoed, (sent, BULK_BYTES));
    until("end of the stream in both bridges", || a.proxy.open() == 0 && b.proxy.open() == 0).await;
    assert!(a.metrics.streams_open.get() == 0 && b.metrics.streams_open.get() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_runs_from_peer_to_peer() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let (caller, called) = (Identity::ephemeral().unwrap(), Identity::ephemeral().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    a.directory.via(called.id(), &b);
    b.directory.local(called.id(), listener.local_addr().unwrap());
    let acceptor = TlsAcceptor::from(Arc::new(server_config(&called, ALPN_H2).unwrap()));
    spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let id = node_of_peer(stream.get_ref().1.peer_certificates()).unwrap();
        stream.write_all(id.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let config = client_config(&caller, Expected::Node(called.id()), ALPN_H2).unwrap();
    let stream = TcpStream::connect(a.proxy_address).await.unwrap();
    let connecting = TlsConnector::from(Arc::new(config)).connect(server_name(called.id()), stream);
    let mut stream = within("TLS handshake", connecting).await.unwrap();
    let mut seen = Vec::new();
    within("id", stream.read_to_end(&mut seen)).await.unwrap();
    assert_eq!(seen, caller.id().as_bytes(), "the called peer sees the caller's id, not a bridge's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_crosses_three_links() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let (c, d) = linked(Bridge::start().await, Bridge::start().await).await;
    link(&c, &b).await;
    let (peer, address) = echo_peer().await;
    a.directory.via(peer, &b);
    b.directory.via(peer, &c);
    c.directory.via(peer, &d);
    d.directory.local(peer, address);
    let mut stream = call(&a, peer).await;
    ping(&mut stream).await;
    stream.shutdown().await.unwrap();
    assert!(read_to_end(&mut stream).await.is_empty());
    until("end everywhere", || [&a, &b, &c, &d].iter().all(|bridge| bridge.proxy.open() == 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_neither_back_nor_in_circles() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let c = Bridge::start().await;
    link(&b, &c).await;
    link(&c, &a).await;
    let (back, round) = (NodeKey::generate().node_id(), NodeKey::generate().node_id());
    a.directory.via(back, &b);
    b.directory.via(back, &a);
    for (from, to) in [(&a, &b), (&b, &c), (&c, &a)] {
        from.directory.via(round, to);
    }
    read_to_end(&mut knock(&a, &client_hello(back)).await).await;
    assert_eq!(a.directory.refusal_of(back).await, Refusal::NoRoute);
    read_to_end(&mut knock(&a, &client_hello(round)).await).await;
    assert_eq!(a.directory.refusal_of(round).await, Refusal::Hops);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_of_the_same_network_is_reached_without_a_link() {
    let a = Bridge::start().await;
    let (peer, address) = echo_peer().await;
    a.directory.local(peer, address);
    let mut stream = call(&a, peer).await;
    ping(&mut stream).await;
    stream.shutdown().await.unwrap();
    assert!(read_to_end(&mut stream).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_addresses_the_one_that_answers_is_taken() {
    let (a, b, peer) = two_networks().await;
    let (_, good) = echo_peer().await;
    // Nobody listens on the first; the second is of a documentation network and never answers.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let addresses = vec![closed, "192.0.2.1:9".parse().unwrap(), good];
    b.directory.set(peer, Ok(NextHop::Local { addresses }));
    ping(&mut call(&a, peer).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_crosses_in_both_directions() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = NodeKey::generate().node_id();
    a.directory.via(peer, &b);
    b.directory.local(peer, listener.local_addr().unwrap());
    for by_peer in [true, false] {
        let mut caller = knock(&a, &client_hello(peer)).await;
        let (mut called, _) = within("call", listener.accept()).await.unwrap();
        called.write_all(b"x").await.unwrap();
        let mut one = [0];
        within("byte", caller.read_exact(&mut one)).await.unwrap();
        let (breaker, mut other) = if by_peer { (called, caller) } else { (caller, called) };
        socket2::SockRef::from(&breaker).set_linger(Some(Duration::ZERO)).unwrap();
        drop(breaker);
        let mut rest = Vec::new();
        let outcome = within("reset", other.read_to_end(&mut rest)).await;
        assert_eq!(
            outcome.unwrap_err().kind(),
            std::io::ErrorKind::ConnectionReset,
            "by the peer: {by_peer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_refuses_new_streams_and_lets_open_ones_finish() {
    let (a, b, peer) = two_networks().await;
    let mut open = call(&a, peer).await;
    b.proxy.start_draining();
    read_to_end(&mut knock(&a, &client_hello(peer)).await).await;
    assert_eq!(a.directory.refusal_of(peer).await, Refusal::Draining);
    ping(&mut open).await;
    assert_eq!(b.proxy.drain(Duration::ZERO).await, 1);
    let (left, ()) = tokio::join!(b.proxy.drain(LIMIT), async {
        open.shutdown().await.unwrap();
        read_to_end(&mut open).await;
    });
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_link_ends_its_streams() {
    let (a, b, peer) = two_networks().await;
    let mut open = call(&a, peer).await;
    b.stop().await;
    assert!(read_to_end(&mut open).await.is_empty());
    until("end of the stream", || a.proxy.open() == 0).await;
    read_to_end(&mut knock(&a, &client_hello(peer)).await).await;
    assert_eq!(a.directory.refusal_of(peer).await, Refusal::NoRoute);
}
