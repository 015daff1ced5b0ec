//! Readers who do not read.

use std::time::Duration;

use bytes::Bytes;
use gateway::{link::DEFAULT_WINDOW_BYTES, proxy::limits::ProxyLimits};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
};

use super::{
    bridge::{Bridge, Options, linked},
    calls::{call, client_hello, echo_peer, knock, ping, read_to_end, spawn},
    waiting::{until, within},
};

/// What one stream may hold, bytes.
const STREAM_WINDOW: u64 = 12_500_000;

/// More than the kernel's buffers and a stream's credit hold together.
const FLOOD_BYTES: usize = 64 * 1024 * 1024;

/// Calls a peer that accepts and never reads, and floods it: until nothing moves any more, and on, for what was noticed
/// as a stall need not have taken all of its credit yet.
async fn flood(a: &Bridge, b: &Bridge) -> OwnedReadHalf {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = identity::NodeKey::generate().node_id();
    a.directory.via(peer, b);
    b.directory.local(peer, listener.local_addr().unwrap());
    let caller = knock(a, &client_hello(peer)).await;
    let (called, _) = within("call", listener.accept()).await.unwrap();
    let stalls = || b.metrics.streams_stalled.get() + i64::try_from(b.metrics.streams_shed.get()).unwrap();
    let before = stalls();
    let (read, mut write) = caller.into_split();
    spawn(async move {
        // Keeps the connection without reading from it.
        let _called = called;
        write.write_all(&vec![0; FLOOD_BYTES]).await.expect_err("nobody reads, so it cannot be done");
        std::future::pending::<()>().await;
    });
    until("stall", || stalls() > before).await;
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn four_readers_who_do_not_read_hold_up_neither_gossip_nor_other_streams() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    let mut stalled = Vec::new();
    for _ in 0..4 {
        stalled.push(flood(&a, &b).await);
    }
    until("four stalled streams", || b.metrics.streams_stalled.get() == 4).await;
    let (peer, address) = echo_peer().await;
    a.directory.via(peer, &b);
    b.directory.local(peer, address);
    let mut stream = call(&a, peer).await;
    for _ in 0..20 {
        ping(&mut stream).await;
        a.send(&b, Bytes::from_static(b"gossip")).unwrap();
        assert_eq!(b.frame().await, "gossip");
    }
    // Bulk, too, has a stream's full credit left.
    let (mut read, mut write) = stream.into_split();
    let (bulk, mut nowhere) = (vec![1; FLOOD_BYTES / 2], tokio::io::sink());
    within("bulk", async {
        let (sent, received) = tokio::join!(
            async {
                write.write_all(&bulk).await?;
                write.shutdown().await
            },
            tokio::io::copy(&mut read, &mut nowhere)
        );
        sent.unwrap();
        assert_eq!(received.unwrap(), bulk.len() as u64);
    })
    .await;
    assert_eq!(b.metrics.streams_shed.get(), 0, "nobody had to go");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_another_waits_for_credit_the_longest_stalled_stream_ends() {
    // Credit for three streams.
    let window_bytes = 3 * STREAM_WINDOW;
    let b = Bridge::with(Options { window_bytes, ..Options::default() }).await;
    let (a, b) = linked(Bridge::start().await, b).await;
    let mut first = flood(&a, &b).await;
    let _second = flood(&a, &b).await;
    let _third = flood(&a, &b).await;
    assert_eq!(b.metrics.streams_shed.get(), 0, "nobody waits");
    // It finds no credit as soon as the third has taken the rest.
    let mut chat = echo(&a, &b).await;
    within("shedding", async {
        while b.metrics.streams_shed.get() == 0 {
            ping(&mut chat).await;
        }
    })
    .await;
    assert_eq!(b.metrics.streams_shed.get(), 1);
    read_to_end(&mut first).await;
}

/// With eleven links and more the share of one is so small that any stalled stream was once ended at once.
#[tokio::test(flavor = "multi_thread")]
async fn where_many_links_share_the_credit_a_stalled_stream_ends_only_when_another_waits() {
    // What each of 25 links has.
    let window_bytes = DEFAULT_WINDOW_BYTES / 25;
    let b = Bridge::with(Options { window_bytes, ..Options::default() }).await;
    let (a, b) = linked(Bridge::start().await, b).await;
    // It waits for credit in the end, and is no fresh stream.
    let mut chat = echo(&a, &b).await;
    let mut stalled = flood(&a, &b).await;
    assert_eq!((b.metrics.streams_stalled.get(), b.metrics.streams_shed.get()), (1, 0));
    ping(&mut chat).await;
    assert_eq!(b.metrics.streams_shed.get(), 1);
    read_to_end(&mut stalled).await;
}

async fn impatient() -> Bridge {
    let limits = ProxyLimits { stall: Duration::from_millis(300), ..ProxyLimits::default() };
    Bridge::with(Options { limits, ..Options::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stalls_for_too_long_at_its_reader_is_ended_though_nobody_waits() {
    let (a, b) = linked(Bridge::start().await, impatient().await).await;
    let mut chat = echo(&a, &b).await;
    let mut stalled = flood(&a, &b).await;
    read_to_end(&mut stalled).await;
    until("its end on both sides", || a.proxy.open() == 1 && b.proxy.open() == 1).await;
    assert_eq!((b.metrics.streams_stalled.get(), b.metrics.streams_shed.get()), (0, 0));
    // A stream on which nothing comes has nothing that waits.
    ping(&mut chat).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stalls_for_too_long_on_its_way_is_ended_where_it_came_in() {
    let (a, b) = linked(impatient().await, Bridge::start().await).await;
    let mut chat = echo(&a, &b).await;
    let mut stalled = flood(&a, &b).await;
    read_to_end(&mut stalled).await;
    until("its end at the caller's", || a.proxy.open() == 1).await;
    ping(&mut chat).await;
}

/// A call to a peer that echoes.
async fn echo(a: &Bridge, b: &Bridge) -> TcpStream {
    let (peer, address) = echo_peer().await;
    a.directory.via(peer, b);
    b.directory.local(peer, address);
    call(a, peer).await
}
