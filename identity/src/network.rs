//! The network a node is in.

use std::fmt;

use bytes::Bytes;
use data_encoding::HEXLOWER;

use crate::record::{InvalidRecord, check_text};

/// The longest name of a network, in bytes.
pub const MAX_NETWORK_NAME_BYTES: usize = 32;

/// The random id of a network, made by its first bridge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId([u8; 16]);

/// A network's name and, once a bridge told it, its id. Same name and other id: two networks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// 1 to 32 bytes of UTF-8 without control characters.
    pub name: String,
    /// Unknown until a bridge of the network was heard.
    pub id: Option<NetworkId>,
}

impl NetworkId {
    /// Takes 16 random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkId({self})")
    }
}

impl Network {
    /// A network of which only the name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), id: None }
    }

    /// As a field of a message.
    pub fn to_proto(&self) -> proto::node::v1::Network {
        let id = self.id.map(|id| Bytes::copy_from_slice(&id.0)).unwrap_or_default();
        proto::node::v1::Network { name: self.name.clone(), id }
    }

    /// Checks a field of a message.
    ///
    /// # Errors
    /// [`InvalidRecord::Field`] for a name out of bounds or an id of another length.
    pub fn from_proto(network: &proto::node::v1::Network) -> Result<Self, InvalidRecord> {
        check_text("network name", &network.name, 1, MAX_NETWORK_NAME_BYTES)?;
        let id = match network.id.len() {
            0 => None,
            _ => Some(NetworkId(
                network.id.as_ref().try_into().map_err(|_| InvalidRecord::Field("network id"))?,
            )),
        };
        Ok(Self { name: network.name.clone(), id })
    }
}
