//! Telling a caller that its connection is refused, in the only words that TLS has before its handshake.

use bytes::Bytes;
use proto::bridge::v1::Refusal;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::limits::REFUSAL_LINGER;
use crate::hello;

/// Descriptions of alerts (RFC 8446, section 6; RFC 6066, section 3).
const HANDSHAKE_FAILURE: u8 = 40;
const ACCESS_DENIED: u8 = 49;
const INTERNAL: u8 = 80;
const USER_CANCELED: u8 = 90;
const UNRECOGNIZED_NAME: u8 = 112;

/// What is thrown away of a caller's bytes so that the alert arrives before a reset does.
const MOST_DISCARDED: u64 = 64 * 1024;

/// The alert that comes nearest to a refusal. The whole sentence is at the control port.
pub(super) fn of(refusal: Refusal) -> Bytes {
    hello::alert(match refusal {
        Refusal::UnknownPeer | Refusal::PeerLeft => UNRECOGNIZED_NAME,
        Refusal::Policy | Refusal::NotRegistered => ACCESS_DENIED,
        Refusal::Draining => USER_CANCELED,
        Refusal::BadHello => HANDSHAKE_FAILURE,
        Refusal::Unspecified
        | Refusal::NoRoute
        | Refusal::PeerNotAnswering
        | Refusal::Hops
        | Refusal::Limit
        | Refusal::LinkLost => INTERNAL,
    })
}

/// Sends an alert and closes the connection, in bounded time.
pub(super) async fn send(mut stream: TcpStream, alert: &Bytes) {
    let farewell = async {
        stream.write_all(alert).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut (&mut stream).take(MOST_DISCARDED), &mut tokio::io::sink()).await
    };
    // A caller that does not listen is no reason to wait.
    let _ = timeout(REFUSAL_LINGER, farewell).await;
}

/// Closes a connection by a reset: what was copied is not the whole.
pub(super) fn reset(stream: TcpStream) {
    // When it fails the socket is broken anyway, and the close tells the other side as well as it can.
    let _ = SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
    drop(stream);
}
