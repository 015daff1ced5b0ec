//! The head record of a log: its first position, its last, the bytes that its values take, and how often it was cut.

use crate::block::{check, seal};
use crate::key;

/// What a log's head record says. `head` is 0 while nothing was appended; the log is empty when `first > head`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) first: u64,
    pub(crate) head: u64,
    pub(crate) bytes: u64,
    /// Batches that cut its end, ever: by these a cut that was undone is noticed.
    pub(crate) cuts: u64,
}

impl Head {
    pub(crate) const EMPTY: Self = Self { first: 1, head: 0, bytes: 0, cuts: 0 };

    pub(crate) fn encode(self, log: u64) -> Vec<u8> {
        let mut value = vec![0; 4];
        for number in [self.first, self.head, self.bytes, self.cuts] {
            value.extend_from_slice(&number.to_le_bytes());
        }
        seal(&key::head(log), value)
    }

    pub(crate) fn decode(log: u64, value: &[u8]) -> Result<Self, &'static str> {
        check(&key::head(log), value)?;
        let number = |at: usize| {
            let bytes = value.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u64::from_le_bytes).ok_or("a head record is too short")
        };
        Ok(Self { first: number(4)?, head: number(12)?, bytes: number(20)?, cuts: number(28)? })
    }

    /// The number of records.
    pub(crate) fn len(self) -> u64 {
        (self.head + 1).saturating_sub(self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_belongs_to_its_log() {
        let head = Head { first: 3, head: 9, bytes: 77, cuts: 2 };
        assert_eq!(Head::decode(4, &head.encode(4)), Ok(head));
        assert!(Head::decode(5, &head.encode(4)).is_err());
        assert_eq!(head.len(), 7);
        assert_eq!(Head::EMPTY.len(), 0);
    }
}
