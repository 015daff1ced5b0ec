//! The node id: an Ed25519 public key, written as a DNS label.

use std::{cmp::Ordering, fmt, str::FromStr};

use bytes::Bytes;
use data_encoding::BASE32_NOPAD;

/// A node's Ed25519 public key, 32 bytes.
///
/// As text it is base32 (RFC 4648) in lower case without padding, 52 characters: a DNS label.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId([u8; 32]);

/// What was given is not a node id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a node id: a node id is 52 characters of a-z and 2-7, as `causeway id` prints it")]
pub struct InvalidNodeId;

impl NodeId {
    /// The length of a node id as text.
    pub const TEXT_LENGTH: usize = 52;

    /// Takes the bytes of a public key. Whether they are a point of the curve shows when a signature is verified.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The public key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    #[inline]
    fn beginning(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The public key as a field of a message.
    pub fn to_bytes(self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }

    /// The first eight characters, for logs and tables.
    pub fn short(&self) -> impl fmt::Display + use<> {
        let mut text = self.to_string();
        text.truncate(8);
        text
    }
}

impl Ord for NodeId {
    /// As their bytes are. Two ids nearly always differ within the first eight, which compare as one number: a bridge with a
    /// thousand others looks ids up several times for each event.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.beginning().cmp(&other.beginning()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for NodeId {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<&[u8]> for NodeId {
    type Error = InvalidNodeId;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidNodeId> {
        bytes.try_into().map(Self).map_err(|_| InvalidNodeId)
    }
}

impl TryFrom<&Bytes> for NodeId {
    type Error = InvalidNodeId;

    fn try_from(bytes: &Bytes) -> Result<Self, InvalidNodeId> {
        Self::try_from(bytes.as_ref())
    }
}

impl FromStr for NodeId {
    type Err = InvalidNodeId;

    fn from_str(text: &str) -> Result<Self, InvalidNodeId> {
        if text.len() != Self::TEXT_LENGTH {
            return Err(InvalidNodeId);
        }
        let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).map_err(|_| InvalidNodeId)?;
        Self::try_from(bytes.as_slice())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = BASE32_NOPAD.encode(&self.0);
        text.make_ascii_lowercase();
        f.pad(&text)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({})", self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back_is_the_same_id() {
        let id = NodeId::from_bytes([7; 32]);
        let text = id.to_string();
        assert_eq!(text.len(), NodeId::TEXT_LENGTH);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_uppercase().parse(), Ok(id));
    }

    #[test]
    fn ids_are_in_the_order_of_their_bytes() {
        let low_and_high = |place: usize| {
            let [mut low, mut high] = [[128; 32]; 2];
            (low[place], high[place]) = (1, 255);
            // What comes later says nothing any more.
            if place < 31 {
                (low[31], high[31]) = (255, 1);
            }
            (NodeId::from_bytes(low), NodeId::from_bytes(high))
        };
        for (low, high) in (0..32).map(low_and_high) {
            assert_eq!((low.cmp(&high), high.cmp(&low)), (Ordering::Less, Ordering::Greater));
            assert_eq!(low.cmp(&low), Ordering::Equal);
        }
    }

    #[test]
    fn wrong_texts_are_refused() {
        for text in ["", "abc", &"1".repeat(52), &"a".repeat(53), &"é".repeat(26)] {
            assert_eq!(text.parse::<NodeId>(), Err(InvalidNodeId), "{text}");
        }
    }
}
