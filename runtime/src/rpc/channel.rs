//! Channels over exactly one connection: when it breaks, the channel is over, and the owner decides what next.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tonic::{
    service::Routes,
    transport::{Channel, Endpoint, Server},
};
use tower::service_fn;

use super::connection::{Duplex, PeerInfo};
use crate::TaskGroup;

/// The windows of HTTP/2: enough for a LAN and for a bridge's link, little enough for many sessions.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 2 << 20;
/// What may be under way between a service and a channel of one process.
const IN_PROCESS_BYTES: usize = 1 << 20;
/// HTTP/2 pings notice a peer that vanished without a word.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(2);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody answered in time.
    #[error("{target} did not answer within {after:?}")]
    Timeout {
        /// Address or path.
        target: String,
        /// The limit.
        after: Duration,
    },
    /// The connection was refused or broke.
    #[error("cannot connect to {target}: {source}")]
    Io {
        /// Address or path.
        target: String,
        /// What the system, or TLS, said.
        source: io::Error,
    },
    /// HTTP/2 did not come up.
    #[error("{target} does not speak gRPC: {source}")]
    Transport {
        /// Address or path.
        target: String,
        /// What tonic said.
        source: tonic::transport::Error,
    },
    /// There is no socket: nobody listens.
    #[error("no node is running with this data directory (there is no {})", path.display())]
    NotRunning {
        /// The socket's path.
        path: PathBuf,
    },
}

/// Connects with mutual TLS. The configuration says whom the connection must lead to.
///
/// The server checks our certificate after the handshake has ended on our side: only the first answer of the first
/// call shows that it took us.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect_tls(
    address: SocketAddr,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    timeout: Duration,
) -> Result<(Channel, PeerInfo), ConnectError> {
    let target = address.to_string();
    let connected = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        TlsConnector::from(config).connect(name, stream).await
    };
    let stream = within(timeout, &target, connected).await?;
    let info = PeerInfo::of_tls(Some(address), stream.get_ref().1);
    Ok((channel(Box::new(stream), target).await?, info))
}

/// Connects without TLS.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect_plain(address: SocketAddr, timeout: Duration) -> Result<Channel, ConnectError> {
    let target = address.to_string();
    let stream = within(timeout, &target, TcpStream::connect(address)).await?;
    let _ = stream.set_nodelay(true);
    channel(Box::new(stream), target).await
}

/// Connects to a Unix socket.
///
/// # Errors
/// [`ConnectError::NotRunning`] when nobody listens there.
pub async fn connect_unix(path: &Path) -> Result<Channel, ConnectError> {
    let target = path.display().to_string();
    let stream = UnixStream::connect(path).await.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ConnectError::NotRunning { path: path.into() }
        }
        _ => ConnectError::Io { target: target.clone(), source },
    })?;
    channel(Box::new(stream), target).await
}

/// Serves routes to nobody but the channel that is given back: what a service answers, without a socket.
///
/// # Errors
/// [`ConnectError::Transport`] when HTTP/2 does not come up, as when the runtime ends.
pub async fn in_process(group: &TaskGroup, routes: Routes) -> Result<Channel, ConnectError> {
    let (here, there) = tokio::io::duplex(IN_PROCESS_BYTES);
    let once = futures_util::stream::once(std::future::ready(Ok::<_, io::Error>(there)));
    // The connection goes on after the stream of connections ended, until the channel is dropped.
    let served = Server::builder().serve_with_incoming(routes.prepare(), once);
    group.spawn(tracing::debug_span!("in-process"), async move {
        if let Err(error) = served.await {
            tracing::debug!(%error, "the service of this process ended");
        }
    });
    channel(Box::new(here), "this process".into()).await
}

async fn within<T>(
    timeout: Duration,
    target: &str,
    connected: impl Future<Output = io::Result<T>>,
) -> Result<T, ConnectError> {
    match tokio::time::timeout(timeout, connected).await {
        Ok(outcome) => outcome.map_err(|source| ConnectError::Io { target: target.into(), source }),
        Err(_) => Err(ConnectError::Timeout { target: target.into(), after: timeout }),
    }
}

async fn channel(stream: Box<dyn Duplex>, target: String) -> Result<Channel, ConnectError> {
    let mut stream = Some(stream);
    // A second call means that the connection broke and tonic would dial again: that is the owner's to decide.
    let once = service_fn(move |_| {
        let stream = stream.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        async move { stream.map(TokioIo::new) }
    });
    Endpoint::from_static("http://causeway.invalid")
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(KEEP_ALIVE_EVERY)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(false)
        .tcp_nodelay(true)
        .connect_with_connector(once)
        .await
        .map_err(|source| ConnectError::Transport { target, source })
}
