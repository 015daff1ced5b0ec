//! Who a node is: ids, keys, signatures, signed records, certificates and TLS configurations.
//!
//! A node id is an Ed25519 public key. Whatever a node says is signed with a context string per use and kept as the
//! exact bytes received. TLS certificates are ECDSA P-256, self-signed, and carry an extension in which the node key
//! signs the certificate's public key, so that both ends of a connection know each other's node id.
//!
//! What it is not: any statement about who may do what. A valid signature says who spoke, not whether to obey.
//!
//! | module | contents |
//! |---|---|
//! | [`NodeId`], [`NodeKey`], [`Context`], [`verify`] | keys and signatures |
//! | [`Description`], [`Announcement`] | signed records, verified once and then trusted as types |
//! | [`keyfile`] | the key on disk |
//! | [`transfer`] | export and import under a passphrase |
//! | [`SafetyNumber`] | what two people compare |
//! | `token` (feature `token`) | logins that a dispatcher signs and a peer takes |
//! | `tls` (feature `tls`) | certificates and rustls configurations |
//!
//! ```
//! use identity::{Context, NodeKey, verify};
//!
//! let key = NodeKey::generate();
//! let signature = key.sign(Context::Announcement, b"here");
//! assert!(verify(&key.node_id(), Context::Announcement, b"here", &signature).is_ok());
//! assert!(verify(&key.node_id(), Context::Description, b"here", &signature).is_err());
//! ```

mod announcement;
mod description;
mod key;
pub mod keyfile;
mod network;
mod node_id;
mod record;
mod safety_number;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "token")]
pub mod token;
pub mod transfer;

pub use announcement::{Announcement, MAX_ANNOUNCEMENT_BYTES, MAX_HOMES};
pub use description::{
    Description, MAX_ATTRIBUTE_KEY_BYTES, MAX_ATTRIBUTE_VALUE_BYTES, MAX_ATTRIBUTES, MAX_CERTIFICATE_BYTES,
    MAX_DESCRIPTION_BYTES, MAX_KEEPERS, keepers,
};
pub use key::{BadSignature, Context, NodeKey, SIGNATURE_BYTES, verify};
pub use network::{MAX_NETWORK_NAME_BYTES, Network, NetworkId};
pub use node_id::{InvalidNodeId, NodeId};
pub use record::{InvalidRecord, MAX_NAME_BYTES, check_name};
pub use safety_number::SafetyNumber;
