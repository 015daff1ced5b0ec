//! The key of QUIC's stateless resets (RFC 9000, section 10.3).
//!
//! It must outlive the process: a bridge that was killed and started again answers packets of old connections with a
//! reset that their other sides believe, so they dial anew within a keep-alive instead of after the idle limit.

use std::time::Duration;

use blake3::Hash;
use identity::{Context, tls::Identity};
use quinn::{
    ConnectionId, ConnectionIdGenerator,
    crypto::{CryptoError, HmacKey},
};

/// What the key is derived for. Part of the method: a change only costs one idle limit.
const PURPOSE: &str = "causeway 2026-11 quic stateless reset";

/// The length of connection ids, bytes: no two connections of a bridge will ever meet.
const ID_BYTES: usize = 8;

/// A keyed BLAKE3.
pub(super) struct ResetKey([u8; 32]);

impl ResetKey {
    /// The key of a node: derived from a signature that nobody else can make and that never leaves this function.
    /// Ed25519 signatures are deterministic, so it is the same after every start.
    pub(super) fn of(identity: &Identity) -> Self {
        let secret = identity.key().sign(Context::Certificate, PURPOSE.as_bytes());
        Self(blake3::derive_key(PURPOSE, &secret))
    }

    fn hash(&self, data: &[u8]) -> Hash {
        blake3::keyed_hash(&self.0, data)
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        signature_out.copy_from_slice(self.hash(data).as_bytes());
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let signature = Hash::from_slice(signature).map_err(|_| CryptoError)?;
        // Compares in constant time.
        if self.hash(data) == signature { Ok(()) } else { Err(CryptoError) }
    }
}

/// Connection ids without a mark of the process that gave them. quinn's own generator drops packets for ids that it did
/// not make, and so would never reset a connection from before a restart. quinn bounds the rate of resets.
pub(super) struct PlainIds;

impl ConnectionIdGenerator for PlainIds {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&rand::random::<[u8; ID_BYTES]>())
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use identity::NodeKey;

    use super::*;

    #[test]
    fn the_key_is_the_same_after_a_restart_and_another_for_another_node() {
        let key = |seed| ResetKey::of(&Identity::of_key(NodeKey::from_seed([seed; 32])).unwrap());
        let mut signature = [0; 32];
        key(1).sign(b"connection", &mut signature);
        assert!(key(1).verify(b"connection", &signature).is_ok());
        assert!(key(2).verify(b"connection", &signature).is_err());
        assert!(key(1).verify(b"another", &signature).is_err());
    }
}
