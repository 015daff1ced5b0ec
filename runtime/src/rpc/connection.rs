//! One connection as tonic sees it: a stream that knows who is at the other end.
//!
//! Whether it is TLS, TCP or a Unix socket is decided by a pointer, not by a type: HTTP/2 and all above it are large, and
//! would otherwise be there once for each.

use std::{
    fmt,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use rustls::pki_types::CertificateDer;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::server::Connected;

use super::places::Place;

/// Who is at the other end. On a server it is a request extension.
#[derive(Debug, Clone)]
pub struct PeerInfo {
    /// The other's address; none for a Unix socket.
    pub remote: Option<SocketAddr>,
    /// The other's certificate, verified by the TLS configuration.
    pub certificate: Option<CertificateDer<'static>>,
    /// The name of the key exchange group, such as `X25519MLKEM768`.
    pub key_exchange: Option<&'static str>,
}

impl PeerInfo {
    pub(super) fn of_tls(remote: Option<SocketAddr>, tls: &rustls::CommonState) -> Self {
        let certificate = tls.peer_certificates().and_then(|chain| chain.first());
        Self {
            remote,
            certificate: certificate.map(|certificate| certificate.clone().into_owned()),
            key_exchange: tls.negotiated_key_exchange_group().and_then(|group| group.name().as_str()),
        }
    }

    pub(super) const fn plain(remote: Option<SocketAddr>) -> Self {
        Self { remote, certificate: None, key_exchange: None }
    }
}

/// Whatever carries HTTP/2.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A stream together with what is known of its other end.
pub(super) struct Connection {
    stream: Box<dyn Duplex>,
    info: PeerInfo,
    /// Until the client has opened HTTP/2.
    opening: Option<Opening>,
    /// Held as long as the connection lives: its place in a quota.
    _place: Option<Place>,
    ended: Option<DropGuard>,
}

/// What is still to come of the client's connection preface (RFC 9113, 3.4), and until when. After it, HTTP/2's pings
/// find out whether somebody is there.
struct Opening {
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

const PREFACE_BYTES: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

impl Connection {
    pub(super) fn new(stream: impl Duplex + 'static, info: PeerInfo) -> Self {
        Self { stream: Box::new(stream), info, opening: None, _place: None, ended: None }
    }

    /// A connection that fails unless its client opens HTTP/2 in time.
    pub(super) fn opening(
        stream: impl Duplex + 'static,
        info: PeerInfo,
        place: Place,
        limit: Duration,
    ) -> Self {
        let opening = Opening { missing: PREFACE_BYTES, deadline: Box::pin(tokio::time::sleep(limit)) };
        Self { opening: Some(opening), _place: Some(place), ..Self::new(stream, info) }
    }

    /// Cancelled once the connection is gone.
    pub(super) fn ended(&mut self) -> CancellationToken {
        let token = CancellationToken::new();
        self.ended = Some(token.clone().drop_guard());
        token
    }
}

impl Opening {
    /// Takes note of a read. True when the opening is complete.
    fn poll_read(
        &mut self,
        read: &Poll<io::Result<()>>,
        bytes: usize,
        cx: &mut Context<'_>,
    ) -> io::Result<bool> {
        self.missing = self.missing.saturating_sub(bytes);
        if read.is_pending() && self.deadline.as_mut().poll(cx).is_ready() {
            let what = "the client did not open HTTP/2 in time";
            return Err(io::Error::new(io::ErrorKind::TimedOut, what));
        }
        Ok(self.missing == 0)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Connected for Connection {
    type ConnectInfo = PeerInfo;

    fn connect_info(&self) -> PeerInfo {
        self.info.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(opening) = &mut self.opening
            && opening.poll_read(&read, buf.filled().len() - before, cx)?
        {
            self.opening = None;
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
