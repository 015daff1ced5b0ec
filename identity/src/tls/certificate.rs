//! The node extension: how a TLS certificate says which node it belongs to.
//!
//! The method is that of the libp2p TLS specification (libp2p/specs, tls/tls.md): the node key signs the certificate's
//! public key. Object identifier, content and context string are our own.

use bytes::Bytes;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, PublicKeyData as _};
use x509_parser::{
    oid_registry::Oid,
    prelude::{FromDer as _, X509Certificate},
};

use crate::{Context, NodeId, NodeKey, key::SIGNATURE_BYTES, verify};

/// The object identifier of the node extension: made from a random UUID under the arc that is free for that
/// (1.2.840.113556.1.8000.2554, the UUID split into numbers). The extension is not critical, so that other TLS stacks
/// pass over it.
pub const NODE_EXTENSION_OID: &[u64] =
    &[1, 2, 840, 113_556, 1, 8000, 2554, 27_677, 36_690, 16_139, 19_310, 40_279, 5_416_160, 13_219_793];

const EXTENSION_BYTES: usize = 32 + SIGNATURE_BYTES;

/// Why a certificate names no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not a certificate.
    #[error("the certificate cannot be decoded")]
    Undecodable,
    /// Not one of ours.
    #[error("the certificate has no Causeway node extension")]
    NoExtension,
    /// The node did not sign this key.
    #[error("the certificate's node extension does not match its key")]
    Forged,
}

/// Makes the certificate of a node for a TLS key. It has no useful dates: nobody looks at them.
pub(super) fn issue(node: &NodeKey, tls_key: &KeyPair) -> Result<Bytes, rcgen::Error> {
    let id = node.node_id();
    let mut params = CertificateParams::new(vec![id.to_string()])?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, id.to_string());
    let mut content = id.as_bytes().to_vec();
    content.extend_from_slice(&node.sign(Context::Certificate, &tls_key.subject_public_key_info()));
    params.custom_extensions = vec![CustomExtension::from_oid_content(NODE_EXTENSION_OID, content)];
    Ok(Bytes::copy_from_slice(params.self_signed(tls_key)?.der()))
}

/// Whose certificate this is.
///
/// # Errors
/// [`CertificateError`] when it is nobody's.
pub fn node_of_certificate(der: &[u8]) -> Result<NodeId, CertificateError> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| CertificateError::Undecodable)?;
    if !rest.is_empty() {
        return Err(CertificateError::Undecodable);
    }
    let oid = Oid::from(NODE_EXTENSION_OID).expect("the constant is an object identifier");
    let extension = certificate
        .get_extension_unique(&oid)
        .map_err(|_| CertificateError::Undecodable)?
        .ok_or(CertificateError::NoExtension)?;
    if extension.value.len() != EXTENSION_BYTES {
        return Err(CertificateError::Forged);
    }
    let (id, signature) = extension.value.split_at(32);
    let id = NodeId::try_from(id).map_err(|_| CertificateError::Forged)?;
    let public_key = certificate.tbs_certificate.subject_pki.raw;
    verify(&id, Context::Certificate, public_key, signature).map_err(|_| CertificateError::Forged)?;
    Ok(id)
}
