//! Keys of the one sled tree: a tag, then big-endian numbers, so that byte order is log order.

/// `NAME ‖ name` holds the id of a log.
const NAME: u8 = 1;
/// `BLOCK ‖ id ‖ first position ‖ part` holds records.
const BLOCK: u8 = 2;
/// `HEAD ‖ id` holds first position, head and size of a log.
const HEAD: u8 = 3;
/// `DEAD ‖ id` says that the records of this log are to be removed.
const DEAD: u8 = 4;

/// Length of a block's key; at most 22 bytes stay inline in sled's memory.
pub(crate) const BLOCK_KEY_LEN: usize = 19;

/// The key of one block.
pub(crate) type BlockKey = [u8; BLOCK_KEY_LEN];

/// Where a block lies: read out of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) log: u64,
    pub(crate) first: u64,
    pub(crate) part: u16,
}

impl Place {
    pub(crate) fn new(log: u64, first: u64, part: u16) -> Self {
        Self { log, first, part }
    }

    /// The last place that a record at `position` can have.
    pub(crate) fn ceiling(log: u64, position: u64) -> Self {
        Self::new(log, position, u16::MAX)
    }

    pub(crate) fn key(self) -> BlockKey {
        let mut key = [BLOCK; BLOCK_KEY_LEN];
        key[1..9].copy_from_slice(&self.log.to_be_bytes());
        key[9..17].copy_from_slice(&self.first.to_be_bytes());
        key[17..].copy_from_slice(&self.part.to_be_bytes());
        key
    }

    pub(crate) fn parse(key: &[u8]) -> Option<Self> {
        if key.len() != BLOCK_KEY_LEN || key[0] != BLOCK {
            return None;
        }
        let log = u64::from_be_bytes(key[1..9].try_into().ok()?);
        let first = u64::from_be_bytes(key[9..17].try_into().ok()?);
        let part = u16::from_be_bytes(key[17..].try_into().ok()?);
        Some(Self { log, first, part })
    }
}

pub(crate) fn name(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + name.len());
    key.push(NAME);
    key.extend_from_slice(name.as_bytes());
    key
}

pub(crate) fn parse_name(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(&[NAME])?).ok()
}

pub(crate) fn head(log: u64) -> [u8; 9] {
    tagged(HEAD, log)
}

pub(crate) fn dead(log: u64) -> [u8; 9] {
    tagged(DEAD, log)
}

pub(crate) fn parse_dead(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.strip_prefix(&[DEAD])?.try_into().ok()?))
}

pub(crate) fn names() -> [u8; 1] {
    [NAME]
}

pub(crate) fn all_dead() -> [u8; 1] {
    [DEAD]
}

fn tagged(tag: u8, log: u64) -> [u8; 9] {
    let mut key = [tag; 9];
    key[1..].copy_from_slice(&log.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_key_and_keeps_its_order() {
        let low = Place::new(7, 255, 3);
        let high = Place::new(7, 256, 0);
        assert_eq!(Place::parse(&low.key()), Some(low));
        assert!(low.key() < high.key() && low.key() < Place::ceiling(7, 255).key());
        assert_eq!(Place::parse(&head(7)), None);
    }
}
