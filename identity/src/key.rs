//! The node key and its signatures, one context string per use.

use std::fmt;

use bytes::Bytes;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::NodeId;

/// The length of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// What a signature is for. A signature of one context never counts in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Context {
    /// A `causeway.node.v1.Description`.
    Description,
    /// A `causeway.node.v1.Announcement`.
    Announcement,
    /// A `causeway.node.v1.Datagram`.
    Datagram,
    /// The public key of a TLS certificate, as in its `SubjectPublicKeyInfo`.
    Certificate,
    /// The head of a bridge's log.
    LogHead,
    /// A token that lets one other bridge join.
    Invitation,
    /// The end of a file of exported logs.
    Export,
    /// A session of a node's page.
    Page,
}

impl Context {
    /// The string that is signed before a zero byte and the body.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Description => "causeway/description/1",
            Self::Announcement => "causeway/announcement/1",
            Self::Datagram => "causeway/datagram/1",
            Self::Certificate => "causeway/certificate/1",
            Self::LogHead => "causeway/log-head/1",
            Self::Invitation => "causeway/invitation/1",
            Self::Export => "causeway/export/1",
            Self::Page => "causeway/page/1",
        }
    }

    fn message(self, body: &[u8]) -> Vec<u8> {
        let context = self.as_str().as_bytes();
        let mut message = Vec::with_capacity(context.len() + 1 + body.len());
        message.extend_from_slice(context);
        message.push(0);
        message.extend_from_slice(body);
        message
    }
}

/// A signature that does not hold: other key, other context, changed bytes, or not a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not match its author and content")]
pub struct BadSignature;

/// Verifies a signature strictly (RFC 8032, section 5.1.7, without the cofactor): keys and nonces of small order and
/// encodings that are not canonical are refused.
///
/// # Errors
/// [`BadSignature`] when anything does not fit.
pub fn verify(id: &NodeId, context: Context, body: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_bytes(id.as_bytes()).map_err(|_| BadSignature)?;
    let signature = Signature::from_slice(signature).map_err(|_| BadSignature)?;
    key.verify_strict(&context.message(body), &signature).map_err(|_| BadSignature)
}

/// A node's secret key. Wiped from memory when dropped.
#[derive(Clone)]
pub struct NodeKey(SigningKey);

impl NodeKey {
    /// A new key from the system's random source.
    ///
    /// # Panics
    /// When the system has no random source, which leaves nothing safe to do.
    pub fn generate() -> Self {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).expect("the system has a random source");
        Self::from_seed(*seed)
    }

    /// The key of a seed: the same seed gives the same key.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The public half.
    pub fn node_id(&self) -> NodeId {
        NodeId::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Signs `body` for one use.
    pub fn sign(&self, context: Context, body: &[u8]) -> Bytes {
        Bytes::copy_from_slice(&self.0.sign(&context.message(body)).to_bytes())
    }

    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.0
    }
}

impl From<SigningKey> for NodeKey {
    fn from(key: SigningKey) -> Self {
        Self(key)
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", self.node_id().short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_counts_for_its_key_context_and_body_only() {
        let (key, other) = (NodeKey::from_seed([1; 32]), NodeKey::from_seed([2; 32]));
        let signature = key.sign(Context::LogHead, b"body");
        assert_eq!(verify(&key.node_id(), Context::LogHead, b"body", &signature), Ok(()));
        assert_eq!(verify(&key.node_id(), Context::LogHead, b"bodY", &signature), Err(BadSignature));
        assert_eq!(verify(&key.node_id(), Context::Datagram, b"body", &signature), Err(BadSignature));
        assert_eq!(verify(&other.node_id(), Context::LogHead, b"body", &signature), Err(BadSignature));
        assert_eq!(verify(&key.node_id(), Context::LogHead, b"body", &signature[1..]), Err(BadSignature));
    }

    #[test]
    fn a_small_order_key_signs_nothing() {
        let mut identity_point = [0; 32];
        identity_point[0] = 1;
        let forged = NodeId::from_bytes(identity_point);
        let mut signature = [0; 64];
        signature[0] = 1;
        assert_eq!(verify(&forged, Context::LogHead, b"anything", &signature), Err(BadSignature));
    }
}
