//! The first bytes of a caller: a TLS ClientHello, of which only the server name is read. They are kept as they came.

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use identity::NodeId;
use rustls::server::{Accepted, Acceptor};
use tokio::net::TcpStream;

use crate::proxy::limits::MAX_HELLO_BYTES;

/// Room for one read. A post-quantum hello has about 1,600 bytes.
const READ_BYTES: usize = 2_048;

/// The alert for a message that cannot be what it should (RFC 8446, section 6.2).
const DECODE_ERROR: u8 = 50;

/// The alert for a server name that leads nowhere (RFC 6066, section 3).
const UNRECOGNIZED_NAME: u8 = 112;

/// A whole hello.
#[derive(Debug)]
pub(crate) struct ClientHello {
    /// The node id in its server name.
    pub(crate) destination: NodeId,
    /// Everything read so far: the hello, and whatever came behind it.
    pub(crate) bytes: Bytes,
}

/// Why there is no hello. Each is the caller's fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelloError {
    #[error("the caller closed the connection before its hello was complete")]
    Closed,
    #[error("the hello has more than {MAX_HELLO_BYTES} bytes")]
    TooLong,
    #[error("what came is not a TLS hello: {error}")]
    NotTls { error: rustls::Error, alert: Bytes },
    #[error("the hello has no server name")]
    NoName,
    #[error("the server name is not a node id")]
    NotANode,
}

impl HelloError {
    /// The TLS alert that says so, as bytes to send; empty where none fits.
    pub(crate) fn alert(&self) -> Bytes {
        match self {
            Self::Closed => Bytes::new(),
            Self::TooLong => alert(DECODE_ERROR),
            Self::NotTls { alert, .. } => alert.clone(),
            Self::NoName | Self::NotANode => alert(UNRECOGNIZED_NAME),
        }
    }
}

/// A fatal TLS alert in the clear, as it is allowed before the server's hello (RFC 8446, sections 5.1 and 6).
pub(crate) fn alert(description: u8) -> Bytes {
    Bytes::copy_from_slice(&[21, 3, 3, 0, 2, 2, description])
}

/// Reads until the hello is whole. The caller of this function bounds the time.
pub(crate) async fn read(stream: &mut TcpStream) -> Result<ClientHello, HelloError> {
    // A connection that says nothing costs no buffer.
    if stream.readable().await.is_err() {
        return Err(HelloError::Closed);
    }
    let mut sniffer = Sniffer::default();
    loop {
        sniffer.bytes.reserve(READ_BYTES);
        let (mut reading, _) = stream.split();
        let read = poll_fn(|context| {
            tokio_util::io::poll_read_buf(std::pin::Pin::new(&mut reading), context, &mut sniffer.bytes)
        });
        match read.await {
            Ok(0) | Err(_) => return Err(HelloError::Closed),
            Ok(_) => {}
        }
        if let Some(destination) = sniffer.advance()? {
            return Ok(ClientHello { destination, bytes: sniffer.bytes.freeze() });
        }
    }
}

/// The bytes so far, and rustls's view of them.
#[derive(Default)]
struct Sniffer {
    bytes: BytesMut,
    fed: usize,
    acceptor: Acceptor,
}

impl Sniffer {
    /// Looks at what is new. The destination, once the hello is whole.
    fn advance(&mut self) -> Result<Option<NodeId>, HelloError> {
        while self.fed < self.bytes.len() {
            // One call takes at most 4 KiB.
            let taken =
                self.acceptor.read_tls(&mut &self.bytes[self.fed..]).map_err(|_| HelloError::TooLong)?;
            self.fed += taken;
            if let Some(accepted) = self.accept()? {
                return destination(&accepted).map(Some);
            }
            if taken == 0 {
                break;
            }
        }
        if self.bytes.len() > MAX_HELLO_BYTES { Err(HelloError::TooLong) } else { Ok(None) }
    }

    fn accept(&mut self) -> Result<Option<Accepted>, HelloError> {
        self.acceptor.accept().map_err(|(error, mut alert)| {
            let mut bytes = Vec::new();
            // A vector takes everything.
            let _ = alert.write_all(&mut bytes);
            HelloError::NotTls { error, alert: bytes.into() }
        })
    }
}

fn destination(accepted: &Accepted) -> Result<NodeId, HelloError> {
    let hello = accepted.client_hello();
    let name = hello.server_name().ok_or(HelloError::NoName)?;
    name.parse().map_err(|_| HelloError::NotANode)
}
