//! Where logs lie that are looked back at.

use bytes::Bytes;

use crate::{Event, History, Hlc, LogId, Snapshot, event::Fact};

/// Logs at rest.
pub trait Archive: History + Sync {
    /// The logs that are held, by id, each with the sequence of its last event, which is at least 1.
    fn logs(&self) -> Vec<(LogId, u64)>;

    /// The last snapshot of a log's fold that goes no further than `through`, if one is kept. Its hash must be that of the
    /// log there.
    fn snapshot(&self, log: &LogId, through: u64) -> Option<Snapshot> {
        let _ = (log, through);
        None
    }

    /// The records of the journal of the bridge whose archive it is, from the oldest on; `None` where there is none.
    fn journal(&self) -> Option<Box<dyn Iterator<Item = Bytes> + '_>> {
        None
    }

    /// What was found wrong with the archive as a whole, as sentences.
    fn faults(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Events that are read at once.
pub(super) const BATCH_EVENTS: usize = 256;
/// Their bytes.
pub(super) const BATCH_BYTES: usize = 64 * 1024;

/// The event at a position.
pub(super) fn event_at(archive: &dyn Archive, log: &LogId, sequence: u64) -> Option<Event> {
    let entry = archive.read(log, sequence, 1, usize::MAX).into_iter().next()?;
    Event::decode(&entry.event).ok().filter(|event| event.sequence == sequence)
}

pub(super) fn time_of(archive: &dyn Archive, log: &LogId, sequence: u64) -> Option<Hlc> {
    event_at(archive, log, sequence).map(|event| event.time)
}

/// The events at a log's beginning that say again what held before.
pub(super) fn restates_of(archive: &dyn Archive, log: &LogId) -> u64 {
    match event_at(archive, log, 1).and_then(|event| event.fact()) {
        Some(Fact::Started(started)) => started.restates,
        _ => 0,
    }
}

/// How many events of a log lie before `until`, or with `inclusive` also at it. Times grow strictly within a log, so few
/// events need to be read.
pub(super) fn events_until(
    archive: &dyn Archive,
    log: &LogId,
    last: u64,
    until: Hlc,
    inclusive: bool,
) -> u64 {
    events_between(archive, log, (0, last), until, inclusive)
}

/// The same where it is known that no fewer than the first and no more than the last of two numbers do.
pub(super) fn events_between(
    archive: &dyn Archive,
    log: &LogId,
    (mut low, mut high): (u64, u64),
    until: Hlc,
    inclusive: bool,
) -> u64 {
    let lies_before = |sequence: u64| {
        time_of(archive, log, sequence).is_some_and(|time| time < until || (inclusive && time == until))
    };
    if high > low && lies_before(high) {
        return high;
    }
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if lies_before(middle) { low = middle } else { high = middle - 1 }
    }
    low
}
