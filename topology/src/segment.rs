//! Runs of events: the hash chain, the check of a segment, and packing one.

use bytes::Bytes;
use proto::log::v1::{self, Kind};

use crate::{
    Entry, Hash, Head, Hlc, LogId, Verifier, WrongLength,
    event::{BadEvent, Event, Fact},
    id,
    limits::{MAX_SEGMENT_BYTES, MAX_SEGMENT_EVENTS},
};

/// A segment that is refused. Nothing of it was taken over; whoever sent it is at fault, for it should have checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSegment {
    /// A field of a wrong length.
    #[error(transparent)]
    Field(#[from] WrongLength),
    /// No events, too many, too many bytes of them, or numbers that no log reaches.
    #[error("a segment of {events} events and {bytes} bytes is out of bounds")]
    Size {
        /// Events.
        events: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// An event that cannot be read.
    #[error(transparent)]
    Event(#[from] BadEvent),
    /// A sequence that does not follow the one before.
    #[error("event {expected} was expected, event {found} was found")]
    Gap {
        /// The next one.
        expected: u64,
        /// The one in its place.
        found: u64,
    },
    /// Time goes back.
    #[error("the time of event {0} does not lie after that of the event before")]
    Time(u64),
    /// Event 1 must be, and only event 1 may be, the start of this epoch.
    #[error("event {0} is not a bridge's start where it must be one, or is one where it must not")]
    Start(u64),
    /// The head's signature does not hold: an event was changed, or the owner never signed this.
    #[error("the owner's signature of the head at event {0} does not hold")]
    Signature(u64),
}

/// A segment whose structure and chain were computed; the signature is checked apart.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) log: LogId,
    pub(crate) first: u64,
    pub(crate) previous: Hash,
    pub(crate) entries: Vec<Entry>,
    /// Unless events before it were skipped: then it is known to follow.
    pub(crate) first_time: Option<Hlc>,
    pub(crate) last_time: Hlc,
    signature: Bytes,
}

/// The digest of an event's bytes.
pub fn digest(event: &[u8]) -> Hash {
    *blake3::hash(event).as_bytes()
}

/// The hash of a log after an event, from the hash before it and the event's digest.
pub fn chain(previous: &Hash, digest: &Hash) -> Hash {
    let mut both = [0; 64];
    both[..32].copy_from_slice(previous);
    both[32..].copy_from_slice(digest);
    *blake3::hash(&both).as_bytes()
}

impl Run {
    /// Computes the chain and checks everything but the signature.
    pub(crate) fn read(segment: &v1::Segment) -> Result<Self, BadSegment> {
        let log = LogId::from_fields(&segment.owner, &segment.epoch)?;
        let previous = id::hash(&segment.previous)?;
        let bytes = segment.events.iter().map(Bytes::len).sum();
        let events = segment.events.len();
        let in_bounds = (1..=MAX_SEGMENT_EVENTS).contains(&events) && bytes <= MAX_SEGMENT_BYTES;
        if !in_bounds || segment.first == 0 || segment.first.checked_add(events as u64).is_none() {
            return Err(BadSegment::Size { events, bytes });
        }
        let mut chain = Chain { log, sequence: segment.first - 1, hash: previous, time: Hlc::default() };
        let mut entries = Vec::with_capacity(events);
        let mut first_time = None;
        for bytes in &segment.events {
            let event = chain.push(bytes)?;
            first_time.get_or_insert(event.time);
            entries.push(Entry { event: bytes.clone(), hash: chain.hash, signature: Bytes::new() });
        }
        if let Some(last) = entries.last_mut() {
            last.signature = segment.signature.clone();
        }
        let (first, signature) = (segment.first, segment.signature.clone());
        Ok(Self { log, first, previous, entries, first_time, last_time: chain.time, signature })
    }

    /// The sequence of the last event.
    pub(crate) fn last(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    /// Bytes of its events.
    pub(crate) fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.event.len() as u64).sum()
    }

    /// The hash after `sequence`, if that lies in or just before the run.
    pub(crate) fn hash_at(&self, sequence: u64) -> Option<Hash> {
        if sequence + 1 == self.first {
            return Some(self.previous);
        }
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.entries.get(index).map(|entry| entry.hash)
    }

    /// The head at the end.
    pub(crate) fn head(&self) -> Head {
        let hash = self.entries.last().map_or(self.previous, |entry| entry.hash);
        Head { log: self.log, sequence: self.last(), hash }
    }

    /// Checks that the owner signed the head.
    pub(crate) fn verify(&self, verifier: &dyn Verifier) -> Result<(), BadSegment> {
        let body = self.head().signed_body();
        if verifier.head(&self.log.owner, &body, &self.signature) {
            Ok(())
        } else {
            Err(BadSegment::Signature(self.last()))
        }
    }

    /// Drops the events up to `sequence`.
    pub(crate) fn skip_to(&mut self, sequence: u64) {
        let known = usize::try_from((sequence + 1).saturating_sub(self.first)).unwrap_or(usize::MAX);
        if let Some(hash) = self.hash_at(sequence) {
            self.entries.drain(..known.min(self.entries.len()));
            if known > 0 {
                self.first_time = None;
            }
            (self.previous, self.first) = (hash, sequence + 1);
        }
    }
}

/// A position in a log that moves forward event by event.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) log: LogId,
    pub(crate) sequence: u64,
    pub(crate) hash: Hash,
    pub(crate) time: Hlc,
}

impl Chain {
    /// Takes the next event's bytes: checks order, time and the place of the start, and computes the hash.
    pub(crate) fn push(&mut self, bytes: &Bytes) -> Result<Event, BadSegment> {
        let event = Event::decode(bytes)?;
        let expected = self.sequence + 1;
        if event.sequence != expected {
            return Err(BadSegment::Gap { expected, found: event.sequence });
        }
        if event.time <= self.time {
            return Err(BadSegment::Time(expected));
        }
        let starts = event.known_kind() == Some(Kind::BridgeStarted);
        if starts != (expected == 1) || (starts && !begins(&event, &self.log)) {
            return Err(BadSegment::Start(expected));
        }
        self.hash = chain(&self.hash, &digest(bytes));
        (self.sequence, self.time) = (expected, event.time);
        Ok(event)
    }
}

fn begins(event: &Event, log: &LogId) -> bool {
    matches!(event.fact(), Some(Fact::Started(started)) if started.epoch.as_ref() == log.epoch.as_bytes())
}

/// Checks a segment completely, as a bridge does before it stores one: structure, chain and signature.
///
/// # Errors
/// [`BadSegment`] says what does not hold.
pub fn check(segment: &v1::Segment, verifier: &dyn Verifier) -> Result<Head, BadSegment> {
    let run = Run::read(segment)?;
    run.verify(verifier)?;
    Ok(run.head())
}

/// The longest segment out of stored entries that ends where the owner signed, or at `end` (a proven fork's edge).
pub(crate) fn pack(
    log: &LogId,
    first: u64,
    previous: &Hash,
    entries: &[Entry],
    end: Option<u64>,
) -> Option<v1::Segment> {
    let mut bytes = 0;
    let mut take = 0;
    for (index, entry) in entries.iter().take(MAX_SEGMENT_EVENTS).enumerate() {
        bytes += entry.event.len();
        if bytes > MAX_SEGMENT_BYTES {
            break;
        }
        if !entry.signature.is_empty() || end == Some(first + index as u64) {
            take = index + 1;
        }
    }
    let last = entries[..take].last()?;
    Some(v1::Segment {
        owner: log.owner.to_bytes(),
        epoch: log.epoch.to_bytes(),
        first,
        previous: Bytes::copy_from_slice(previous),
        events: entries[..take].iter().map(|entry| entry.event.clone()).collect(),
        signature: last.signature.clone(),
    })
}
