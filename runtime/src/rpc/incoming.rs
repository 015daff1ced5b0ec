//! Accepting connections: bounded in number, per address, and in the time a handshake may take.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream, UnixListener},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use tracing::Instrument as _;

use super::{
    connection::{Connection, PeerInfo},
    places::{Place, Places},
};
use crate::TaskGroup;

/// Finished connections that wait for tonic.
const READY_QUEUE: usize = 64;
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
    /// How long a connection may have no call under way; then it is closed in good order. An open stream is under way.
    pub idle: Duration,
}

impl Default for AcceptLimits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            per_address: 1_024,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(60),
        }
    }
}

/// The finished connections of a listener, for [`serve`](super::serve).
#[derive(Debug)]
pub struct Incoming {
    connections: mpsc::Receiver<Connection>,
    pub(super) idle: Option<Duration>,
}

impl Incoming {
    pub(super) async fn next(&mut self) -> Option<Connection> {
        self.connections.recv().await
    }
}

/// Accepts TCP connections and makes the TLS handshakes, many at a time.
pub fn tls_incoming(
    group: &TaskGroup,
    listener: TcpListener,
    config: Arc<ServerConfig>,
    limits: AcceptLimits,
) -> Incoming {
    let (ready, connections) = mpsc::channel(READY_QUEUE);
    let acceptor = TlsAcceptor::from(config);
    spawn_accepting(group, listener, limits, move |stream, remote, place| {
        let (ready, acceptor) = (ready.clone(), acceptor.clone());
        async move {
            match tokio::time::timeout(limits.handshake, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let info = PeerInfo::of_tls(Some(remote), stream.get_ref().1);
                    let _ = ready.send(Connection::opening(stream, info, place, limits.handshake)).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, %remote, "handshake failed"),
                Err(_) => tracing::debug!(%remote, "handshake took too long"),
            }
        }
    });
    Incoming { connections, idle: Some(limits.idle) }
}

/// Accepts TCP connections without TLS.
pub fn tcp_incoming(group: &TaskGroup, listener: TcpListener, limits: AcceptLimits) -> Incoming {
    let (ready, connections) = mpsc::channel(READY_QUEUE);
    spawn_accepting(group, listener, limits, move |stream, remote, place| {
        let ready = ready.clone();
        async move {
            let info = PeerInfo::plain(Some(remote));
            let _ = ready.send(Connection::opening(stream, info, place, limits.handshake)).await;
        }
    });
    Incoming { connections, idle: Some(limits.idle) }
}

/// Accepts connections on a Unix socket. Only those whom the file system lets in come here: they may stay as long as they
/// like.
pub fn unix_incoming(group: &TaskGroup, listener: UnixListener) -> Incoming {
    let (ready, connections) = mpsc::channel(READY_QUEUE);
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
            if ready.send(Connection::new(stream, PeerInfo::plain(None))).await.is_err() {
                return;
            }
        }
    });
    Incoming { connections, idle: None }
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
