//! Cutting logs: what comes after a position, or before one.

use crate::block::{BlockBuilder, Stored, decode};
use crate::directory::witness::Mark;
use crate::engine::Found;
use crate::fault::{Fault, Refusal};
use crate::head::Head;
use crate::key::{self, Place};
use crate::log::state::LogState;
use crate::sync::read;
use crate::writer::Writer;
use crate::writer::change::BATCH;

impl Writer {
    /// From the end, so that what is left is a whole log after every batch.
    pub(super) fn truncate(&mut self, log: &LogState, after: u64) -> Result<(), Refusal> {
        let view = log.view();
        if view.removed {
            return Err(Refusal::Removed);
        }
        match view.damage {
            Some(damage) if after >= damage.position => return Err(Refusal::Damaged(damage)),
            None if after >= view.head.head => return Ok(()),
            Some(_) | None => {}
        }
        let end = after.min(view.head.head);
        let boundary = self.boundary(log, end)?;
        self.tails.remove(&log.id);
        // The head goes down before the log does, so that no loss is seen where there was none; that it was cut is
        // noted after.
        let before = Mark { head: end, low: view.mark.low.min(end), ..view.mark };
        self.witness_cut(log, before)?;
        let mut head = Head { cuts: view.head.cuts.max(view.mark.cuts), ..view.head };
        loop {
            let last;
            (head, last) = self.cut_once(log, head, end, &boundary)?;
            if last {
                log.change(|view| view.damage = None);
                return self.witness_cut(log, Mark { cuts: head.cuts, ..before });
            }
        }
    }

    fn witness_cut(&mut self, log: &LogState, mark: Mark) -> Result<(), Refusal> {
        self.witness.note(log.id, &log.name, mark);
        self.sync_witness()?;
        log.change(|view| view.mark = mark);
        Ok(())
    }

    /// Removes the last values beyond `end`; says whether these were all.
    fn cut_once(
        &mut self,
        log: &LogState,
        head: Head,
        end: u64,
        boundary: &Option<Found>,
    ) -> Result<(Head, bool), Refusal> {
        let low = Place::new(log.id, end + 1, 0);
        let found = self
            .found_back(low, Place::ceiling(log.id, u64::MAX))
            .map_err(|fault| self.damaged(end + 1, fault))?;
        let last = found.len() < BATCH;
        // The parts of a large record go together: the last one that was found may lack its first parts.
        let lowest = found.last().map_or(0, |(place, _)| place.first);
        let mut batch = sled::Batch::default();
        let mut freed = 0;
        let mut cut = Head { head: end, cuts: head.cuts + 1, ..head };
        for (place, value) in found.iter().filter(|(place, _)| last || place.first > lowest) {
            batch.remove(&place.key()[..]);
            freed += value.len() as u64;
            cut.head = if last { end } else { place.first - 1 };
        }
        if let (true, Some((place, value))) = (last, boundary) {
            let old = self.value_len(*place).map_err(|fault| self.damaged(end, fault))?;
            freed += old;
            cut.bytes += value.len() as u64;
            batch.insert(&place.key()[..], &value[..]);
        }
        cut.bytes = cut.bytes.saturating_sub(freed);
        cut.first = cut.first.min(end + 1);
        batch.insert(&key::head(log.id)[..], cut.encode(log.id));
        // First, so that no reader takes what is cut for damage.
        log.change(|view| view.head = cut);
        self.commit_or_fail(batch)?;
        Ok((cut, last))
    }

    /// The block in which `end` lies, if it goes on after it: cut to there.
    fn boundary(&self, log: &LogState, end: u64) -> Result<Option<Found>, Refusal> {
        if end < log.head().first {
            return Ok(None);
        }
        let engine = read(&self.shared.engine);
        let engine = engine.as_ref().ok_or(Refusal::Closed)?;
        let found = engine.floor(Place::ceiling(log.id, end)).map_err(|fault| self.damaged(end, fault))?;
        let Some((place, value)) = found else {
            return Err(self.damaged(end, Fault::damaged("the record is missing")));
        };
        match decode(place, value) {
            Ok(Stored::Records(block)) if block.last() < end => {
                Err(self.damaged(block.last() + 1, Fault::damaged("the record is missing")))
            }
            Ok(Stored::Records(block)) if block.last() > end => {
                let mut builder = BlockBuilder::default();
                (block.first..=end).filter_map(|at| block.record(at)).for_each(|record| builder.push(record));
                Ok(Some((place, builder.finish(place).into())))
            }
            Ok(_) => Ok(None),
            Err(why) => Err(self.damaged(place.first, Fault::damaged(why))),
        }
    }

    pub(super) fn drop_before(&mut self, log: &LogState, before: u64) -> Result<(), Refusal> {
        let view = log.view();
        if view.removed {
            return Err(Refusal::Removed);
        }
        let before = before.min(view.head.head + 1);
        if before <= view.head.first {
            return Ok(());
        }
        self.tails.remove(&log.id);
        let keep = self.first_kept(log, before, view.head.head)?;
        let mut head = Head { first: before, ..view.head };
        loop {
            let found = self.found(Place::new(log.id, 0, 0), Place::new(log.id, keep, 0));
            let mut found = found.map_err(|fault| self.damaged(head.first, fault))?;
            let last = found.len() < BATCH;
            found.retain(|(place, _)| place.first < keep);
            let mut batch = sled::Batch::default();
            for (place, value) in &found {
                batch.remove(&place.key()[..]);
                head.bytes = head.bytes.saturating_sub(value.len() as u64);
            }
            batch.insert(&key::head(log.id)[..], head.encode(log.id));
            // First, so that no reader takes what is dropped for damage.
            log.change(|view| view.head = head);
            self.commit_or_fail(batch)?;
            if last {
                return Ok(());
            }
        }
    }

    /// Where the first block begins that is still needed.
    fn first_kept(&self, log: &LogState, before: u64, head: u64) -> Result<u64, Refusal> {
        if before > head {
            return Ok(before);
        }
        let engine = read(&self.shared.engine);
        let engine = engine.as_ref().ok_or(Refusal::Closed)?;
        let found =
            engine.floor(Place::ceiling(log.id, before)).map_err(|fault| self.damaged(before, fault))?;
        Ok(found.map_or(before, |(place, _)| place.first))
    }
}
