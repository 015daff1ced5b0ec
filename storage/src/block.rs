//! How records lie in a stored value: many small ones in a block, or one large one in parts.
//!
//! A value is `crc32 ‖ kind ‖ rest`, little-endian, where the checksum also covers the key, and so the log and the
//! position. A block of records goes on with `count: u16`, the end of each record in the payload as `u16`, and the
//! payload; a part with `parts: u16`, `length of the whole record: u32`, and its bytes.

use bytes::Bytes;

use crate::key::{BlockKey, Place};

/// No stored value is longer, bytes. sled moves a leaf above 128 KiB to a blob file that nothing syncs, and a leaf
/// holds up to 19 values for a moment when two of them merge: 20 such values stay below, 8 KiB each would not.
pub(crate) const MAX_VALUE: usize = 6 * 1024;

const KIND_RECORDS: u8 = 1;
const KIND_PART: u8 = 2;
const CRC: usize = 4;
/// Checksum, kind and count.
const RECORDS_HEADER: usize = CRC + 1 + 2;
/// Checksum, kind, number of parts and length of the whole.
const PART_HEADER: usize = CRC + 1 + 2 + 4;
/// Bytes of the table of ends, for each record.
const END: usize = 2;

/// What one part can carry, bytes.
const PART_PAYLOAD: usize = MAX_VALUE - PART_HEADER;

/// A decoded value.
#[derive(Debug, Clone)]
pub(crate) enum Stored {
    Records(Block),
    Part(Part),
}

/// A block of whole records; slices of it share its memory.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) first: u64,
    count: u16,
    value: Bytes,
}

/// One part of a record that is too large for a block.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) parts: u16,
    pub(crate) length: u32,
    pub(crate) payload: Bytes,
}

impl Block {
    pub(crate) fn len(&self) -> u64 {
        u64::from(self.count)
    }

    /// The position of its last record.
    pub(crate) fn last(&self) -> u64 {
        self.first + self.len() - 1
    }

    /// The record at `position`, without copying it.
    pub(crate) fn record(&self, position: u64) -> Option<Bytes> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        if index >= usize::from(self.count) {
            return None;
        }
        let payload = RECORDS_HEADER + END * usize::from(self.count);
        let start = if index == 0 { 0 } else { self.end(index - 1) };
        Some(self.value.slice(payload + start..payload + self.end(index)))
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = Bytes> + '_ {
        (self.first..=self.last()).filter_map(|position| self.record(position))
    }

    fn end(&self, index: usize) -> usize {
        let at = RECORDS_HEADER + END * index;
        usize::from(u16::from_le_bytes([self.value[at], self.value[at + 1]]))
    }

    fn is_sound(&self) -> bool {
        let table = RECORDS_HEADER + END * usize::from(self.count);
        if self.count == 0 || self.value.len() < table || self.first.checked_add(self.len()).is_none() {
            return false;
        }
        let mut before = 0;
        for index in 0..usize::from(self.count) {
            let end = self.end(index);
            if end < before {
                return false;
            }
            before = end;
        }
        table + before == self.value.len()
    }
}

/// Collects records until a block is full.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    records: Vec<Bytes>,
    payload: usize,
}

impl BlockBuilder {
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// Whether `record` still fits.
    pub(crate) fn fits(&self, record: &Bytes) -> bool {
        records_len(self.records.len() + 1, self.payload + record.len()) <= MAX_VALUE
    }

    pub(crate) fn push(&mut self, record: Bytes) {
        self.payload += record.len();
        self.records.push(record);
    }

    /// The value for the block at `place`; the builder is empty again.
    pub(crate) fn finish(&mut self, place: Place) -> Vec<u8> {
        let mut value = Vec::with_capacity(records_len(self.records.len(), self.payload));
        value.extend_from_slice(&[0; CRC]);
        value.push(KIND_RECORDS);
        value.extend_from_slice(&narrow(self.records.len()).to_le_bytes());
        let mut end = 0;
        for record in &self.records {
            end += record.len();
            value.extend_from_slice(&narrow(end).to_le_bytes());
        }
        for record in self.records.drain(..) {
            value.extend_from_slice(&record);
        }
        self.payload = 0;
        seal(&place.key(), value)
    }
}

/// Whether a record of `length` bytes shares a block with others; else it is cut into parts.
pub(crate) fn is_small(length: usize) -> bool {
    records_len(1, length) <= MAX_VALUE
}

/// What a block of these records takes, bytes.
pub(crate) fn records_len(count: usize, payload: usize) -> usize {
    RECORDS_HEADER + END * count + payload
}

/// The values of a large record, in the order of its parts.
pub(crate) fn split(log: u64, position: u64, record: &Bytes) -> Vec<(Place, Vec<u8>)> {
    let parts = narrow(record.len().div_ceil(PART_PAYLOAD));
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    let one = |(index, piece): (usize, &[u8])| {
        let place = Place::new(log, position, narrow(index));
        let mut value = Vec::with_capacity(PART_HEADER + piece.len());
        value.extend_from_slice(&[0; CRC]);
        value.push(KIND_PART);
        value.extend_from_slice(&parts.to_le_bytes());
        value.extend_from_slice(&length.to_le_bytes());
        value.extend_from_slice(piece);
        (place, seal(&place.key(), value))
    };
    record.chunks(PART_PAYLOAD).enumerate().map(one).collect()
}

/// Checks and reads a value; the text says what is wrong with it.
pub(crate) fn decode(place: Place, value: Bytes) -> Result<Stored, &'static str> {
    check(&place.key(), &value)?;
    match value.get(CRC) {
        Some(&KIND_RECORDS) if value.len() >= RECORDS_HEADER => {
            let count = u16::from_le_bytes([value[CRC + 1], value[CRC + 2]]);
            let block = Block { first: place.first, count, value };
            if block.is_sound() { Ok(Stored::Records(block)) } else { Err("the table of a block is wrong") }
        }
        Some(&KIND_PART) if value.len() >= PART_HEADER => {
            let parts = u16::from_le_bytes([value[CRC + 1], value[CRC + 2]]);
            let length = u32::from_le_bytes([value[CRC + 3], value[CRC + 4], value[CRC + 5], value[CRC + 6]]);
            Ok(Stored::Part(Part { parts, length, payload: value.slice(PART_HEADER..) }))
        }
        _ => Err("a stored value is of no known kind"),
    }
}

/// Puts the checksum of key and value into the value's first four bytes.
pub(crate) fn seal(key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    let sum = checksum(key, &value[CRC..]);
    value[..CRC].copy_from_slice(&sum.to_le_bytes());
    value
}

/// Checks what [`seal`] made.
pub(crate) fn check(key: &[u8], value: &[u8]) -> Result<(), &'static str> {
    let Some((sum, rest)) = value.split_first_chunk::<CRC>() else {
        return Err("a stored value is too short");
    };
    if u32::from_le_bytes(*sum) == checksum(key, rest) { Ok(()) } else { Err("a checksum does not match") }
}

fn checksum(key: &[u8], rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(rest);
    hasher.finalize()
}

/// Counts and offsets inside a value are below [`MAX_VALUE`] and parts below [`crate::MAX_RECORD`] / 6 KiB.
fn narrow(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

const _: () = assert!(MAX_VALUE < u16::MAX as usize);
const _: () = assert!(crate::MAX_RECORD.div_ceil(PART_PAYLOAD) < u16::MAX as usize);
const _: () = assert!(size_of::<BlockKey>() == crate::key::BLOCK_KEY_LEN);

#[cfg(test)]
mod tests;
