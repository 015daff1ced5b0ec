//! The address of a link: `quic://HOST:PORT/NODEID`.

use std::{fmt, str::FromStr};

use identity::NodeId;
use serde::{Deserialize, Serialize};

/// The longest host name of the DNS.
const MAX_HOST_BYTES: usize = 253;
const SCHEME: &str = "quic://";

/// Where a bridge is dialled, and who must answer there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LinkUrl {
    /// `HOST:PORT`; an IPv6 address stands in brackets. Names are resolved anew at each try.
    pub host_port: String,
    /// Who must answer.
    pub id: NodeId,
}

/// What was given is not the address of a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not the address of a link: {why}; write quic://HOST:PORT/NODEID, with the id that the other bridge's `causeway id` prints"
)]
pub struct InvalidLinkUrl {
    text: String,
    why: &'static str,
}

impl FromStr for LinkUrl {
    type Err = InvalidLinkUrl;

    fn from_str(text: &str) -> Result<Self, InvalidLinkUrl> {
        let refuse = |why| InvalidLinkUrl { text: text.chars().take(200).collect(), why };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| refuse("it does not begin with quic://"))?;
        let (host_port, id) = rest.split_once('/').ok_or_else(|| refuse("the node id is missing"))?;
        let id = id.parse().map_err(|_| refuse("what follows the last slash is not a node id"))?;
        check_host_port(host_port).map_err(refuse)?;
        Ok(Self { host_port: host_port.to_owned(), id })
    }
}

impl fmt::Display for LinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host_port, self.id)
    }
}

impl TryFrom<String> for LinkUrl {
    type Error = InvalidLinkUrl;

    fn try_from(text: String) -> Result<Self, InvalidLinkUrl> {
        text.parse()
    }
}

impl From<LinkUrl> for String {
    fn from(url: LinkUrl) -> Self {
        url.to_string()
    }
}

/// Checks `HOST:PORT`.
pub(crate) fn check_host_port(text: &str) -> Result<(), &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("the port is missing")?;
    match port.parse::<u16>() {
        Ok(0) | Err(_) => return Err("the port is not a number from 1 to 65535"),
        Ok(_) => {}
    }
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or("the bracket round the IPv6 address is not closed")?;
        let plain = address.split('%').next().unwrap_or(address);
        return plain
            .parse::<std::net::Ipv6Addr>()
            .map(|_| ())
            .map_err(|_| "what stands in brackets is not an IPv6 address");
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if host.contains(':') {
        Err("an IPv6 address needs brackets")
    } else if host.is_empty() || host.len() > MAX_HOST_BYTES || !host.chars().all(is_name) {
        Err("the host is not a name or an address")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_written() {
        let id = NodeId::from_bytes([7; 32]);
        for host in ["home.example:30020", "192.0.2.1:1", "[2001:db8::1]:65535", "[fe80::1%eth0]:9"] {
            let text = format!("quic://{host}/{id}");
            assert_eq!(text.parse::<LinkUrl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_addresses_are_refused_with_the_reason() {
        let id = NodeId::from_bytes([7; 32]);
        let cases = [
            (format!("http://a:1/{id}"), "begin with quic"),
            ("quic://a:1".into(), "node id is missing"),
            ("quic://a:1/abc".into(), "not a node id"),
            (format!("quic://a/{id}"), "port is missing"),
            (format!("quic://a:0/{id}"), "1 to 65535"),
            (format!("quic://a:70000/{id}"), "1 to 65535"),
            (format!("quic://::1:7/{id}"), "needs brackets"),
            (format!("quic://[::1:7/{id}"), "not closed"),
            (format!("quic://[x]:7/{id}"), "not an IPv6"),
            (format!("quic://a b:7/{id}"), "not a name"),
        ];
        for (text, why) in cases {
            let error = text.parse::<LinkUrl>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
