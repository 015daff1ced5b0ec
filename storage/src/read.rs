//! Finding and checking what lies at a position.

use std::sync::PoisonError;

use bytes::{Bytes, BytesMut};

use crate::block::{Block, Part, Stored, decode};
use crate::engine::Engine;
use crate::error::ReadError;
use crate::fault::Fault;
use crate::health::Health;
use crate::key::Place;
use crate::log::state::LogState;
use crate::metrics::add;
use crate::options::MAX_RECORD;
use crate::shared::Shared;
use crate::sync::{lock, read};

/// Consecutive records: a block, or one large record.
#[derive(Debug, Clone)]
pub(crate) enum Chunk {
    Block(Block),
    Large { position: u64, record: Bytes },
}

impl Chunk {
    pub(crate) fn first(&self) -> u64 {
        match self {
            Self::Block(block) => block.first,
            Self::Large { position, .. } => *position,
        }
    }

    pub(crate) fn last(&self) -> u64 {
        match self {
            Self::Block(block) => block.last(),
            Self::Large { position, .. } => *position,
        }
    }

    pub(crate) fn record(&self, at: u64) -> Option<Bytes> {
        match self {
            Self::Block(block) => block.record(at),
            Self::Large { position, record } => (*position == at).then(|| record.clone()),
        }
    }
}

/// The chunk that holds `position`, which the log's view says is there.
pub(crate) fn chunk_at(shared: &Shared, log: &LogState, position: u64) -> Result<Chunk, ReadError> {
    let engine = read(&shared.engine);
    let Some(engine) = engine.as_ref() else { return Err(unavailable(&health(shared))) };
    let fault = match find(engine, log.id, position) {
        Ok(chunk) => return Ok(chunk),
        // A batch may have been half visible, or may have cut the log: look again while none is under way.
        Err(_) => {
            let _no_batch = shared.batch.lock().unwrap_or_else(PoisonError::into_inner);
            still_there(log, position)?;
            match find(engine, log.id, position) {
                Ok(chunk) => return Ok(chunk),
                Err(fault) => fault,
            }
        }
    };
    // A database that failed in the middle of a batch shows half of it, until it is opened again.
    let health = health(shared);
    if matches!(health, Health::Failed { .. } | Health::ReadOnly) {
        return Err(unavailable(&health));
    }
    add(&shared.counters.damaged_reads, 1);
    Err(ReadError::Damaged { log: log.name.clone(), position, what: what(fault) })
}

/// The chunk that holds `position`, or what is wrong there.
pub(crate) fn find(engine: &Engine, log: u64, position: u64) -> Result<Chunk, Fault> {
    let Some((place, value)) = engine.floor(Place::ceiling(log, position))? else {
        return Err(Fault::damaged("the record is missing"));
    };
    match decode(place, value).map_err(Fault::damaged)? {
        Stored::Records(block) if block.last() >= position => Ok(Chunk::Block(block)),
        Stored::Part(last) if place.first == position => whole(engine, place, &last),
        Stored::Records(_) | Stored::Part(_) => Err(Fault::damaged("the record is missing")),
    }
}

/// Puts the parts of a large record together.
fn whole(engine: &Engine, last: Place, part: &Part) -> Result<Chunk, Fault> {
    let length = usize::try_from(part.length).unwrap_or(usize::MAX);
    if length > MAX_RECORD || u32::from(last.part) + 1 != u32::from(part.parts) {
        return Err(Fault::damaged("parts of a large record are missing"));
    }
    let begin = Place::new(last.log, last.first, 0);
    let found = engine.forward(begin, last, usize::from(part.parts))?;
    let mut record = BytesMut::with_capacity(length);
    for (index, (place, value)) in found.into_iter().enumerate() {
        match decode(place, value).map_err(Fault::damaged)? {
            Stored::Part(one) if usize::from(place.part) == index && one.length == part.length => {
                record.extend_from_slice(&one.payload);
            }
            Stored::Part(_) | Stored::Records(_) => {
                return Err(Fault::damaged("a part of a large record is missing"));
            }
        }
    }
    if record.len() != length {
        return Err(Fault::damaged("a large record has the wrong length"));
    }
    Ok(Chunk::Large { position: last.first, record: record.freeze() })
}

/// Whether the log still claims to hold `position`.
fn still_there(log: &LogState, position: u64) -> Result<(), ReadError> {
    let view = log.view();
    if view.removed {
        return Err(ReadError::Removed);
    }
    if position < view.head.first || position > view.head.head {
        return Err(ReadError::Cut { first: view.head.first, head: view.head.head });
    }
    Ok(())
}

pub(crate) fn what(fault: Fault) -> String {
    match fault {
        Fault::Damaged { offset: None, what } => what,
        Fault::Damaged { offset: Some(at), what } => format!("{what} (byte {at} of the data file)"),
        other => other.to_string(),
    }
}

/// A copy, so that nobody holds the lock while looking at it.
fn health(shared: &Shared) -> Health {
    lock(&shared.health).clone()
}

fn unavailable(health: &Health) -> ReadError {
    match health {
        Health::Failed { reason } => ReadError::Unavailable { reason: reason.clone() },
        Health::Full { .. } => ReadError::Unavailable { reason: "the disk is full".into() },
        Health::ReadOnly => ReadError::Unavailable { reason: "the file system is read-only".into() },
        Health::Ok => ReadError::Closed,
    }
}
