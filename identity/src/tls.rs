//! TLS 1.3 with node ids: certificates, and rustls configurations that pin or learn the other's id.
//!
//! Names, validity dates and authorities play no part: a certificate counts when its node extension holds.

mod certificate;
mod config;
mod identity;
mod verifier;

pub use certificate::{CertificateError, NODE_EXTENSION_OID, node_of_certificate};
pub use config::{ALPN_H2, ALPN_LINK, Expected, client_config, node_of_peer, server_config, server_name};
pub use identity::{Identity, IdentityError};
