//! The safety number: what two people compare to know that nobody sits between them.

use std::fmt;

use crate::NodeId;

const CONTEXT: &str = "causeway/safety-number/1";
const GROUPS: usize = 12;
const BYTES_PER_GROUP: usize = 5;

/// A number for a pair of nodes, the same on both sides: twelve groups of five decimal digits, about 199 bits.
///
/// Each group is five bytes, big-endian, modulo 100,000, of BLAKE3 in key derivation mode with the context
/// `causeway/safety-number/1` over the lower and the higher node id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SafetyNumber([u8; GROUPS * BYTES_PER_GROUP]);

impl SafetyNumber {
    /// The number of two nodes, in either order.
    pub fn of(one: NodeId, other: NodeId) -> Self {
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(low.as_bytes()).update(high.as_bytes());
        let mut bytes = [0; GROUPS * BYTES_PER_GROUP];
        hasher.finalize_xof().fill(&mut bytes);
        Self(bytes)
    }

    /// What a QR code of this number holds.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.0.chunks(BYTES_PER_GROUP).enumerate() {
            let value = group.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)) % 100_000;
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{value:05}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_the_same_number_and_others_another() {
        let [a, b, c] = [1, 2, 3].map(|byte| NodeId::from_bytes([byte; 32]));
        assert_eq!(SafetyNumber::of(a, b), SafetyNumber::of(b, a));
        assert_ne!(SafetyNumber::of(a, b), SafetyNumber::of(a, c));
        let text = SafetyNumber::of(a, b).to_string();
        assert_eq!(text.len(), 12 * 5 + 11);
        assert!(text.split(' ').all(|group| group.len() == 5 && group.bytes().all(|b| b.is_ascii_digit())));
    }
}
