//! How many streams a link carries: a bound for each direction, on either side.

use std::time::Duration;

use gateway::{link::limits::StreamLimits, stream::RefusalLabels};
use identity::NodeId;
use proto::bridge::v1::Refusal;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    bridge::{Bridge, Options, linked},
    calls::{call, client_hello, echo_peer, knock, ping, read_to_end},
    refusals::alert,
    waiting::until,
};

const STREAMS: usize = 2;

async fn bridge(streams: StreamLimits) -> Bridge {
    Bridge::with(Options { streams, ..Options::default() }).await
}

fn few() -> StreamLimits {
    StreamLimits { streams_per_link: STREAMS as u32, ..StreamLimits::default() }
}

/// A peer behind a bridge, which another one reaches by its link.
async fn peer_behind(near: &Bridge, home: &Bridge) -> NodeId {
    let (peer, address) = echo_peer().await;
    near.directory.via(peer, home);
    home.directory.local(peer, address);
    peer
}

/// As many calls as a link carries.
async fn full(near: &Bridge, home: &Bridge) -> Vec<TcpStream> {
    let peer = peer_behind(near, home).await;
    let mut calls = Vec::new();
    for _ in 0..STREAMS {
        calls.push(call(near, peer).await);
    }
    calls
}

/// One call more is refused, and takes nothing from those that are there; once one of them has ended, another one goes.
async fn holds_no_more(near: &Bridge, home: &Bridge, mut calls: Vec<TcpStream>) {
    let peer = peer_behind(near, home).await;
    let mut refused = knock(near, &client_hello(peer)).await;
    assert_eq!(read_to_end(&mut refused).await, alert(80));
    assert_eq!(near.directory.refusal_of(peer).await, Refusal::Limit);
    for call in &mut calls {
        ping(call).await;
    }
    let mut first = calls.remove(0);
    first.shutdown().await.unwrap();
    read_to_end(&mut first).await;
    until("a free place", || home.proxy.open() == STREAMS - 1 && near.proxy.open() == STREAMS - 1).await;
    ping(&mut call(near, peer_behind(near, home).await).await).await;
}

fn refused_for_limit(bridge: &Bridge) -> u64 {
    bridge.metrics.streams_refused.get_or_create(&RefusalLabels { reason: "limit" }).get()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_carries_so_many_streams_of_this_side_and_as_many_of_the_other() {
    let (a, b) = linked(bridge(few()).await, Bridge::start().await).await;
    let _calls = full(&a, &b).await;
    let _others = full(&b, &a).await;
    for (near, home) in [(&a, &b), (&b, &a)] {
        let peer = peer_behind(near, home).await;
        let mut refused = knock(near, &client_hello(peer)).await;
        assert_eq!(read_to_end(&mut refused).await, alert(80));
        assert_eq!(near.directory.refusal_of(peer).await, Refusal::Limit);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_beyond_the_own_bound_is_refused_until_another_ends() {
    let (a, b) = linked(bridge(few()).await, Bridge::start().await).await;
    let calls = full(&a, &b).await;
    holds_no_more(&a, &b, calls).await;
    assert_eq!((refused_for_limit(&a), refused_for_limit(&b)), (1, 0), "it was not even sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_beyond_the_other_sides_bound_is_refused_there_with_the_reason() {
    let (a, b) = linked(Bridge::start().await, bridge(few()).await).await;
    let calls = full(&a, &b).await;
    holds_no_more(&a, &b, calls).await;
    assert_eq!(refused_for_limit(&b), 1);
}

/// A bridge that lets QUIC refuse, which makes the opener wait: that has its end, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_quic_holds_back_is_refused_after_a_while() {
    let hurried = StreamLimits { open_stream: Duration::from_millis(200), ..StreamLimits::default() };
    let silent = StreamLimits { streams_margin: 0, ..few() };
    let (a, b) = linked(bridge(hurried).await, bridge(silent).await).await;
    let calls = full(&a, &b).await;
    holds_no_more(&a, &b, calls).await;
    assert_eq!(refused_for_limit(&b), 0, "it never came there");
}
