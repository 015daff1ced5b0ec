//! Connections that say nothing, too little, or nothing any more.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::{net::SocketAddr, time::Duration};

use runtime::{
    TaskGroup,
    rpc::{self, AcceptLimits, PortChoice, bind_tcp, tcp_incoming},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tonic::service::Routes;

/// Generous: the machine may be busy with other things.
const LIMIT: Duration = Duration::from_secs(60);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const PING_DATA: &[u8; 8] = b"are you?";

fn serve(group: &TaskGroup, limits: AcceptLimits) -> SocketAddr {
    let listener = bind_tcp(PortChoice::Exact(([127, 0, 0, 1], 0).into())).unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tcp_incoming(group, listener, limits);
    let served = rpc::server().add_routes(Routes::default()).serve_with_incoming(incoming);
    group.spawn(tracing::Span::none(), async move { served.await.unwrap() });
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
    stream.write_all(&[0, 0, 8, 6, 0, 0, 0, 0, 0]).await.unwrap();
    stream.write_all(PING_DATA).await.unwrap();
    let mut heard = Vec::new();
    while !heard.windows(PING_DATA.len()).any(|window| window == PING_DATA) {
        let read = timeout(LIMIT, stream.read_buf(&mut heard)).await.expect("an answer").unwrap();
        assert_ne!(read, 0, "the connection was closed");
    }
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
