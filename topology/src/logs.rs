//! The table of logs: where each stands, and how it comes here.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::{Bound, Index, IndexMut},
};

use crate::{Entry, Hash, Hlc, LinkId, LogId, NO_HASH, fork::ForkPoint, limits::COMPARE_BUCKETS};

/// A log's place in the table; used again after the log was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogKey(u32);

impl LogKey {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// One log.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) id: LogId,
    /// The last event that was accepted, durable or not.
    pub(crate) last: u64,
    pub(crate) hash: Hash,
    pub(crate) time: Hlc,
    /// The last event that is durable and ends in a signature: what neighbours are told.
    pub(crate) stored: u64,
    pub(crate) stored_hash: Hash,
    pub(crate) stored_time: Hlc,
    /// The events at its beginning that say again what held before; 0 until the first is durable.
    pub(crate) restates: u64,
    /// Cut here.
    pub(crate) fork: Option<ForkPoint>,
    /// Accepted, not yet durable.
    pub(crate) unstored: VecDeque<Unstored>,
    /// Event bytes accepted in all.
    pub(crate) bytes: u64,
    /// The link that pushes this log to us.
    pub(crate) parent: Option<LinkId>,
    /// `last` when it was found that a neighbour has more.
    pub(crate) checked_at: u64,
}

/// Entries on their way to the disk.
#[derive(Debug)]
pub(crate) struct Unstored {
    pub(crate) first: u64,
    pub(crate) entries: Vec<Entry>,
    /// Of the last entry.
    pub(crate) time: Hlc,
    /// Whom to give credit for them.
    pub(crate) link: Option<LinkId>,
    pub(crate) bytes: usize,
}

/// All logs, by id and by key, with the summary that neighbours compare.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    ids: BTreeMap<LogId, LogKey>,
    slots: Vec<Option<Log>>,
    free: Vec<u32>,
    buckets: [u128; COMPARE_BUCKETS],
}

impl Unstored {
    pub(crate) fn last(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }
}

impl Log {
    /// Whether all that it says again is here. One that was cut will not get more.
    pub(crate) fn is_whole(&self) -> bool {
        self.stored >= self.restates || self.fork.is_some()
    }
}

impl Logs {
    pub(crate) fn key(&self, id: &LogId) -> Option<LogKey> {
        self.ids.get(id).copied()
    }

    pub(crate) fn find(&self, id: &LogId) -> Option<&Log> {
        self.key(id).map(|key| &self[key])
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Keys in the order of log ids.
    pub(crate) fn keys(&self) -> impl Iterator<Item = LogKey> {
        self.ids.values().copied()
    }

    /// Logs after one, in the order of their ids.
    pub(crate) fn after(&self, id: Option<LogId>) -> impl Iterator<Item = &Log> {
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.ids.range((from, Bound::Unbounded)).map(|(_, key)| &self[*key])
    }

    /// Makes place for an empty log.
    pub(crate) fn insert(&mut self, id: LogId, fork: Option<ForkPoint>) -> LogKey {
        let log = Log {
            id,
            last: 0,
            hash: NO_HASH,
            time: Hlc::default(),
            stored: 0,
            stored_hash: NO_HASH,
            stored_time: Hlc::default(),
            restates: 0,
            fork,
            unstored: VecDeque::new(),
            bytes: 0,
            parent: None,
            checked_at: 0,
        };
        let key = self.free.pop().map_or_else(|| LogKey(self.slots.len() as u32), LogKey);
        if key.index() == self.slots.len() {
            self.slots.push(Some(log));
        } else {
            self.slots[key.index()] = Some(log);
        }
        self.ids.insert(id, key);
        key
    }

    /// Forgets a log; gives what was on its way to the disk.
    pub(crate) fn remove(&mut self, key: LogKey) -> Option<Log> {
        let log = self.slots[key.index()].take()?;
        self.toggle(&log.id, log.stored, &log.stored_hash);
        self.ids.remove(&log.id);
        self.free.push(key.0);
        Some(log)
    }

    /// The log is durable up to here.
    pub(crate) fn set_stored(&mut self, key: LogKey, sequence: u64, hash: Hash) {
        let (id, was, was_hash) = (self[key].id, self[key].stored, self[key].stored_hash);
        self.toggle(&id, was, &was_hash);
        self.toggle(&id, sequence, &hash);
        let log = &mut self[key];
        (log.stored, log.stored_hash) = (sequence, hash);
    }

    /// The summary of all durable heads.
    pub(crate) fn buckets(&self) -> &[u128; COMPARE_BUCKETS] {
        &self.buckets
    }

    fn toggle(&mut self, id: &LogId, last: u64, hash: &Hash) {
        if last == 0 {
            return;
        }
        let mut bytes = [0; 88];
        bytes[..32].copy_from_slice(id.owner.as_bytes());
        bytes[32..48].copy_from_slice(id.epoch.as_bytes());
        bytes[48..56].copy_from_slice(&last.to_be_bytes());
        bytes[56..].copy_from_slice(hash);
        let digest = blake3::hash(&bytes);
        let mut short = [0; 16];
        short.copy_from_slice(&digest.as_bytes()[..16]);
        self.buckets[bucket(id)] ^= u128::from_be_bytes(short);
    }
}

/// The bucket a log belongs to.
pub(crate) fn bucket(id: &LogId) -> usize {
    usize::from(id.owner.as_bytes()[0]) % COMPARE_BUCKETS
}

impl Index<LogKey> for Logs {
    type Output = Log;

    fn index(&self, key: LogKey) -> &Log {
        self.slots[key.index()].as_ref().expect("keys are dropped with their logs")
    }
}

impl IndexMut<LogKey> for Logs {
    fn index_mut(&mut self, key: LogKey) -> &mut Log {
        self.slots[key.index()].as_mut().expect("keys are dropped with their logs")
    }
}
