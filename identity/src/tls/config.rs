//! rustls configurations: TLS 1.3 only, both sides with certificates, hybrid post-quantum key exchange preferred.

use std::sync::Arc;

use rustls::{
    ClientConfig, Error, ServerConfig,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName},
    server::NoServerSessionStorage,
    version::TLS13,
};

use super::{Identity, certificate::node_of_certificate, verifier::NodeVerifier};
use crate::NodeId;

/// gRPC over TLS.
pub const ALPN_H2: &[u8] = b"h2";
/// QUIC links between bridges.
pub const ALPN_LINK: &[u8] = b"causeway/1";

/// Whom a connection must lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This node and nobody else.
    Node(NodeId),
    /// Any node that proves its id; the caller looks at it afterwards.
    Any,
}

/// The configuration of a listener. Every node that proves its id gets in; the caller decides what it may do.
///
/// Sessions are never resumed: a resumed one would pass over the check of the certificate, and so over a trust that was
/// removed meanwhile.
///
/// # Errors
/// When rustls refuses the identity's key.
pub fn server_config(identity: &Identity, alpn: &[u8]) -> Result<ServerConfig, Error> {
    let provider = provider();
    let verifier = NodeVerifier { expected: Expected::Any, provider: Arc::clone(&provider) };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(identity.certificate_chain(), identity.tls_key())?;
    config.alpn_protocols = vec![alpn.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// The configuration of a dialler.
///
/// # Errors
/// When rustls refuses the identity's key.
pub fn client_config(identity: &Identity, expected: Expected, alpn: &[u8]) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = NodeVerifier { expected, provider: Arc::clone(&provider) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(identity.certificate_chain(), identity.tls_key())?;
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The server name to ask for: the node id, by which a bridge finds the way.
pub fn server_name(id: NodeId) -> ServerName<'static> {
    ServerName::try_from(id.to_string()).expect("a node id is a DNS label")
}

/// Who is at the other end of a finished handshake.
pub fn node_of_peer(certificates: Option<&[CertificateDer<'_>]>) -> Option<NodeId> {
    node_of_certificate(certificates?.first()?).ok()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
