//! Creating, verifying and removing logs.

use std::sync::Arc;

use crate::block::seal;
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
pub(super) const BATCH: usize = 256;

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

    pub(super) fn found(&self, low: Place, high: Place) -> Result<Vec<Found>, Fault> {
        let engine = read(&self.shared.engine);
        engine.as_ref().ok_or(Fault::Closed)?.forward(low, high, BATCH)
    }

    pub(super) fn found_back(&self, low: Place, high: Place) -> Result<Vec<Found>, Fault> {
        let engine = read(&self.shared.engine);
        engine.as_ref().ok_or(Fault::Closed)?.backward(low, high, BATCH)
    }

    pub(super) fn value_len(&self, place: Place) -> Result<u64, Fault> {
        let engine = read(&self.shared.engine);
        let value = engine.as_ref().ok_or(Fault::Closed)?.get(&place.key())?;
        Ok(value.map_or(0, |value| value.len() as u64))
    }

    pub(super) fn damaged(&self, position: u64, fault: Fault) -> Refusal {
        Refusal::Damaged(Damage { position, what: what(fault) })
    }

    pub(super) fn commit_or_fail(&mut self, batch: sled::Batch) -> Result<(), Refusal> {
        let Err(fault) = self.commit(batch) else { return Ok(()) };
        self.fail(fault);
        Err(self.refusal())
    }

    pub(super) fn sync_witness(&mut self) -> Result<(), Refusal> {
        let Err(error) = self.witness.write_and_sync() else { return Ok(()) };
        Err(Refusal::Failed {
            reason: format!("the witnessed heads could not be written ({error}); check the disk"),
        })
    }
}
