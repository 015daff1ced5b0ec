//! Packing new records of one log into blocks, together with its tail when that is due.

use bytes::Bytes;

use crate::block::{BlockBuilder, is_small, split};
use crate::engine::Engine;
use crate::fault::Fault;
use crate::key::Place;
use crate::writer::tail::{Small, Tail};

/// What one commit changes in one log.
#[derive(Debug, Default)]
pub(super) struct Packed {
    pub(super) removed: Vec<Place>,
    pub(super) written: Vec<(Place, Vec<u8>)>,
    pub(super) tail: Tail,
    /// Bytes of the values that go, and of those that come.
    pub(super) freed: u64,
    pub(super) added: u64,
}

/// Packs `records`, whose first gets the position `next`.
pub(super) fn pack(
    engine: &Engine,
    log: u64,
    tail: Tail,
    next: u64,
    records: Vec<Bytes>,
) -> Result<Packed, Fault> {
    let payload = records.iter().map(Bytes::len).sum();
    let first = records.first().map_or(0, Bytes::len);
    if !tail.is_due(records.len(), payload, first) {
        let continues = tail.has_room(records.len(), payload);
        let tail = if continues { tail } else { Tail::default() };
        return Ok(Packer::new(log, next, tail).pack(records));
    }
    let blocks = tail.read(engine, log)?;
    let begin = tail.blocks().first().map_or(next, |small| small.first);
    let mut packer = Packer::new(log, begin, Tail::default());
    packer.packed.removed = blocks.iter().map(|block| Place::new(log, block.first, 0)).collect();
    packer.packed.freed = tail.blocks().iter().map(|small| small.size() as u64).sum();
    let merged = blocks.iter().flat_map(|block| block.records().collect::<Vec<_>>()).chain(records);
    Ok(packer.pack(merged))
}

/// Fills blocks one after the other.
struct Packer {
    log: u64,
    /// The position of the first record in the builder.
    first: u64,
    builder: BlockBuilder,
    payload: usize,
    packed: Packed,
}

impl Packer {
    fn new(log: u64, first: u64, tail: Tail) -> Self {
        let packed = Packed { tail, ..Packed::default() };
        Self { log, first, builder: BlockBuilder::default(), payload: 0, packed }
    }

    fn pack(mut self, records: impl IntoIterator<Item = Bytes>) -> Packed {
        for record in records {
            if !is_small(record.len()) {
                self.seal();
                self.split(&record);
                continue;
            }
            if !self.builder.fits(&record) {
                self.seal();
            }
            self.payload += record.len();
            self.builder.push(record);
        }
        self.end();
        self.packed
    }

    /// Writes a block that nothing is added to.
    fn seal(&mut self) {
        self.write();
        self.packed.tail = Tail::default();
    }

    /// Writes the last block, which becomes part of the tail if it is small.
    fn end(&mut self) {
        match self.write() {
            Some(small) if small.is_full() && self.packed.tail.blocks().is_empty() => {
                self.packed.tail = Tail::default();
            }
            Some(small) => self.packed.tail.push(small),
            None => {}
        }
    }

    fn write(&mut self) -> Option<Small> {
        if self.builder.is_empty() {
            return None;
        }
        let count = self.builder.len();
        let small =
            Small { first: self.first, count: usize::try_from(count).unwrap_or(0), payload: self.payload };
        let place = Place::new(self.log, self.first, 0);
        let value = self.builder.finish(place);
        self.add(place, value);
        self.first += count;
        self.payload = 0;
        Some(small)
    }

    fn split(&mut self, record: &Bytes) {
        for (place, value) in split(self.log, self.first, record) {
            self.add(place, value);
        }
        self.first += 1;
    }

    fn add(&mut self, place: Place, value: Vec<u8>) {
        self.packed.added += value.len() as u64;
        self.packed.written.push((place, value));
    }
}
