//! The one thread that changes the database: it takes all that waits and makes it durable with one sync.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::directory::space;
use crate::directory::witness::Witness;
use crate::fault::{Fault, Refusal};
use crate::health::Health;
use crate::metrics::add;
use crate::queue::{Append, Change, Command, Queue, Taken};
use crate::shared::Shared;
use crate::sync::{lock, read};

mod change;
mod cut;
mod group;
mod heal;
mod pack;
mod tail;

use group::Group;
use heal::Failure;
use tail::Tail;

/// While appends are refused for want of space, it is looked for at this pace.
const SPACE_PAUSE: Duration = Duration::from_millis(250);
/// What sled may write for each byte of records, with its links, rewritten leaves and whole segments.
const AMPLIFICATION: u64 = 4;
/// sled takes space in pieces of this size, bytes.
const SEGMENT: u64 = 512 * 1024;
/// The most logs whose tails are kept in memory; beyond, they are read again.
const MAX_TAILS: usize = 4096;

/// What the writer's thread owns.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    witness: Witness,
    tails: HashMap<u64, Tail>,
    next_id: u64,
    failure: Option<Failure>,
    /// How many appends came with the last commit.
    together: usize,
    /// Removed logs whose records are still to be cleared.
    dead: Vec<u64>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, witness: Witness, next_id: u64, dead: Vec<u64>) -> Self {
        Self { shared, witness, tails: HashMap::new(), next_id, failure: None, together: 1, dead }
    }

    /// Runs until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        // Should this thread panic, nobody must wait for it.
        let _closing = CloseOnExit(&shared.queue);
        for id in std::mem::take(&mut self.dead) {
            self.purge_or_warn(id);
        }
        loop {
            match shared.queue.take(self.pause(), self.together) {
                Taken::Commands(commands) => self.handle(commands),
                Taken::TimedOut => self.tend(),
                Taken::Closed => break,
            }
        }
        if let Err(error) = self.witness.write_and_sync() {
            tracing::warn!(%error, "the witnessed heads could not be written; a later loss might go unnoticed");
        }
    }

    /// How long to wait for commands: for ever, unless something is to be tended.
    fn pause(&self) -> Option<Duration> {
        match (&self.failure, &*lock(&self.shared.health)) {
            (Some(failure), _) => Some(failure.pause()),
            (None, Health::Ok) => None,
            (None, _) => Some(SPACE_PAUSE),
        }
    }

    fn handle(&mut self, commands: Vec<Command>) {
        let mut appends = Vec::with_capacity(commands.len());
        for command in commands {
            match command {
                Command::Append(append) => appends.push(append),
                Command::Change(change, done) => {
                    self.append_all(std::mem::take(&mut appends));
                    let result = match &change {
                        Change::Verify(_) => self.change(change),
                        _ => self.admit(change::NEEDS).and_then(|()| self.change(change)),
                    };
                    done.give(result.map_err(Into::into).and_then(|result| result));
                }
            }
        }
        self.append_all(appends);
        self.tend_failure();
    }

    fn append_all(&mut self, appends: Vec<Append>) {
        if appends.is_empty() {
            return;
        }
        self.together = appends.len();
        let bytes = appends.iter().map(|append| append.bytes as u64).sum::<u64>();
        let needed = self.reserve().saturating_add(bytes * AMPLIFICATION + SEGMENT);
        match self.admit(needed) {
            Ok(()) => self.commit_group(Group::new(appends)),
            Err(refusal) => {
                add(&self.shared.counters.refused, appends.len() as u64);
                appends.into_iter().for_each(|append| Command::Append(append).refuse(refusal.clone()));
            }
        }
    }

    /// Whether something that needs this much free space may be tried, and the health that follows from it.
    fn admit(&self, needed: u64) -> Result<(), Refusal> {
        if let Some(failure) = &self.failure {
            return Err(failure.refusal());
        }
        let result = space::check(self.shared.directory.path(), needed);
        if needed >= self.reserve() {
            self.report_space(&result);
        }
        result
    }

    fn reserve(&self) -> u64 {
        self.shared.options.reserve
    }

    /// What is to be done while nothing is asked for.
    fn tend(&mut self) {
        self.tend_failure();
        if self.failure.is_none() {
            let needed = self.reserve().saturating_add(SEGMENT);
            self.report_space(&space::check(self.shared.directory.path(), needed));
            space::set_ballast_aside(&self.shared.directory, self.reserve());
        }
    }

    fn report_space(&self, checked: &Result<(), Refusal>) {
        let health = match checked {
            Err(Refusal::Full { free, needed }) => Health::Full { free: *free, needed: *needed },
            Err(Refusal::ReadOnly) => Health::ReadOnly,
            Ok(()) | Err(_) => Health::Ok,
        };
        self.report(health);
    }

    fn report(&self, health: Health) {
        let mut known = lock(&self.shared.health);
        if std::mem::discriminant(&*known) != std::mem::discriminant(&health) {
            let dir = self.shared.directory.path().display();
            match &health {
                Health::Ok => tracing::info!(%dir, "the store takes records again"),
                other => tracing::warn!(%dir, state = ?other, "the store takes no records"),
            }
        }
        *known = health;
    }

    /// One batch, synced, with nobody mistaking it for damage.
    fn commit(&self, batch: sled::Batch) -> Result<(), Fault> {
        let engine = read(&self.shared.engine);
        let engine = engine.as_ref().ok_or(Fault::Closed)?;
        let _batch = lock(&self.shared.batch);
        *lock(&self.shared.committing) = Some(Instant::now());
        let committed = engine.commit(batch);
        *lock(&self.shared.committing) = None;
        committed?;
        self.shared.counters.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// After a sync: the new heads also into the file of witnesses, which may lag but never leads.
    fn witness(&mut self) {
        if let Err(error) = self.witness.write() {
            tracing::debug!(%error, "the witnessed heads could not be written; they will be with the next commit");
        }
    }
}

struct CloseOnExit<'a>(&'a Queue);

impl Drop for CloseOnExit<'_> {
    fn drop(&mut self) {
        self.0.close();
        self.0.drain().into_iter().for_each(|command| command.refuse(Refusal::Closed));
    }
}
