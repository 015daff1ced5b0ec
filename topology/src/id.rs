//! Names of logs and positions in them.

use std::fmt;

use bytes::Bytes;
use identity::NodeId;
use proto::log::v1;

/// BLAKE3 output: the hash of a log up to some event.
pub type Hash = [u8; 32];

/// The hash before the first event.
pub const NO_HASH: Hash = [0; 32];

/// One run of a bridge's log: milliseconds since 1970 in 6 bytes, then 10 random bytes. Ordered by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch([u8; 16]);

/// One log: an owner and an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The bridge that appends.
    pub owner: NodeId,
    /// Its run.
    pub epoch: Epoch,
}

/// A position in a log and the hash there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Head {
    /// The log.
    pub log: LogId,
    /// The sequence of the last event; 0 for an empty log.
    pub sequence: u64,
    /// The hash after it.
    pub hash: Hash,
}

/// A field of a message has the wrong length. The sender is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {0} has the wrong length")]
pub struct WrongLength(pub(crate) &'static str);

impl Epoch {
    /// An epoch that begins at `wall_ms` (milliseconds since 1970; negative counts as 0) but after `than`.
    pub fn after(than: Option<Self>, wall_ms: i64, random: [u8; 10]) -> Self {
        let least = than.map_or(0, |epoch| epoch.millis() + 1);
        let millis = u64::try_from(wall_ms).unwrap_or(0).max(least).min((1 << 48) - 1);
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        Self(bytes)
    }

    /// Takes the bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// As a field of a message.
    pub fn to_bytes(self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }

    /// When it began, milliseconds since 1970 by its bridge's clock.
    pub fn millis(&self) -> u64 {
        let mut wide = [0; 8];
        wide[2..].copy_from_slice(&self.0[..6]);
        u64::from_be_bytes(wide)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({self})")
    }
}

impl LogId {
    /// Checks two fields of a message.
    ///
    /// # Errors
    /// [`WrongLength`] names the field.
    pub fn from_fields(owner: &[u8], epoch: &[u8]) -> Result<Self, WrongLength> {
        let owner = NodeId::try_from(owner).map_err(|_| WrongLength("owner"))?;
        let epoch = Epoch(epoch.try_into().map_err(|_| WrongLength("epoch"))?);
        Ok(Self { owner, epoch })
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner.short(), self.epoch)
    }
}

impl Head {
    /// What the owner signs: owner, epoch, sequence (big-endian), hash.
    pub fn signed_body(&self) -> [u8; 88] {
        let mut body = [0; 88];
        body[..32].copy_from_slice(self.log.owner.as_bytes());
        body[32..48].copy_from_slice(self.log.epoch.as_bytes());
        body[48..56].copy_from_slice(&self.sequence.to_be_bytes());
        body[56..].copy_from_slice(&self.hash);
        body
    }

    /// As a message.
    pub fn to_proto(&self) -> v1::Head {
        v1::Head {
            owner: self.log.owner.to_bytes(),
            epoch: self.log.epoch.to_bytes(),
            sequence: self.sequence,
            hash: Bytes::copy_from_slice(&self.hash),
        }
    }

    /// Checks a message.
    ///
    /// # Errors
    /// [`WrongLength`] names the field.
    pub fn from_proto(head: &v1::Head) -> Result<Self, WrongLength> {
        let log = LogId::from_fields(&head.owner, &head.epoch)?;
        Ok(Self { log, sequence: head.sequence, hash: hash(&head.hash)? })
    }
}

pub(crate) fn hash(bytes: &[u8]) -> Result<Hash, WrongLength> {
    bytes.try_into().map_err(|_| WrongLength("hash"))
}
