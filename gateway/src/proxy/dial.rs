//! Connecting to a peer of the own network, at the addresses where it was heard and at no others.

use std::{net::SocketAddr, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use proto::bridge::v1::Refusal;
use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, time::timeout};

use super::limits::MAX_PEER_ADDRESSES;

/// An idle connection is asked for a sign of life after this, so that those of vanished machines end.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(60);

/// Between the questions; nine unanswered ones end the connection.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(10);

/// Connects to the first address that answers.
pub(super) async fn peer(addresses: &[SocketAddr], limit: Duration) -> Result<TcpStream, Refusal> {
    let mut tries: FuturesUnordered<_> =
        addresses.iter().take(MAX_PEER_ADDRESSES).map(|address| TcpStream::connect(*address)).collect();
    let first = async {
        while let Some(outcome) = tries.next().await {
            if let Ok(stream) = outcome {
                return Some(stream);
            }
        }
        None
    };
    let stream = timeout(limit, first).await.ok().flatten().ok_or(Refusal::PeerNotAnswering)?;
    prepare(&stream);
    Ok(stream)
}

/// Small messages leave at once, and a dead other side is noticed.
pub(super) fn prepare(stream: &TcpStream) {
    let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE_AFTER).with_interval(KEEP_ALIVE_EVERY);
    // Both only fail on a socket that is broken already, which the first read finds.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keep_alive);
}
