//! Accepting connections: bounded in number, per address, and in the time a handshake may take.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::Stream;
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument as _;

use super::{
    connection::{Connection, PeerInfo},
    places::{Place, Places},
};
use crate::TaskGroup;

/// Finished connections that wait for tonic.
const READY: usize = 64;
/// The pause after a failed accept, so that a lack of file descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What a listener takes on.
#[derive(Debug, Clone, Copy)]
pub struct AcceptLimits {
    /// Connections open at once, those in their handshake included. Further ones are closed at once.
    pub connections: usize,
    /// The same per address; an IPv6 /64 counts as one.
    pub per_address: usize,
    /// How long a TLS handshake may take, and then the client's opening of HTTP/2.
    pub handshake: Duration,
}

impl Default for AcceptLimits {
    fn default() -> Self {
        Self { connections: 4_096, per_address: 1_024, handshake: Duration::from_secs(10) }
    }
}

/// Accepts TCP connections and makes the TLS handshakes, many at a time.
pub fn tls_incoming(
    group: &TaskGroup,
    listener: TcpListener,
    config: Arc<ServerConfig>,
    limits: AcceptLimits,
) -> impl Stream<Item = io::Result<Connection<TlsStream<TcpStream>>>> + Send + use<> {
    let (ready, incoming) = mpsc::channel(READY);
    let acceptor = TlsAcceptor::from(config);
    spawn_accepting(group, listener, limits, move |stream, remote, place| {
        let (ready, acceptor) = (ready.clone(), acceptor.clone());
        async move {
            match tokio::time::timeout(limits.handshake, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let info = PeerInfo::of_tls(Some(remote), stream.get_ref().1);
                    let _ = ready.send(Ok(Connection::opening(stream, info, place, limits.handshake))).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, %remote, "handshake failed"),
                Err(_) => tracing::debug!(%remote, "handshake took too long"),
            }
        }
    });
    ReceiverStream::new(incoming)
}

/// Accepts TCP connections without TLS.
pub fn tcp_incoming(
    group: &TaskGroup,
    listener: TcpListener,
    limits: AcceptLimits,
) -> impl Stream<Item = io::Result<Connection<TcpStream>>> + Send + use<> {
    let (ready, incoming) = mpsc::channel(READY);
    spawn_accepting(group, listener, limits, move |stream, remote, place| {
        let ready = ready.clone();
        async move {
            let info = PeerInfo::plain(Some(remote));
            let connection = Connection::opening(stream, info, place, limits.handshake);
            let _ = ready.send(Ok(connection)).await;
        }
    });
    ReceiverStream::new(incoming)
}

/// Accepts connections on a Unix socket.
pub fn unix_incoming(
    group: &TaskGroup,
    listener: UnixListener,
) -> impl Stream<Item = io::Result<Connection<UnixStream>>> + Send + use<> {
    let (ready, incoming) = mpsc::channel(READY);
    let token = group.token().clone();
    group.spawn(tracing::debug_span!("accept"), async move {
        loop {
            let stream = tokio::select! {
                biased;
                () = token.cancelled() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept local connections");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            let connection = Connection::new(stream, PeerInfo::plain(None));
            if ready.send(Ok(connection)).await.is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(incoming)
}

/// Accepts one TCP connection; goes on after failures that are not the listener's own.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                // Small frames must not wait for each other.
                let _ = stream.set_nodelay(true);
                return (stream, remote);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn spawn_accepting<F, T>(group: &TaskGroup, listener: TcpListener, limits: AcceptLimits, serve: F)
where
    F: Fn(TcpStream, SocketAddr, Place) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let tasks = group.clone();
    let places = Places::new(limits);
    group.spawn(tracing::debug_span!("accept"), async move {
        loop {
            let (stream, remote) = tokio::select! {
                biased;
                () = tasks.cancelled() => return,
                accepted = accept(&listener) => accepted,
            };
            let Some(place) = places.take(remote.ip()) else {
                tracing::debug!(%remote, "too many connections");
                continue;
            };
            let token = tasks.token().clone();
            let served = serve(stream, remote, place);
            tasks.spawn(tracing::debug_span!("connection", %remote), async move {
                tokio::select! {
                    biased;
                    () = token.cancelled() => {}
                    () = served.in_current_span() => {}
                }
            });
        }
    });
}
