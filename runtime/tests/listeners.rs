//! Connections that say nothing, too little, or nothing any more.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::SocketAddr,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::{Request, Response, body::Frame};
use runtime::{
    TaskGroup,
    rpc::{self, AcceptLimits, PortChoice, bind_tcp, tcp_incoming},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body, server::NamedService, service::Routes};

/// Generous: the machine may be busy with other things.
const LIMIT: Duration = Duration::from_secs(60);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const PING_HEAD: [u8; 9] = [0, 0, 8, PING, 0, 0, 0, 0, 0];
const PING_DATA: &[u8; 8] = b"are you?";
/// A HEADERS frame with a call of [`Held`], which is all that its stream says.
const CALL: &[u8] = b"\0\0\x0e\x01\x05\0\0\0\x01\x83\x86\x04\x07/held/x\x01\x01x";
/// Types of frames, and the flag of an answered PING (RFC 9113, 6).
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;

/// Answers a call with a stream that lasts until the token is cancelled.
#[derive(Debug, Clone, Default)]
struct Held(CancellationToken);

impl NamedService for Held {
    const NAME: &'static str = "held";
}

impl tower::Service<Request<Body>> for Held {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let end = self.0.clone();
        let last = stream::once(async move {
            end.cancelled().await;
            Ok::<_, Status>(Frame::data(Bytes::from_static(b"the end")))
        });
        ready(Ok(Response::new(Body::new(StreamBody::new(last)))))
    }
}

fn serve(group: &TaskGroup, limits: AcceptLimits) -> SocketAddr {
    serve_routes(group, limits, Routes::default())
}

fn serve_routes(group: &TaskGroup, limits: AcceptLimits, routes: Routes) -> SocketAddr {
    let listener = bind_tcp(PortChoice::Exact(([127, 0, 0, 1], 0).into())).unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tcp_incoming(group, listener, limits);
    let served = rpc::serve(group.clone(), rpc::server(), routes, incoming, Duration::ZERO);
    group.spawn(tracing::Span::none(), served);
    address
}

async fn connect(address: SocketAddr, say: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(say).await.unwrap();
    stream
}

/// Waits until the server closes or resets the connection, whatever it says before.
async fn until_closed(mut stream: TcpStream) {
    timeout(LIMIT, stream.read_to_end(&mut Vec::new())).await.expect("the connection is held").ok();
}

/// Asks for an answer of HTTP/2's, and waits for it.
async fn ping(stream: &mut TcpStream) {
    stream.write_all(&PING_HEAD).await.unwrap();
    stream.write_all(PING_DATA).await.unwrap();
    let mut heard = Vec::new();
    while !heard.windows(PING_DATA.len()).any(|window| window == PING_DATA) {
        let read = timeout(LIMIT, stream.read_buf(&mut heard)).await.expect("an answer").unwrap();
        assert_ne!(read, 0, "the connection was closed");
    }
}

/// Answers pings until the server closes the connection. True when it said so before.
async fn until_good_bye(mut stream: TcpStream) -> bool {
    let mut said = false;
    let mut head = [0; 9];
    while timeout(LIMIT, stream.read_exact(&mut head)).await.expect("the connection is held").is_ok() {
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await.unwrap();
        said |= head[3] == GOAWAY;
        if head[3] == PING && head[4] & ACK == 0 {
            head[4] = ACK;
            stream.write_all(&[&head[..], &payload].concat()).await.unwrap();
        }
    }
    said
}

#[tokio::test]
async fn who_does_not_open_http2_in_time_is_let_go_and_who_does_stays() {
    let group = TaskGroup::new();
    let limits = AcceptLimits { handshake: Duration::from_millis(300), ..AcceptLimits::default() };
    let address = serve(&group, limits);
    let mut speaking = connect(address, &[PREFACE, &SETTINGS].concat()).await;
    for said in [&b""[..], b"P", &PREFACE[..PREFACE.len() - 1]] {
        until_closed(connect(address, said).await).await;
    }
    ping(&mut speaking).await;
    group.abort();
}

#[tokio::test]
async fn the_places_of_an_address_are_bounded_and_the_silent_give_theirs_back() {
    let group = TaskGroup::new();
    let limits =
        AcceptLimits { per_address: 1, handshake: Duration::from_secs(2), ..AcceptLimits::default() };
    let address = serve(&group, limits);
    let silent = connect(address, b"").await;
    let refused = TcpStream::connect(address).await.unwrap();
    until_closed(refused).await;
    until_closed(silent).await;
    let mut speaking = loop {
        // The place is given back a moment after the connection is closed.
        let mut stream = connect(address, &[PREFACE, &SETTINGS].concat()).await;
        if matches!(stream.read(&mut [0; 1]).await, Ok(1)) {
            break stream;
        }
    };
    ping(&mut speaking).await;
    group.abort();
}

#[tokio::test]
async fn who_opened_http2_and_answers_nothing_any_more_is_let_go() {
    let group = TaskGroup::new();
    let address = serve(&group, AcceptLimits::default());
    until_closed(connect(address, &[PREFACE, &SETTINGS].concat()).await).await;
    group.abort();
}

#[tokio::test]
async fn who_asks_nothing_for_too_long_is_let_go_in_good_order_and_gives_the_place_back() {
    let group = TaskGroup::new();
    let limits = AcceptLimits { per_address: 1, idle: Duration::from_millis(300), ..AcceptLimits::default() };
    let address = serve(&group, limits);
    // A ping is no question.
    let idle = connect(address, &[PREFACE, &SETTINGS, &PING_HEAD, PING_DATA].concat()).await;
    assert!(until_good_bye(idle).await);
    // The place is given back a moment after the connection is closed.
    while !until_good_bye(connect(address, &[PREFACE, &SETTINGS].concat()).await).await {}
    group.abort();
}

#[tokio::test]
async fn a_call_under_way_keeps_its_connection() {
    let group = TaskGroup::new();
    let held = Held::default();
    let limits = AcceptLimits { idle: Duration::from_millis(1_500), ..AcceptLimits::default() };
    let address = serve_routes(&group, limits, Routes::new(held.clone()));
    let mut asking = connect(address, &[PREFACE, &SETTINGS, CALL].concat()).await;
    tokio::time::sleep(limits.idle * 2).await;
    ping(&mut asking).await;
    held.0.cancel();
    assert!(until_good_bye(asking).await);
    group.abort();
}
