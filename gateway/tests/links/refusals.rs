//! Refusals reach the caller as TLS alerts, and its bridge with their reasons.

use gateway::{
    proxy::{NextHop, limits::ProxyLimits},
    stream::RefusalLabels,
};
use identity::NodeKey;
use proto::bridge::v1::Refusal;
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use super::{
    bridge::{Bridge, Options, link, linked},
    calls::{call, client_hello, echo_peer, knock, ping, read_to_end},
    crossing::two_networks,
    waiting::until,
};

/// A fatal alert in the clear.
pub(crate) fn alert(description: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, 2, description]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_other_bridge_refuses_is_told_here() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let cases = [
        (Refusal::UnknownPeer, 112),
        (Refusal::PeerLeft, 112),
        (Refusal::Policy, 49),
        (Refusal::NoRoute, 80),
        (Refusal::Limit, 80),
    ];
    for (refusal, description) in cases {
        let peer = NodeKey::generate().node_id();
        a.directory.via(peer, &b);
        b.directory.set(peer, Err(refusal));
        let mut stream = knock(&a, &client_hello(peer)).await;
        assert_eq!(read_to_end(&mut stream).await, alert(description), "{refusal:?}");
        assert_eq!(a.directory.refusal_of(peer).await, refusal);
        assert_eq!(b.directory.refusal_of(peer).await, refusal);
    }
    let counted = a.metrics.streams_refused.get_or_create(&RefusalLabels { reason: "policy" }).get();
    assert_eq!(counted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_bridge_refuses_is_told_at_once() {
    let a = Bridge::start().await;
    let peer = NodeKey::generate().node_id();
    let mut stream = knock(&a, &client_hello(peer)).await;
    assert_eq!(read_to_end(&mut stream).await, alert(112));
    assert_eq!(a.directory.refusal_of(peer).await, Refusal::UnknownPeer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_does_not_answer_is_named_as_such() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let peer = NodeKey::generate().node_id();
    a.directory.via(peer, &b);
    b.directory.local(peer, closed);
    let mut stream = knock(&a, &client_hello(peer)).await;
    assert_eq!(read_to_end(&mut stream).await, alert(80));
    assert_eq!(a.directory.refusal_of(peer).await, Refusal::PeerNotAnswering);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_peers_quota_is_not_anothers() {
    let limits = ProxyLimits { streams_per_peer: 2, ..ProxyLimits::default() };
    let b = Bridge::with(Options { limits, ..Options::default() }).await;
    let (a, b) = linked(Bridge::start().await, b).await;
    let (crowded, address) = echo_peer().await;
    let (other, other_address) = echo_peer().await;
    a.directory.via(crowded, &b);
    a.directory.via(other, &b);
    b.directory.local(crowded, address);
    b.directory.local(other, other_address);
    let mut first = call(&a, crowded).await;
    let _second = call(&a, crowded).await;
    let mut third = knock(&a, &client_hello(crowded)).await;
    assert_eq!(read_to_end(&mut third).await, alert(80));
    assert_eq!(a.directory.refusal_of(crowded).await, Refusal::Limit);
    ping(&mut call(&a, other).await).await;
    first.shutdown().await.unwrap();
    read_to_end(&mut first).await;
    until("a free place", || b.proxy.open() == 1).await;
    ping(&mut call(&a, crowded).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_own_quota_of_connections() {
    let limits = ProxyLimits { connections_per_address: 1, ..ProxyLimits::default() };
    let a = Bridge::with(Options { limits, ..Options::default() }).await;
    let (peer, address) = echo_peer().await;
    a.directory.local(peer, address);
    let mut first = call(&a, peer).await;
    let mut second = knock(&a, &client_hello(peer)).await;
    assert_eq!(read_to_end(&mut second).await, alert(80));
    ping(&mut first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_registered_from_is_sent_away() {
    let (a, _b, peer) = two_networks().await;
    a.directory.strangers_only.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut stream = knock(&a, &client_hello(peer)).await;
    assert_eq!(read_to_end(&mut stream).await, alert(49));
    let counted = a.metrics.streams_refused.get_or_create(&RefusalLabels { reason: "not_registered" }).get();
    assert_eq!(counted, 1);
    a.directory.strangers_only.store(false, std::sync::atomic::Ordering::Relaxed);
    ping(&mut call(&a, peer).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_one_home_refuses_goes_to_another() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let c = Bridge::start().await;
    link(&a, &c).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refusals =
        [Err(Refusal::NoRoute), Err(Refusal::Draining), Ok(NextHop::Local { addresses: vec![closed] })];
    for (n, refusal) in (1..).zip(refusals) {
        let (peer, address) = echo_peer().await;
        a.directory.via(peer, &b);
        a.directory.second_via(peer, &c);
        b.directory.set(peer, refusal);
        c.directory.local(peer, address);
        ping(&mut call(&a, peer).await).await;
        assert_eq!(a.metrics.streams_rerouted.get(), n);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_another_way_when_its_link_is_down() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let nobody = Bridge::start().await;
    let (peer, address) = echo_peer().await;
    a.directory.via(peer, &nobody);
    a.directory.second_via(peer, &b);
    b.directory.local(peer, address);
    ping(&mut call(&a, peer).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_way_is_tried_once_and_only_where_it_may_help() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let c = Bridge::start().await;
    link(&a, &c).await;
    let (peer, address) = echo_peer().await;
    a.directory.via(peer, &b);
    a.directory.second_via(peer, &c);
    b.directory.set(peer, Err(Refusal::Policy));
    c.directory.local(peer, address);
    let mut stream = knock(&a, &client_hello(peer)).await;
    assert_eq!(read_to_end(&mut stream).await, alert(49));
    assert_eq!(a.metrics.streams_rerouted.get(), 0);
    b.directory.set(peer, Err(Refusal::NoRoute));
    c.directory.set(peer, Err(Refusal::PeerLeft));
    let mut stream = knock(&a, &client_hello(peer)).await;
    assert_eq!(read_to_end(&mut stream).await, alert(112));
    assert_eq!(a.metrics.streams_rerouted.get(), 1);
}
