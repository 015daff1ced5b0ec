//! Creating, removing and cutting logs.

use std::sync::Arc;

use crate::block::{BlockBuilder, Stored, decode, seal};
use crate::directory::witness::Mark;
use crate::engine::Found;
use crate::error::LogError;
use crate::fault::{Fault, Refusal};
use crate::head::Head;
use crate::health::Damage;
use crate::key::{self, Place};
use crate::log::state::LogState;
use crate::queue::Change;
use crate::read::what;
use crate::recover::{missing, name_value};
use crate::sync::{lock, read};
use crate::writer::Writer;
use crate::writer::tail::Tail;

/// Free space for a change, bytes: less than any reserve, since dropping records makes room for others.
pub(super) const NEEDS: u64 = 1024 * 1024;
/// The most values that one batch removes.
const BATCH: usize = 256;

/// A refusal, or a failure of the database; the inner result is the answer to a sound request.
type Changed = Result<Result<(), LogError>, Refusal>;

impl Writer {
    pub(super) fn change(&mut self, change: Change) -> Changed {
        match change {
            Change::Verify(log) => {
                self.verify(&log);
                Ok(Ok(()))
            }
            Change::Create(name) => self.create(name),
            Change::Remove(name) => self.remove(&name),
            Change::Truncate { log, after } => self.truncate(&log, after).map(Ok),
            Change::Drop { log, before } => self.drop_before(&log, before).map(Ok),
        }
    }

    /// Whether the last block ends at the head. Here, where no batch is under way.
    fn verify(&self, log: &LogState) {
        let view = log.view();
        if self.failure.is_some() || view.verified || view.removed || view.damage.is_some() {
            return;
        }
        let engine = read(&self.shared.engine);
        let Some(engine) = engine.as_ref() else { return };
        let damage = Tail::load(engine, log.id, view.head).err();
        log.change(|view| {
            view.verified = true;
            view.damage = damage;
        });
    }

    fn create(&mut self, name: String) -> Changed {
        let lost = {
            let logs = lock(&self.shared.logs);
            if logs.by_name.contains_key(&name) {
                return Ok(Ok(()));
            }
            if logs.by_name.len() >= self.shared.options.max_logs {
                return Ok(Err(LogError::TooMany { allowed: self.shared.options.max_logs }));
            }
            logs.lost.get(&name).copied()
        };
        let id = self.next_id;
        let mut batch = sled::Batch::default();
        batch.insert(key::name(&name), name_value(&name, id));
        batch.insert(&key::head(id)[..], Head::EMPTY.encode(id));
        self.commit_or_fail(batch)?;
        self.next_id += 1;
        let damage = lost.and_then(|(_, mark)| missing(Head::EMPTY, mark));
        if let Some((old, mark)) = lost {
            self.witness.forget(old);
            self.witness.note(id, &name, mark);
            self.witness();
        }
        let mut logs = lock(&self.shared.logs);
        logs.lost.remove(&name);
        let state = LogState::new(name.clone(), id, Head::EMPTY, damage);
        state.change(|view| view.mark = lost.map_or(Mark::NONE, |(_, mark)| mark));
        logs.by_name.insert(name, Arc::new(state));
        Ok(Ok(()))
    }

    fn remove(&mut self, name: &str) -> Changed {
        let (known, lost) = {
            let mut logs = lock(&self.shared.logs);
            (logs.by_name.get(name).cloned(), logs.lost.remove(name))
        };
        let id = known.as_ref().map(|log| log.id).or_else(|| lost.map(|(id, _)| id));
        let Some(id) = id else { return Ok(Err(LogError::NotFound)) };
        self.witness.forget(id);
        self.sync_witness()?;
        let Some(log) = known else { return Ok(Ok(())) };
        let mut batch = sled::Batch::default();
        batch.remove(key::name(name));
        batch.remove(&key::head(id)[..]);
        batch.insert(&key::dead(id)[..], seal(&key::dead(id), vec![0; 4]));
        self.commit_or_fail(batch)?;
        log.change(|view| view.removed = true);
        lock(&self.shared.logs).by_name.remove(name);
        self.tails.remove(&id);
        self.purge_or_warn(id);
        Ok(Ok(()))
    }

    pub(super) fn purge_or_warn(&self, id: u64) {
        if let Err(fault) = self.purge(id) {
            tracing::warn!(id, %fault, "records of a removed log could not be cleared; opening tries again");
        }
    }

    /// Clears what a removed log stored, and then its mark.
    fn purge(&self, id: u64) -> Result<(), Fault> {
        loop {
            let found = self.found(Place::new(id, 0, 0), Place::ceiling(id, u64::MAX))?;
            let mut batch = sled::Batch::default();
            for (place, _) in &found {
                batch.remove(&place.key()[..]);
            }
            if found.len() < BATCH {
                batch.remove(&key::dead(id)[..]);
                return self.commit(batch);
            }
            self.commit(batch)?;
        }
    }

    /// From the end, so that what is left is a whole log after every batch.
    fn truncate(&mut self, log: &LogState, after: u64) -> Result<(), Refusal> {
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

    fn drop_before(&mut self, log: &LogState, before: u64) -> Result<(), Refusal> {
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

    fn found(&self, low: Place, high: Place) -> Result<Vec<Found>, Fault> {
        let engine = read(&self.shared.engine);
        engine.as_ref().ok_or(Fault::Closed)?.forward(low, high, BATCH)
    }

    fn found_back(&self, low: Place, high: Place) -> Result<Vec<Found>, Fault> {
        let engine = read(&self.shared.engine);
        engine.as_ref().ok_or(Fault::Closed)?.backward(low, high, BATCH)
    }

    fn value_len(&self, place: Place) -> Result<u64, Fault> {
        let engine = read(&self.shared.engine);
        let value = engine.as_ref().ok_or(Fault::Closed)?.get(&place.key())?;
        Ok(value.map_or(0, |value| value.len() as u64))
    }

    fn damaged(&self, position: u64, fault: Fault) -> Refusal {
        Refusal::Damaged(Damage { position, what: what(fault) })
    }

    fn commit_or_fail(&mut self, batch: sled::Batch) -> Result<(), Refusal> {
        let Err(fault) = self.commit(batch) else { return Ok(()) };
        self.fail(fault);
        Err(self.refusal())
    }

    fn sync_witness(&mut self) -> Result<(), Refusal> {
        let Err(error) = self.witness.write_and_sync() else { return Ok(()) };
        Err(Refusal::Failed {
            reason: format!("the witnessed heads could not be written ({error}); check the disk"),
        })
    }
}
