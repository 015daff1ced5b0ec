//! A place that a person named: `HOST:PORT`, or `HOST:PORT/NODEID`.

use std::{fmt, io, net::SocketAddr, str::FromStr};

use identity::NodeId;

use crate::limits::{MAX_HOST_BYTES, MAX_RESOLVED};

/// A host, a port, and the node that must answer there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    host: String,
    port: u16,
    id: Option<NodeId>,
}

/// What was given is not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTarget {
    /// No port, or none between 1 and 65535.
    #[error("`{0}` has no port: write HOST:PORT, or HOST:PORT/NODEID, with a port from 1 to 65535")]
    Port(String),
    /// No host, or one that cannot be.
    #[error(
        "`{0}` has no host: write a name, an IPv4 address, or an IPv6 address in brackets, before the port"
    )]
    Host(String),
    /// What follows the slash is not a node id.
    #[error(
        "what follows the slash in `{0}` is not a node id: it has 52 characters, as `causeway id` prints them"
    )]
    NodeId(String),
}

impl Target {
    /// A known address of a known node.
    pub fn new(address: SocketAddr, id: Option<NodeId>) -> Self {
        let host = address.ip().to_string();
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{host}%{}", v6.scope_id()),
            _ => host,
        };
        Self { host, port: address.port(), id }
    }

    /// Host name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The node that must answer, where it was given.
    pub const fn id(&self) -> Option<NodeId> {
        self.id
    }

    /// `HOST:PORT`.
    pub fn place(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Looks the name up anew.
    ///
    /// # Errors
    /// What the resolver said; also when it knows no address.
    pub async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = tokio::net::lookup_host(self.place()).await?.take(MAX_RESOLVED).collect();
        if found.is_empty() {
            let what = format!("the name {} stands for no address", self.host);
            return Err(io::Error::new(io::ErrorKind::NotFound, what));
        }
        Ok(found)
    }
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let (place, id) = match text.split_once('/') {
            Some((place, id)) => (place, Some(id.parse().map_err(|_| InvalidTarget::NodeId(text.into()))?)),
            None => (text, None),
        };
        let (host, port) = place.rsplit_once(':').ok_or_else(|| InvalidTarget::Port(text.into()))?;
        let port = port.parse().ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| InvalidTarget::Port(text.into()))?;
        let host = unbracketed(host).ok_or_else(|| InvalidTarget::Host(text.into()))?;
        Ok(Self { host: host.into(), port, id })
    }
}

/// An IPv6 address needs its brackets: without them the last group would be the port.
fn unbracketed(host: &str) -> Option<&str> {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|inner| inner.contains(':'))?,
        None => Some(host).filter(|host| !host.contains(':'))?,
    };
    let fine = !bare.is_empty()
        && bare.len() <= MAX_HOST_BYTES
        && !bare.chars().any(|character| character.is_whitespace() || character.is_control());
    fine.then_some(bare)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())?;
        self.id.map_or(Ok(()), |id| write!(f, "/{id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_read_back_as_they_are_written() {
        let id = NodeId::from_bytes([7; 32]);
        for text in ["bridge.example:30012", "192.0.2.1:1", "[fd00::1]:30012", &format!("[::1]:5/{id}")] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), text);
        }
        let full: Target = format!("host:9/{id}").parse().unwrap();
        assert_eq!((full.host(), full.port(), full.id()), ("host", 9, Some(id)));
    }

    #[test]
    fn what_is_no_target_is_told_why() {
        for text in ["", "host", "host:", "host:0", "host:65536", "host:x"] {
            assert!(matches!(text.parse::<Target>(), Err(InvalidTarget::Port(_))), "{text}");
        }
        for text in [":5", "fd00::1:5", "[]:5", "[host]:5", "a b:5", &format!("{}:5", "x".repeat(254))] {
            assert!(matches!(text.parse::<Target>(), Err(InvalidTarget::Host(_))), "{text}");
        }
        for text in ["host:5/", "host:5/abc"] {
            assert!(matches!(text.parse::<Target>(), Err(InvalidTarget::NodeId(_))), "{text}");
        }
    }
}
