//! Export and import of an identity under a passphrase, so that a person can move machines.
//!
//! The file is PEM with the label `CAUSEWAY IDENTITY`. Its content: one version byte (1); memory in KiB, passes and
//! lanes of Argon2id (RFC 9106) as big-endian u32 each; a salt of 16 bytes; a nonce of 24 bytes; the node key's PKCS #8
//! PEM sealed by XChaCha20-Poly1305 with everything before it as associated data.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use zeroize::Zeroizing;

use crate::{NodeKey, keyfile};

const LABEL: &str = "CAUSEWAY IDENTITY";
const VERSION: u8 = 1;
/// Argon2id with 64 MiB and 3 passes: the second recommendation of RFC 9106, section 4.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
/// What an import is willing to spend: a file must not make the machine stand still.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 32;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const HEADER_BYTES: usize = 1 + 3 * 4 + SALT_BYTES + NONCE_BYTES;
/// The shortest passphrase that an export takes.
pub const MIN_PASSPHRASE_CHARACTERS: usize = 8;

/// Why an identity could not be exported or imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// Too short to protect a key.
    #[error(
        "the passphrase is too short: it protects your identity, take at least {MIN_PASSPHRASE_CHARACTERS} characters"
    )]
    WeakPassphrase,
    /// Not an export, or cut.
    #[error("this is not an exported identity, or not all of it: {0}")]
    Malformed(&'static str),
    /// Made by a later version of the program.
    #[error(
        "this export has format {0}, this program knows format {VERSION}: use the newer program that made it"
    )]
    NewerFormat(u8),
    /// Wrong passphrase, or changed bytes: the two cannot be told apart.
    #[error("the passphrase is wrong, or the file is damaged")]
    Refused,
}

/// Seals a node key under a passphrase.
///
/// # Errors
/// [`TransferError::WeakPassphrase`].
///
/// # Panics
/// When the system has no random source.
pub fn export(key: &NodeKey, passphrase: &str) -> Result<String, TransferError> {
    if passphrase.chars().count() < MIN_PASSPHRASE_CHARACTERS {
        return Err(TransferError::WeakPassphrase);
    }
    let mut content = vec![VERSION];
    for number in [MEMORY_KIB, PASSES, LANES] {
        content.extend_from_slice(&number.to_be_bytes());
    }
    let mut random = [0; SALT_BYTES + NONCE_BYTES];
    getrandom::fill(&mut random).expect("the system has a random source");
    content.extend_from_slice(&random);
    let header = Header::parse(&content)?;
    let plain = keyfile::encode(key);
    let payload = Payload { msg: plain.as_bytes(), aad: &content };
    let sealed = header
        .cipher(passphrase)?
        .encrypt(&XNonce::from(header.nonce), payload)
        .map_err(|_| TransferError::Refused)?;
    content.extend_from_slice(&sealed);
    Ok(pem::encode(&pem::Pem::new(LABEL, content)))
}

/// Opens an exported identity.
///
/// # Errors
/// [`TransferError`] says why not.
pub fn import(text: &str, passphrase: &str) -> Result<NodeKey, TransferError> {
    let parsed = pem::parse(text).map_err(|_| TransferError::Malformed("the PEM block is broken"))?;
    if parsed.tag() != LABEL {
        return Err(TransferError::Malformed("the PEM block holds something else"));
    }
    let content = parsed.contents();
    let header = Header::parse(content)?;
    let (associated, sealed) = content.split_at(HEADER_BYTES);
    let payload = Payload { msg: sealed, aad: associated };
    let plain = header
        .cipher(passphrase)?
        .decrypt(&XNonce::from(header.nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| TransferError::Refused)?;
    keyfile::decode(&plain).map_err(|_| TransferError::Malformed("there is no node key in it"))
}

struct Header {
    params: Params,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
}

impl Header {
    fn parse(content: &[u8]) -> Result<Self, TransferError> {
        let cut = TransferError::Malformed("it is cut short");
        match content.first() {
            Some(&VERSION) => {}
            Some(&newer) if newer > VERSION => return Err(TransferError::NewerFormat(newer)),
            _ => return Err(cut),
        }
        let header = content.get(..HEADER_BYTES).ok_or(cut)?;
        let number = |index: usize| {
            let bytes = &header[1 + index * 4..5 + index * 4];
            u32::from_be_bytes(bytes.try_into().expect("four bytes"))
        };
        if number(0) > MAX_MEMORY_KIB || number(1) > MAX_PASSES {
            return Err(TransferError::Malformed("opening it would cost more than is sensible"));
        }
        let params = Params::new(number(0), number(1), number(2), Some(32))
            .map_err(|_| TransferError::Malformed("its parameters are out of range"))?;
        let salt = header[13..13 + SALT_BYTES].try_into().expect("sixteen bytes");
        let nonce = header[13 + SALT_BYTES..].try_into().expect("twenty-four bytes");
        Ok(Self { params, salt, nonce })
    }

    fn cipher(&self, passphrase: &str) -> Result<XChaCha20Poly1305, TransferError> {
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
            .hash_password_into(passphrase.as_bytes(), &self.salt, key.as_mut())
            .map_err(|_| TransferError::Malformed("its parameters are out of range"))?;
        Ok(XChaCha20Poly1305::new(&(*key).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_moves_with_its_passphrase_only() {
        let key = NodeKey::generate();
        let file = export(&key, "correct horse").unwrap();
        assert_eq!(import(&file, "correct horse").unwrap().node_id(), key.node_id());
        assert_eq!(import(&file, "wrong horse!").unwrap_err(), TransferError::Refused);
    }

    #[test]
    fn broken_files_and_short_passphrases_are_refused() {
        let key = NodeKey::generate();
        assert_eq!(export(&key, "short").unwrap_err(), TransferError::WeakPassphrase);
        assert!(matches!(import("hello", "correct horse"), Err(TransferError::Malformed(_))));
        let other = pem::encode(&pem::Pem::new(LABEL, vec![2; 100]));
        assert_eq!(import(&other, "correct horse").unwrap_err(), TransferError::NewerFormat(2));
        let mut greedy = vec![VERSION];
        greedy.extend_from_slice(&[0xff; 200]);
        let greedy = pem::encode(&pem::Pem::new(LABEL, greedy));
        assert!(matches!(import(&greedy, "correct horse"), Err(TransferError::Malformed(_))));
        let cut = pem::encode(&pem::Pem::new(LABEL, vec![VERSION; 20]));
        assert!(matches!(import(&cut, "correct horse"), Err(TransferError::Malformed(_))));
    }
}
