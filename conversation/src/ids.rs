//! Names of things: epochs, chain hashes, messages, sessions.

use std::fmt;

use bytes::Bytes;
use identity::NodeId;

const CHAIN_CONTEXT: &str = "causeway/message/1";
const EPOCH_CONTEXT: &str = "causeway/epoch/1";

/// One life of a sender's log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch([u8; 16]);

/// The hash of a message and all before it in its epoch.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

/// The last message of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 when there is none.
    pub through: u64,
    /// Its chain hash; zero bytes when there is none.
    pub hash: ChainHash,
}

/// A message, by its sender's numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// Who wrote it.
    pub sender: NodeId,
    /// For whom.
    pub recipient: NodeId,
    /// The sender's epoch.
    pub epoch: Epoch,
    /// From 1, per sender, epoch and recipient.
    pub sequence: u64,
}

/// A session as both sides name it: 16 random bytes of its opener.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 16]);

impl Epoch {
    /// The `count`-th epoch of one run, from the randomness given at its start.
    pub(crate) fn derive(seed: &[u8; 32], count: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(EPOCH_CONTEXT);
        hasher.update(seed).update(&count.to_le_bytes());
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(bytes)
    }

    /// Takes 16 bytes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As a field of a message.
    pub fn to_bytes(self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }
}

impl SessionId {
    /// Takes 16 random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Takes 16 bytes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As a field of a message.
    pub fn to_bytes(self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }
}

impl ChainHash {
    /// Before the first message.
    pub const START: Self = Self([0; 32]);

    /// Takes 32 bytes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As a field of a message.
    pub fn to_bytes(self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }

    /// The hash of the message that follows, as chat.proto defines it.
    #[must_use]
    pub fn next(self, envelope: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CHAIN_CONTEXT);
        hasher.update(&self.0).update(envelope);
        Self(*hasher.finalize().as_bytes())
    }
}

impl Head {
    /// Before the first message.
    pub const START: Self = Self { through: 0, hash: ChainHash::START };
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({self})")
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(")?;
        hex(&self.0, f)?;
        f.write_str(")")
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainHash(")?;
        hex(&self.0[..8], f)?;
        f.write_str("..)")
    }
}

/// `SENDER-RECIPIENT-EPOCH-SEQUENCE`, ids shortened to 8 characters: unique within any one history.
impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-", self.sender.short(), self.recipient.short())?;
        hex(&self.epoch.0[..6], f)?;
        write!(f, "-{}", self.sequence)
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
