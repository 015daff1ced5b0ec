//! What is thrown at the proxy port.

use std::time::{Duration, Instant};

use gateway::proxy::limits::ProxyLimits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    bridge::{Bridge, Options},
    calls::{call, client_hello, echo_peer, hello_for, knock, ping, read_to_end},
    refusals::alert,
    waiting::{LIMIT, until, within},
};

const HALF_OPEN: usize = 10_000;

async fn bridge_with_peer(limits: ProxyLimits) -> (Bridge, identity::NodeId) {
    let bridge = Bridge::with(Options { limits, ..Options::default() }).await;
    let (peer, address) = echo_peer().await;
    bridge.directory.local(peer, address);
    (bridge, peer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_without_a_server_name_is_refused() {
    let (bridge, peer) = bridge_with_peer(ProxyLimits::default()).await;
    let nameless = hello_for("ignored.example".try_into().unwrap(), |config| config.enable_sni = false);
    assert_eq!(read_to_end(&mut knock(&bridge, &nameless).await).await, alert(112));
    let foreign = hello_for("www.example.com".try_into().unwrap(), |_| {});
    assert_eq!(read_to_end(&mut knock(&bridge, &foreign).await).await, alert(112));
    ping(&mut call(&bridge, peer).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_in_single_bytes_is_understood() {
    let (bridge, peer) = bridge_with_peer(ProxyLimits::default()).await;
    let mut stream = TcpStream::connect(bridge.proxy_address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let hello = client_hello(peer);
    assert!(hello.len() > 1_200, "a post-quantum hello");
    for byte in &hello {
        stream.write_all(std::slice::from_ref(byte)).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut echoed = vec![0; hello.len()];
    within("echo", tokio::io::AsyncReadExt::read_exact(&mut stream, &mut echoed)).await.unwrap();
    assert_eq!(echoed, hello);
    ping(&mut stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_split_over_many_records_is_understood() {
    let (bridge, peer) = bridge_with_peer(ProxyLimits::default()).await;
    let whole = client_hello(peer);
    let mut split = Vec::new();
    for piece in whole[5..].chunks(100) {
        split.extend([22, 3, 1, 0, u8::try_from(piece.len()).unwrap()]);
        split.extend(piece);
    }
    let mut stream = knock(&bridge, &split).await;
    let mut echoed = vec![0; split.len()];
    within("echo", tokio::io::AsyncReadExt::read_exact(&mut stream, &mut echoed)).await.unwrap();
    assert_eq!(echoed, split, "passed on as it came");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_the_hello_in_one_piece_is_passed_on() {
    let (bridge, peer) = bridge_with_peer(ProxyLimits::default()).await;
    let mut all = client_hello(peer);
    all.extend(vec![5; 100_000]);
    let mut stream = TcpStream::connect(bridge.proxy_address).await.unwrap();
    let (mut read, mut write) = stream.split();
    let (sent, echoed) = tokio::join!(
        async {
            write.write_all(&all).await?;
            write.shutdown().await
        },
        async {
            let mut echoed = Vec::new();
            within("echo", tokio::io::AsyncReadExt::read_to_end(&mut read, &mut echoed)).await.unwrap();
            echoed
        }
    );
    sent.unwrap();
    assert_eq!(echoed, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_hellos_are_cut_off() {
    let (bridge, peer) = bridge_with_peer(ProxyLimits::default()).await;
    // A handshake message of 60,000 bytes, in records of 1,000, of which each is well-formed.
    let mut huge = Vec::new();
    let message: Vec<u8> = [1, 0, 0xea, 0x60].into_iter().chain(std::iter::repeat_n(0, 60_000)).collect();
    for piece in message.chunks(1_000) {
        huge.extend([22, 3, 1]);
        huge.extend(u16::try_from(piece.len()).unwrap().to_be_bytes());
        huge.extend(piece);
    }
    let mut stream = TcpStream::connect(bridge.proxy_address).await.unwrap();
    // The bridge may close while we still write.
    let _ = stream.write_all(&huge).await;
    assert_eq!(read_to_end(&mut stream).await, alert(50));
    until("end of the connection", || bridge.proxy.open() == 0).await;
    ping(&mut call(&bridge, peer).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_tls_is_refused() {
    let (bridge, peer) = bridge_with_peer(ProxyLimits::default()).await;
    for garbage in
        [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0; 64], &[0xff; 64], &[22, 3, 1, 0, 4, 2, 0, 0, 0]]
    {
        let answer = read_to_end(&mut knock(&bridge, garbage).await).await;
        assert!(answer.first() == Some(&21), "an alert: {answer:?} to {garbage:?}");
    }
    until("end of the connections", || bridge.proxy.open() == 0).await;
    ping(&mut call(&bridge, peer).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_that_never_ends_is_given_up() {
    let limits = ProxyLimits { hello: Duration::from_millis(300), ..ProxyLimits::default() };
    let (bridge, peer) = bridge_with_peer(limits).await;
    let began = Instant::now();
    let mut silent = knock(&bridge, b"").await;
    let mut half = knock(&bridge, &client_hello(peer)[..700]).await;
    assert!(read_to_end(&mut silent).await.is_empty());
    assert!(read_to_end(&mut half).await.is_empty());
    assert!(began.elapsed() >= Duration::from_millis(300), "they had their time");
    until("end of the connections", || bridge.proxy.open() == 0).await;
    assert_eq!(bridge.metrics.half_open.get(), 0);
}

/// As many as asked for, or as many as the system's limit on open files lets this process have, which is raised where
/// it may be up to the hard one. The bridge's ends of them are bounded, and part of what is spared.
///
/// # Panics
/// Where `CI` is set and the limit is too low: a smaller flood there would show less than the name of the test says.
fn with_file_limit(wanted: usize) -> usize {
    let spare = 3_000;
    let needed = wanted as u64 + spare;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum });
    }
    let real = getrlimit(Resource::Nofile).current.unwrap_or(needed);
    let possible = usize::try_from(real.saturating_sub(spare)).unwrap().min(wanted);
    if possible < wanted {
        let why = format!("the limit on open files is {real}, and {needed} are needed: ulimit -n {needed}");
        let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
        assert!(!ci, "not {wanted} half-open connections, and in CI it must be: {why}");
        eprintln!("\n!!! SMALLER: only {possible} of {wanted} half-open connections\n!!! {why}\n");
    }
    possible
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_half_open_connections_do_not_keep_others_out() {
    let count = with_file_limit(HALF_OPEN);
    let limits =
        ProxyLimits { hello: 100 * LIMIT, connections_per_address: 2 * HALF_OPEN, ..ProxyLimits::default() };
    let (bridge, peer) = bridge_with_peer(limits.clone()).await;
    let mut open = call(&bridge, peer).await;
    let part = client_hello(peer)[..700].to_vec();
    let mut flood = Vec::new();
    for number in 0..count {
        let mut stream = within("connection", TcpStream::connect(bridge.proxy_address)).await.unwrap();
        if number % 2 == 0 {
            // The bridge may have shed it already.
            let _ = stream.write_all(&part).await;
        }
        flood.push(stream);
        if number % 1_000 == 0 {
            ping(&mut open).await;
            ping(&mut call(&bridge, peer).await).await;
        }
    }
    ping(&mut call(&bridge, peer).await).await;
    ping(&mut open).await;
    let most = i64::try_from(limits.half_open_per_address).unwrap();
    until("half-open connections within their bound", || bridge.metrics.half_open.get() <= most).await;
    assert!(bridge.metrics.half_open_shed.get() > 0);
    drop(flood);
}
