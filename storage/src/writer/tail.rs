//! The small blocks at the end of a log, which a later commit merges into full ones.

use crate::block::{Block, MAX_VALUE, Stored, decode, records_len};
use crate::engine::Engine;
use crate::fault::Fault;
use crate::head::Head;
use crate::health::Damage;
use crate::key::Place;
use crate::read::{Chunk, find, what};

/// The most small blocks before they are merged: each commit adds one, and merging rewrites them all.
pub(super) const TAIL_BLOCKS: usize = 64;

/// Small blocks from lower to higher positions, without a gap up to the head.
#[derive(Debug, Default)]
pub(super) struct Tail {
    blocks: Vec<Small>,
    count: usize,
    payload: usize,
}

/// A block that has room for more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Small {
    pub(super) first: u64,
    pub(super) count: usize,
    pub(super) payload: usize,
}

impl Small {
    fn of(block: &Block) -> Self {
        let payload = block.records().map(|record| record.len()).sum();
        Self { first: block.first, count: usize::try_from(block.len()).unwrap_or(0), payload }
    }

    /// The length of its value, bytes.
    pub(super) fn size(self) -> usize {
        records_len(self.count, self.payload)
    }

    /// Whether so little fits beside it that it stays as it is.
    pub(super) fn is_full(self) -> bool {
        self.size() * 4 > MAX_VALUE * 3
    }
}

impl Tail {
    /// Reads the tail of a log, and so checks that its last block ends at the head.
    pub(super) fn load(engine: &Engine, log: u64, head: Head) -> Result<Self, Damage> {
        let mut tail = Self::default();
        let mut position = head.head;
        while position >= head.first && tail.blocks.len() < TAIL_BLOCKS {
            let chunk = match find(engine, log, position) {
                Ok(chunk) if chunk.last() == position => chunk,
                // What is whole comes after it: the log goes on, and who reads there is told.
                _ if position < head.head => break,
                Ok(_) => return Err(Damage { position, what: "a block reaches beyond its end".into() }),
                Err(fault) => return Err(Damage { position, what: what(fault) }),
            };
            let Chunk::Block(block) = chunk else { break };
            let small = Small::of(&block);
            if small.is_full() {
                break;
            }
            position = small.first.saturating_sub(1);
            tail.blocks.insert(0, small);
            tail.count += small.count;
            tail.payload += small.payload;
        }
        Ok(tail)
    }

    pub(super) fn blocks(&self) -> &[Small] {
        &self.blocks
    }

    /// Whether another commit of `count` records is merged with what is here: it is if they do not fit into one block
    /// with it, or there are too many blocks; but a lone block that would only be written again stays.
    pub(super) fn is_due(&self, count: usize, payload: usize, first: usize) -> bool {
        let fits = |count: usize, payload: usize| {
            records_len(self.count + count, self.payload + payload) <= MAX_VALUE
        };
        match self.blocks.len() {
            0 => false,
            1 => !fits(count, payload) && fits(1, first),
            blocks => blocks >= TAIL_BLOCKS || !fits(count, payload),
        }
    }

    /// Whether `count` more records are another small block of this tail.
    pub(super) fn has_room(&self, count: usize, payload: usize) -> bool {
        records_len(self.count + count, self.payload + payload) <= MAX_VALUE
    }

    pub(super) fn push(&mut self, small: Small) {
        self.count += small.count;
        self.payload += small.payload;
        self.blocks.push(small);
    }

    /// The blocks themselves.
    pub(super) fn read(&self, engine: &Engine, log: u64) -> Result<Vec<Block>, Fault> {
        let one = |small: &Small| {
            let place = Place::new(log, small.first, 0);
            let value = engine.get(&place.key())?.ok_or_else(|| Fault::damaged("a block is missing"))?;
            match decode(place, value).map_err(Fault::damaged)? {
                Stored::Records(block) => Ok(block),
                Stored::Part(_) => Err(Fault::damaged("a part stands where a block should")),
            }
        };
        self.blocks.iter().map(one).collect()
    }
}
