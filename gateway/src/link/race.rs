//! From `HOST:PORT` to a connection: the name is resolved anew, and its addresses race.

use std::{io, net::SocketAddr};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use identity::NodeId;
use quinn::{Connection, ConnectionError};
use tokio::{
    net::lookup_host,
    time::{sleep, timeout},
};

use super::{
    close::sentence,
    limits::{DIAL_LIMIT, DIAL_STAGGER, MAX_DIAL_ADDRESSES, RESOLVE_LIMIT},
};
use crate::endpoint::LinkEndpoint;

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub(super) enum RaceError {
    #[error("cannot look up `{name}`: {source}; check the name and this machine's DNS")]
    Resolve { name: String, source: io::Error },
    #[error("`{0}` has no address that this machine can reach")]
    NoAddress(String),
    #[error(
        "no answer over UDP from {0} within {limit} s: the bridge does not run there, or a firewall drops UDP",
        limit = DIAL_LIMIT.as_secs()
    )]
    Silent(String),
    #[error("{}", sentence(.0))]
    Refused(ConnectionError),
    #[error("cannot dial {address}: {what}")]
    Local { address: SocketAddr, what: String },
}

/// Connects to the first address that answers and proves to be `id`.
pub(super) async fn connect(
    endpoint: &LinkEndpoint,
    host_port: &str,
    id: NodeId,
) -> Result<Connection, RaceError> {
    let addresses = resolve(endpoint, host_port).await?;
    let mut tries: FuturesUnordered<_> = addresses
        .iter()
        .zip(0..)
        .map(|(address, place)| async move {
            sleep(DIAL_STAGGER * place).await;
            dial(endpoint, *address, id).await
        })
        .collect();
    let mut worst = None;
    while let Some(outcome) = tries.next().await {
        match outcome {
            Ok(connection) => return Ok(connection),
            // An answer says more than silence.
            Err(error) if worst.is_none() || !matches!(error, RaceError::Silent(_)) => worst = Some(error),
            Err(_) => {}
        }
    }
    Err(worst.unwrap_or_else(|| RaceError::NoAddress(host_port.into())))
}

/// Connects to one address.
pub(super) async fn dial(
    endpoint: &LinkEndpoint,
    address: SocketAddr,
    id: NodeId,
) -> Result<Connection, RaceError> {
    let local = |what| RaceError::Local { address, what };
    let connecting = endpoint.dial(address, id).map_err(|error| local(error.to_string()))?;
    match timeout(DIAL_LIMIT, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(ConnectionError::TimedOut)) | Err(_) => Err(RaceError::Silent(address.to_string())),
        Ok(Err(error)) => Err(RaceError::Refused(error)),
    }
}

async fn resolve(endpoint: &LinkEndpoint, host_port: &str) -> Result<Vec<SocketAddr>, RaceError> {
    let fail = |source| RaceError::Resolve { name: host_port.into(), source };
    let (host, port) = split(host_port)
        .ok_or_else(|| fail(io::Error::new(io::ErrorKind::InvalidInput, "it is not HOST:PORT")))?;
    let looked_up = timeout(RESOLVE_LIMIT, lookup_host((host, port)))
        .await
        .map_err(|_| fail(io::Error::new(io::ErrorKind::TimedOut, "the DNS does not answer")))?;
    let found = looked_up.map_err(fail)?.filter(|address| endpoint.reaches(*address));
    let addresses = take_turns(found.collect());
    if addresses.is_empty() { Err(RaceError::NoAddress(host_port.into())) } else { Ok(addresses) }
}

fn split(host_port: &str) -> Option<(&str, u16)> {
    let (host, port) = host_port.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some((host, port.parse().ok()?))
}

/// Families in turns, so that a dead one costs one wait (RFC 8305, section 4).
fn take_turns(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    addresses.dedup();
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    first.reverse();
    second.reverse();
    let mut turns = Vec::new();
    while turns.len() < MAX_DIAL_ADDRESSES {
        let before = turns.len();
        turns.extend(first.pop());
        turns.extend(second.pop());
        if turns.len() == before {
            break;
        }
    }
    turns.truncate(MAX_DIAL_ADDRESSES);
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_their_number_is_bounded() {
        let v6 = |n: u16| SocketAddr::from(([n, 0, 0, 0, 0, 0, 0, 1], 1));
        let v4 = |n: u8| SocketAddr::from(([n, 0, 0, 1], 1));
        let turns = take_turns(vec![v6(1), v6(2), v6(3), v4(4)]);
        assert_eq!(turns, [v6(1), v4(4), v6(2), v6(3)]);
        assert_eq!(take_turns((0..100).map(v4).collect()).len(), MAX_DIAL_ADDRESSES);
    }

    #[test]
    fn brackets_are_taken_off() {
        assert_eq!(split("[fe80::1%eth0]:7"), Some(("fe80::1%eth0", 7)));
        assert_eq!(split("home.example:30020"), Some(("home.example", 30020)));
        assert_eq!(split("home.example"), None);
    }
}
