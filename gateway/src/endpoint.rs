//! The QUIC endpoint of all links: one UDP socket, one identity, settings chosen for speed.

mod reset;
mod socket;
mod transport;

use std::{io, net::SocketAddr, sync::Arc};

use identity::{
    NodeId,
    tls::{self, ALPN_LINK, Expected, Identity},
};
use quinn::{
    ClientConfig, Connecting, EndpointConfig, ServerConfig, TokioRuntime, VarInt,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};

pub use socket::SmallBuffers;
pub use transport::{Congestion, UnknownCongestion};

pub(crate) use transport::{GOSSIP_WINDOW, IDLE_LIMIT, SEND_WINDOW, Windows};

use crate::link::limits::MAX_HANDSHAKES;

/// The largest UDP payload that this endpoint takes. Both sides' values bound each packet: 6400 lets a jumbo path, and
/// loopback above all, carry twice as much per packet as 4096 and four times as much as 1452. Never more: from about
/// 6,550 on a batch of ten segments exceeds the 64 KiB of one UDP send, and the connection hangs or crawls (measured).
pub(crate) const MAX_UDP_PAYLOAD: u16 = 6400;

/// First flights of handshakes that wait to be looked at, bytes in all; each has at most 64 KiB.
const INCOMING_BUFFER_BYTES: u64 = 4 * 1024 * 1024;

/// Where the other end of a connection is, as people write it: an IPv4 address is not told as a mapped one of IPv6.
pub(crate) fn remote_of(connection: &quinn::Connection) -> SocketAddr {
    let address = connection.remote_address();
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// What an endpoint is made from.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Where to listen. An unspecified IPv6 address takes IPv4, too.
    pub listen: SocketAddr,
    /// How fast to send on a path that loses packets.
    pub congestion: Congestion,
}

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The port is taken or the address is not ours.
    #[error(
        "cannot listen for links on {address}/udp: {source}; choose another port, or stop the program that holds it"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// rustls refuses the identity's key.
    #[error("cannot use the identity for links: {0}")]
    Tls(String),
}

/// A QUIC endpoint that dials and accepts links. Clones are handles to the same socket.
#[derive(Debug, Clone)]
pub struct LinkEndpoint {
    endpoint: quinn::Endpoint,
    identity: Identity,
    congestion: Congestion,
    small_buffers: Option<SmallBuffers>,
}

impl LinkEndpoint {
    /// Binds the socket. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`EndpointError::Bind`] when the port is taken: the caller may try another one.
    pub fn bind(identity: &Identity, settings: &EndpointSettings) -> Result<Self, EndpointError> {
        let bind = |source| EndpointError::Bind { address: settings.listen, source };
        let (socket, small_buffers) = socket::bind(settings.listen).map_err(bind)?;
        let server = server_config(identity, settings.congestion)?;
        let endpoint =
            quinn::Endpoint::new(endpoint_config(identity), Some(server), socket, Arc::new(TokioRuntime))
                .map_err(bind)?;
        Ok(Self { endpoint, identity: identity.clone(), congestion: settings.congestion, small_buffers })
    }

    /// An endpoint on a free port that only dials, for a single question.
    pub(crate) fn dialler(identity: &Identity) -> Result<Self, EndpointError> {
        let dual = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 0));
        let plain = SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, 0));
        let settings = |listen| EndpointSettings { listen, congestion: Congestion::default() };
        Self::bind(identity, &settings(dual)).or_else(|_| Self::bind(identity, &settings(plain)))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says when the socket is gone.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Set when the system gave smaller socket buffers than asked for: a warning for the operator.
    pub fn small_buffers(&self) -> Option<SmallBuffers> {
        self.small_buffers
    }

    /// Whose endpoint it is.
    pub fn id(&self) -> NodeId {
        self.identity.id()
    }

    /// Begins a connection that fails unless `id` answers.
    pub(crate) fn dial(&self, address: SocketAddr, id: NodeId) -> Result<Connecting, DialStartError> {
        let tls = tls::client_config(&self.identity, Expected::Node(id), ALPN_LINK)?;
        let crypto =
            QuicClientConfig::try_from(tls).map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::new(transport::config(self.congestion)));
        Ok(self.endpoint.connect_with(config, address, &id.to_string())?)
    }

    /// The next connection that somebody begins; `None` once the endpoint is closed.
    pub(crate) async fn accept(&self) -> Option<quinn::Incoming> {
        self.endpoint.accept().await
    }

    /// Whether the socket can send to IPv6 addresses; an IPv6 socket also reaches IPv4 ones.
    pub(crate) fn reaches(&self, address: SocketAddr) -> bool {
        address.is_ipv4() || self.local_addr().is_ok_and(|local| local.is_ipv6())
    }

    /// Closes every connection and waits until the other sides have been told.
    pub(crate) async fn close(&self, code: VarInt, reason: &str) {
        self.endpoint.close(code, reason.as_bytes());
        self.endpoint.wait_idle().await;
    }
}

/// Why a dial could not even begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialStartError {
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    Connect(#[from] quinn::ConnectError),
}

fn endpoint_config(identity: &Identity) -> EndpointConfig {
    let mut config = EndpointConfig::new(Arc::new(reset::ResetKey::of(identity)));
    config.cid_generator(|| Box::new(reset::PlainIds));
    config.max_udp_payload_size(MAX_UDP_PAYLOAD).expect("6400 lies within QUIC's bounds");
    config
}

fn server_config(identity: &Identity, congestion: Congestion) -> Result<ServerConfig, EndpointError> {
    let refuse = |error: String| EndpointError::Tls(error);
    let tls = tls::server_config(identity, ALPN_LINK).map_err(|error| refuse(error.to_string()))?;
    let crypto = QuicServerConfig::try_from(tls).map_err(|error| refuse(error.to_string()))?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport::config(congestion)));
    // First flights that nobody has looked at yet: as many as handshakes are allowed, and few bytes of each.
    config.max_incoming(MAX_HANDSHAKES).incoming_buffer_size_total(INCOMING_BUFFER_BYTES);
    Ok(config)
}
