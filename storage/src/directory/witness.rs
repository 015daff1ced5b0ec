//! The file `heads`: how far each log was acknowledged, kept beside sled's data.
//!
//! sled recovers from a cut file by going back to what is whole, and says nothing. So after each sync, the new heads
//! are written here too. This file is not synced at every commit: it is never ahead of the data, even after a power
//! loss, and at kill -9 it is exact; so a head that is here and not there means that records were lost.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::block::{check, seal};
use crate::options::MAX_NAME;

/// The size of a slot, bytes: a power of two, so that none lies in two sectors.
const SLOT: usize = 256;
/// Checksum, id, head, cuts, lowest cut, base, length of the name.
const FIXED: usize = 4 + 5 * 8 + 1;
/// The most slots that are read; far above [`crate::Options::max_logs`] as it is by default.
const MAX_SLOTS: u64 = 1 << 20;

/// What a slot says of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Witnessed {
    pub(crate) log: u64,
    pub(crate) name: String,
    pub(crate) mark: Mark,
}

/// How far a log was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) head: u64,
    /// As [`crate::head::Head::cuts`].
    pub(crate) cuts: u64,
    /// The lowest position that a cut left as the last one, of all cuts after the first `base`.
    pub(crate) low: u64,
    /// So many cuts were found in the database when it was opened.
    pub(crate) base: u64,
}

impl Mark {
    pub(crate) const NONE: Self = Self { head: 0, cuts: 0, low: u64::MAX, base: 0 };
}

/// The open file, and which slot belongs to which log.
#[derive(Debug)]
pub(crate) struct Witness {
    file: File,
    slots: HashMap<u64, u64>,
    free: Vec<u64>,
    next: u64,
    /// What could not be written so far.
    dirty: HashMap<u64, Vec<u8>>,
}

impl Witness {
    /// Opens or creates the file, and reads what it says. A slot that cannot be read says nothing: the store's own
    /// heads stand, only a loss could not be noticed.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Vec<Witnessed>)> {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
        let mut bytes = Vec::new();
        (&file).take(MAX_SLOTS * SLOT as u64).read_to_end(&mut bytes)?;
        let mut witness =
            Self { file, slots: HashMap::new(), free: Vec::new(), next: 0, dirty: HashMap::new() };
        let mut said = Vec::new();
        for slot in bytes.chunks(SLOT) {
            match decode(witness.next, slot) {
                Some(one) if !witness.slots.contains_key(&one.log) => {
                    witness.slots.insert(one.log, witness.next);
                    said.push(one);
                }
                _ => witness.free.push(witness.next),
            }
            witness.next += 1;
        }
        Ok((witness, said))
    }

    /// Notes the head of a log; [`Self::write`] puts it into the file.
    pub(crate) fn note(&mut self, log: u64, name: &str, mark: Mark) {
        let slot = match self.slots.get(&log) {
            Some(&slot) => slot,
            None => self.claim(log),
        };
        self.dirty.insert(slot, encode(slot, log, name, mark));
    }

    /// Forgets a log.
    pub(crate) fn forget(&mut self, log: u64) {
        if let Some(slot) = self.slots.remove(&log) {
            self.dirty.insert(slot, vec![0; SLOT]);
            self.free.push(slot);
        }
    }

    /// Writes what was noted. What fails stays noted for the next time.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        while let Some(&slot) = self.dirty.keys().next() {
            self.file.write_all_at(&self.dirty[&slot], slot * SLOT as u64)?;
            self.dirty.remove(&slot);
        }
        Ok(())
    }

    /// Writes what was noted and syncs: before a head goes back, so that no loss is seen where there was none.
    pub(crate) fn write_and_sync(&mut self) -> io::Result<()> {
        self.write()?;
        self.file.sync_data()
    }

    fn claim(&mut self, log: u64) -> u64 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.slots.insert(log, slot);
        slot
    }
}

fn encode(slot: u64, log: u64, name: &str, mark: Mark) -> Vec<u8> {
    let name = &name.as_bytes()[..name.len().min(MAX_NAME)];
    let mut bytes = Vec::with_capacity(SLOT);
    bytes.extend_from_slice(&[0; 4]);
    for number in [log, mark.head, mark.cuts, mark.low, mark.base] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.push(u8::try_from(name.len()).unwrap_or(0));
    bytes.extend_from_slice(name);
    bytes.resize(SLOT, 0);
    seal(&slot.to_le_bytes(), bytes)
}

fn decode(slot: u64, bytes: &[u8]) -> Option<Witnessed> {
    if bytes.len() != SLOT {
        return None;
    }
    check(&slot.to_le_bytes(), bytes).ok()?;
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let name = bytes.get(FIXED..FIXED + usize::from(bytes[FIXED - 1]))?;
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
    let mark = Mark { head: number(12)?, cuts: number(20)?, low: number(28)?, base: number(36)? };
    Some(Witnessed { log: number(4)?, name: name.to_owned(), mark })
}

const _: () = assert!(FIXED + MAX_NAME <= SLOT);

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(head: u64) -> Mark {
        Mark { head, cuts: 2, low: 1, base: 1 }
    }

    #[test]
    fn what_was_noted_is_said_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heads");
        let (mut witness, said) = Witness::open(&path).unwrap();
        assert_eq!(said, []);
        witness.note(1, "one", mark(5));
        witness.note(2, "two", mark(6));
        witness.note(1, "one", mark(7));
        witness.write().unwrap();
        witness.forget(2);
        witness.note(3, "three", mark(1));
        witness.write_and_sync().unwrap();
        let (_, said) = Witness::open(&path).unwrap();
        let said: Vec<_> = said.iter().map(|one| (one.log, one.name.as_str(), one.mark)).collect();
        assert_eq!(said, [(1, "one", mark(7)), (3, "three", mark(1))]);
    }

    #[test]
    fn a_broken_slot_says_nothing_and_is_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heads");
        let (mut witness, _) = Witness::open(&path).unwrap();
        witness.note(1, "one", mark(5));
        witness.note(2, "two", mark(6));
        witness.write().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[15] ^= 1;
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let (mut witness, said) = Witness::open(&path).unwrap();
        assert_eq!(said, []);
        witness.note(9, "nine", mark(1));
        witness.write().unwrap();
        assert_eq!(Witness::open(&path).unwrap().1.len(), 1);
    }
}
