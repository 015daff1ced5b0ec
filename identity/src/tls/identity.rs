//! A node's whole identity: its key, and beside it the TLS key and certificate.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{
    CertificateError,
    certificate::{issue, node_of_certificate},
};
use crate::{
    NodeId, NodeKey,
    keyfile::{self, KeyFileError},
};

const TLS_KEY_FILE: &str = "tls.key";
const TLS_CERTIFICATE_FILE: &str = "tls.crt";
const CERTIFICATE_LABEL: &str = "CERTIFICATE";

/// Why an identity could not be loaded or made. Existing files stay as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The node key or a file beside it.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The certificate could not be made.
    #[error("cannot make the TLS certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// The key of a node with its TLS key and certificate. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: NodeKey,
    tls_key: KeyPair,
    certificate: Bytes,
}

impl Identity {
    /// Reads the identity of a data directory, and makes what is missing of it.
    ///
    /// # Errors
    /// [`IdentityError`]; existing files stay as they are.
    pub fn load_or_create(data: &Path) -> Result<Self, IdentityError> {
        let key = keyfile::load_or_create(data)?;
        let folder = data.join(keyfile::FOLDER);
        let tls_key = load_or_create_tls_key(&folder.join(TLS_KEY_FILE))?;
        let certificate = load_or_issue(&folder.join(TLS_CERTIFICATE_FILE), &key, &tls_key)?;
        Ok(Self(Arc::new(Inner { key, tls_key, certificate })))
    }

    /// An identity that lives in memory only.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`].
    pub fn ephemeral() -> Result<Self, IdentityError> {
        Self::of_key(NodeKey::generate())
    }

    /// A fresh TLS key and certificate in memory for a node key.
    ///
    /// # Errors
    /// [`IdentityError::Certificate`].
    pub fn of_key(key: NodeKey) -> Result<Self, IdentityError> {
        let tls_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = issue(&key, &tls_key)?;
        Ok(Self(Arc::new(Inner { key, tls_key, certificate })))
    }

    /// The node id.
    pub fn id(&self) -> NodeId {
        self.0.key.node_id()
    }

    /// The node key.
    pub fn key(&self) -> &NodeKey {
        &self.0.key
    }

    /// The TLS certificate, DER, as descriptions carry it.
    pub fn certificate(&self) -> &Bytes {
        &self.0.certificate
    }

    pub(super) fn certificate_chain(&self) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from(self.0.certificate.to_vec())]
    }

    pub(super) fn tls_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.0.tls_key.serialize_der()))
    }
}

fn load_or_create_tls_key(path: &Path) -> Result<KeyPair, IdentityError> {
    match keyfile::read_secret(path) {
        Ok(pem) => {
            let text = String::from_utf8_lossy(&pem);
            KeyPair::from_pem(&text).map_err(|error| damaged(path, error.to_string()))
        }
        Err(KeyFileError::Missing { .. }) => {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            match keyfile::write_secret(path, key.serialize_pem().as_bytes()) {
                Err(KeyFileError::Exists { .. }) => load_or_create_tls_key(path),
                stored => Ok(stored.map(|()| key)?),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn load_or_issue(path: &Path, key: &NodeKey, tls_key: &KeyPair) -> Result<Bytes, IdentityError> {
    match keyfile::read_secret(path) {
        Ok(text) => {
            let certificate =
                pem::parse(text).map_err(|error| damaged(path, error.to_string()))?.into_contents();
            let node = node_of_certificate(&certificate).map_err(|error| damaged(path, error.to_string()))?;
            if node != key.node_id() {
                return Err(damaged(path, CertificateError::Forged.to_string()));
            }
            Ok(certificate.into())
        }
        Err(KeyFileError::Missing { .. }) => {
            let certificate = issue(key, tls_key)?;
            let text = pem::encode(&pem::Pem::new(CERTIFICATE_LABEL, certificate.to_vec()));
            match keyfile::write_secret(path, text.as_bytes()) {
                Err(KeyFileError::Exists { .. }) => load_or_issue(path, key, tls_key),
                stored => Ok(stored.map(|()| certificate)?),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn damaged(path: &Path, what: String) -> IdentityError {
    KeyFileError::Damaged { path: path.into(), what }.into()
}
