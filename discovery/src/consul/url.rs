//! Where the agent is.

use std::{fmt, str::FromStr};

use hyper::Uri;

use crate::Target;

/// Where an agent listens unless somebody said otherwise.
const DEFAULT_PORT: u16 = 8_500;

/// The address of an agent's HTTP interface: `http://HOST[:PORT]`, port 8500 when none is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsulUrl(Target);

/// What was given is no address of an agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConsulUrl {
    /// Not of the form `http://HOST[:PORT]`.
    #[error("`{0}` is no address of a Consul agent: write http://HOST:PORT, such as http://127.0.0.1:8500")]
    Form(String),
    /// TLS.
    #[error(
        "`{0}`: Causeway speaks plain HTTP with the agent of its own machine, and that agent speaks TLS with the others; \
         write its address, such as http://127.0.0.1:8500"
    )]
    Tls(String),
}

impl ConsulUrl {
    /// Host and port.
    pub const fn target(&self) -> &Target {
        &self.0
    }
}

impl FromStr for ConsulUrl {
    type Err = InvalidConsulUrl;

    fn from_str(text: &str) -> Result<Self, InvalidConsulUrl> {
        let form = || InvalidConsulUrl::Form(text.to_owned());
        let uri = text.parse::<Uri>().map_err(|_| form())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(InvalidConsulUrl::Tls(text.to_owned())),
            _ => return Err(form()),
        }
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(form)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(form());
        }
        let port = authority.port_u16().unwrap_or(DEFAULT_PORT);
        format!("{}:{port}", authority.host()).parse().map(Self).map_err(|_| form())
    }
}

impl fmt::Display for ConsulUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_or_without_a_port() {
        for (text, shown) in [
            ("http://127.0.0.1:8501", "http://127.0.0.1:8501"),
            ("http://consul/", "http://consul:8500"),
            ("http://[::1]", "http://[::1]:8500"),
        ] {
            assert_eq!(text.parse::<ConsulUrl>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_none_says_what_to_write() {
        for wrong in ["consul:8500", "http://", "http://a/ui", "http://me:secret@a", "ftp://a", "http://a:0"]
        {
            let error = wrong.parse::<ConsulUrl>().unwrap_err().to_string();
            assert!(error.contains("http://127.0.0.1:8500"), "{error}");
        }
        let error = "https://consul:8501".parse::<ConsulUrl>().unwrap_err().to_string();
        assert!(error.contains("plain HTTP"), "{error}");
    }
}
