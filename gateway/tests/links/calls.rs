//! Callers and called: plain TCP with the first bytes of TLS, which is all that a bridge looks at.

use std::{future::Future, net::SocketAddr, sync::Arc};

use identity::{NodeId, NodeKey, tls::Identity};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{bridge::Bridge, waiting::within};

/// The bytes of a real TLS hello for a node.
pub(crate) fn client_hello(destination: NodeId) -> Vec<u8> {
    hello_for(identity::tls::server_name(destination), |_| {})
}

pub(crate) fn hello_for(
    name: rustls::pki_types::ServerName<'static>,
    change: impl FnOnce(&mut rustls::ClientConfig),
) -> Vec<u8> {
    let caller = Identity::ephemeral().unwrap();
    let mut config =
        identity::tls::client_config(&caller, identity::tls::Expected::Any, identity::tls::ALPN_H2).unwrap();
    change(&mut config);
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut hello).unwrap();
    }
    hello
}

/// A peer that sends back whatever it gets, and finishes when the caller has.
pub(crate) async fn echo_peer() -> (NodeId, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            spawn(async move {
                let (mut read, mut write) = stream.split();
                if tokio::io::copy(&mut read, &mut write).await.is_ok() {
                    let _ = write.shutdown().await;
                }
            });
        }
    });
    (NodeKey::generate().node_id(), address)
}

/// Calls a peer through a bridge's proxy port: connected, and its echo of the hello taken off.
pub(crate) async fn call(bridge: &Bridge, peer: NodeId) -> TcpStream {
    let mut stream = knock(bridge, &client_hello(peer)).await;
    let mut echoed = vec![0; client_hello(peer).len()];
    within("echo of the hello", stream.read_exact(&mut echoed)).await.unwrap();
    stream
}

pub(crate) async fn knock(bridge: &Bridge, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(bridge.proxy_address).await.unwrap();
    stream.write_all(first).await.unwrap();
    stream
}

/// One message there and back.
pub(crate) async fn ping(stream: &mut TcpStream) {
    within("echo", async {
        stream.write_all(b"is anybody there?").await.unwrap();
        let mut echoed = [0; 17];
        stream.read_exact(&mut echoed).await.unwrap();
        assert_eq!(&echoed, b"is anybody there?");
    })
    .await;
}

/// Everything until the end; a reset counts as an end.
pub(crate) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut read = Vec::new();
    within("end of the stream", async {
        let _ = stream.read_to_end(&mut read).await;
    })
    .await;
    read
}

#[expect(clippy::disallowed_methods, reason = "a test's peers live as long as its runtime")]
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
