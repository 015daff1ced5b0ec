//! The last events of a history, found from its end.

use std::collections::BinaryHeap;

use crate::{Event, Hlc, LogId};

use super::{
    Past, Placed, Wanted,
    archive::{Archive, BATCH_BYTES},
    names::Names,
};

/// Events of a log that are read at once.
const BATCH: u64 = 16;

/// A log that is read from back to front.
struct Backwards {
    log: LogId,
    first: u64,
    /// The last event that was not looked at.
    next: u64,
    /// Events up to `next`, if there are any.
    batch: Vec<Placed>,
}

impl Past<'_> {
    /// The parts of logs that hold just the last so many events that are wanted. What it costs grows with the events from
    /// there on, not with those before.
    pub(super) fn newest(&self, wanted: &Wanted, most: usize) -> Vec<(LogId, u64, u64)> {
        let parts = self.parts(wanted);
        let names = self.names_for(wanted);
        let mut logs: Vec<Backwards> = parts.iter().copied().map(Backwards::new).collect();
        let mut order = BinaryHeap::new();
        for (index, log) in logs.iter_mut().enumerate() {
            order.extend(log.time(self.archive).map(|time| (time, log.log, index)));
        }
        let mut found = 0;
        while found < most
            && let Some((_, _, index)) = order.pop()
        {
            let log = &mut logs[index];
            let placed = log.batch.pop();
            found += usize::from(placed.is_some_and(|placed| wanted.lets_through(&placed, &names)));
            log.next -= 1;
            order.extend(log.time(self.archive).map(|time| (time, log.log, index)));
        }
        let kept = parts.into_iter().zip(logs).map(|((log, _, last), it)| (log, it.next + 1, last));
        kept.filter(|(_, first, last)| first <= last).collect()
    }

    /// What a filter must know of bridges: their networks.
    fn names_for(&self, wanted: &Wanted) -> Names {
        let world = wanted.names_a_network().then(|| self.world(Hlc::default()).ok()).flatten();
        world.map_or_else(Names::default, |world| self.names(&world))
    }
}

impl Backwards {
    fn new((log, first, last): (LogId, u64, u64)) -> Self {
        Self { log, first, next: last, batch: Vec::new() }
    }

    /// When its next event was; `None` when there are no more. One that cannot be read is the last: whoever reads on from
    /// there finds it.
    fn time(&mut self, archive: &dyn Archive) -> Option<Hlc> {
        if self.batch.is_empty() && self.next >= self.first {
            let begin = self.next.saturating_sub(BATCH - 1).max(self.first);
            let most = usize::try_from(self.next - begin + 1).unwrap_or(usize::MAX);
            self.read(archive, begin, most);
            if !self.is_whole() {
                // Large events come in fewer than were asked for: then one by one.
                self.read(archive, self.next, 1);
            }
            if !self.is_whole() {
                self.batch.clear();
                self.next = self.next.saturating_sub(1);
                self.first = u64::MAX;
            }
        }
        self.batch.last().map(|placed| placed.event.time)
    }

    fn read(&mut self, archive: &dyn Archive, begin: u64, most: usize) {
        let placed = archive.read(&self.log, begin, most, BATCH_BYTES).into_iter().map_while(|entry| {
            let event = Event::decode(&entry.event).ok()?;
            Some(Placed { log: self.log, event, bytes: entry.event })
        });
        self.batch = placed.collect();
    }

    /// Whether what was read ends where it should.
    fn is_whole(&self) -> bool {
        self.batch.last().is_some_and(|placed| placed.event.sequence == self.next)
    }
}
