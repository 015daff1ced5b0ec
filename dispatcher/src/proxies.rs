//! Proxies in front of the page, and who asks by their word.

use std::{
    net::{AddrParseError, IpAddr},
    str::FromStr,
};

use hyper::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// Whom a request came from: each proxy on the way adds the address that it saw at the end of the list.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of a proxy that is trusted to say who asks, or the network of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

/// What is neither an address nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither an address, such as 127.0.0.1, nor a network, such as 10.0.1.0/24")]
pub struct NoSuchProxy;

impl FromStr for TrustedProxy {
    type Err = NoSuchProxy;

    fn from_str(text: &str) -> Result<Self, NoSuchProxy> {
        let of_one = |_| Ok::<_, AddrParseError>(text.parse::<IpAddr>()?.to_canonical().into());
        text.parse().or_else(of_one).map(Self).map_err(|_| NoSuchProxy)
    }
}

/// Who asks. Only what trusted proxies wrote counts: whoever asks can send a list that is longer to the left.
pub(crate) fn who_asks(trusted: &[TrustedProxy], connection: IpAddr, headers: &HeaderMap) -> IpAddr {
    let connection = connection.to_canonical();
    if is_trusted(trusted, connection) {
        forwarded(trusted, headers).unwrap_or(connection)
    } else {
        connection
    }
}

/// The first one from the right that is no trusted proxy. `None`: there is none, or what stands there is no address.
fn forwarded(trusted: &[TrustedProxy], headers: &HeaderMap) -> Option<IpAddr> {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    for entry in lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
        let address = std::str::from_utf8(entry).ok()?.trim().parse::<IpAddr>().ok()?.to_canonical();
        if !is_trusted(trusted, address) {
            return Some(address);
        }
    }
    None
}

fn is_trusted(trusted: &[TrustedProxy], address: IpAddr) -> bool {
    trusted.iter().any(|proxy| proxy.0.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_by(connection: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.1.0/24", "192.0.2.1", "fd00::/8"].map(|proxy| proxy.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        who_asks(&trusted, connection.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_rightmost_that_is_no_proxy_counts_and_what_stands_before_it_does_not() {
        assert_eq!(asked_by("10.0.1.7", &["203.0.113.5"]), "203.0.113.5");
        assert_eq!(asked_by("10.0.1.7", &["198.51.100.1, 203.0.113.5"]), "203.0.113.5");
        assert_eq!(asked_by("10.0.1.7", &["nonsense, ,203.0.113.5 , 192.0.2.1,10.0.1.9"]), "203.0.113.5");
        assert_eq!(asked_by("10.0.1.7", &["198.51.100.1", "203.0.113.5", "10.0.1.8"]), "203.0.113.5");
        assert_eq!(asked_by("fd00::1", &["2001:db8::5"]), "2001:db8::5");
        assert_eq!(asked_by("::ffff:10.0.1.7", &["::ffff:203.0.113.5"]), "203.0.113.5");
    }

    #[test]
    fn who_is_no_proxy_is_not_believed() {
        assert_eq!(asked_by("10.0.2.7", &["203.0.113.5"]), "10.0.2.7");
        assert_eq!(asked_by("192.0.2.2", &["10.0.1.7"]), "192.0.2.2");
        assert_eq!(who_asks(&[], [127, 0, 0, 1].into(), &HeaderMap::new()).to_string(), "127.0.0.1");
    }

    #[test]
    fn a_list_that_names_nobody_leaves_the_address_of_the_connection() {
        for line in
            ["", "nonsense", "203.0.113.5, unknown", "203.0.113.5,", "203.0.113.5:80", "10.0.1.9, 192.0.2.1"]
        {
            assert_eq!(asked_by("10.0.1.7", &[line]), "10.0.1.7", "{line}");
        }
        assert_eq!(asked_by("10.0.1.7", &[]), "10.0.1.7");
    }

    #[test]
    fn what_is_no_address_and_no_network_is_refused() {
        for text in ["", "traefik", "10.0.1.0/33", "10.0.1/24", "10.0.1.0/", "10.0.1.7:80"] {
            assert_eq!(text.parse::<TrustedProxy>(), Err(NoSuchProxy), "{text}");
        }
    }
}
