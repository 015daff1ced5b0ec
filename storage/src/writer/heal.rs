//! What happens after the database failed: everything that waits is refused, and it is opened again.

use std::time::{Duration, Instant};

use crate::directory::space;
use crate::engine::Engine;
use crate::fault::{Fault, Refusal};
use crate::head::Head;
use crate::health::Health;
use crate::metrics::add;
use crate::recover::{Loaded, load, missing};
use crate::sync::{lock, read, write};
use crate::writer::{SEGMENT, SPACE_PAUSE, Writer};

/// The first pause before the database is opened again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// A failure that lasts.
#[derive(Debug)]
pub(super) struct Failure {
    fault: Fault,
    pause: Duration,
    next: Instant,
}

impl Failure {
    fn new(fault: Fault) -> Self {
        Self { fault, pause: FIRST_PAUSE, next: Instant::now() + FIRST_PAUSE }
    }

    /// How long until something is to be tried.
    pub(super) fn pause(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), LAST_PAUSE)
    }

    pub(super) fn refusal(&self) -> Refusal {
        match self.fault {
            Fault::ReadOnly(_) => Refusal::ReadOnly,
            _ => Refusal::Failed { reason: self.reason() },
        }
    }

    fn health(&self) -> Health {
        match self.fault {
            Fault::ReadOnly(_) => Health::ReadOnly,
            _ => Health::Failed { reason: self.reason() },
        }
    }

    fn reason(&self) -> String {
        if self.fault.may_pass() {
            format!("{}; it tries again by itself", self.fault)
        } else {
            format!("{}; check the disk, then start the program again", self.fault)
        }
    }

    fn wait_longer(&mut self) {
        self.pause = (self.pause * 2).min(LAST_PAUSE);
        self.next = Instant::now() + self.pause;
    }
}

impl Writer {
    /// Notes that the database failed, and refuses all that waits.
    pub(super) fn fail(&mut self, fault: Fault) {
        tracing::error!(%fault, "the database failed; appends that wait are refused");
        add(&self.shared.counters.failures, 1);
        self.tails.clear();
        let failure = Failure::new(fault);
        self.report(failure.health());
        self.failure = Some(failure);
        let refusal = self.refusal();
        self.shared.queue.drain().into_iter().for_each(|command| command.refuse(refusal.clone()));
    }

    /// What a failed store answers.
    pub(super) fn refusal(&self) -> Refusal {
        self.failure.as_ref().map_or(Refusal::Closed, Failure::refusal)
    }

    /// Tries to recover when it is time for that.
    pub(super) fn tend_failure(&mut self) {
        let Some(failure) = &mut self.failure else { return };
        if Instant::now() < failure.next {
            return;
        }
        if !failure.fault.may_pass() {
            failure.wait_longer();
            return;
        }
        let needed = self.shared.options.reserve.saturating_add(SEGMENT);
        if let Err(refusal) = space::check(self.shared.directory.path(), needed) {
            failure.next = Instant::now() + SPACE_PAUSE;
            tracing::debug!(?refusal, "the failed database waits for space");
            return;
        }
        // While nothing can be written, the database as it is can still be read, except for pages that the failed
        // write would have moved: these sled had in memory only.
        if let Err(error) = space::probe(&self.shared.directory) {
            return self.still_failing(error.into());
        }
        match self.reopen() {
            Ok(()) => {
                self.failure = None;
                add(&self.shared.counters.recoveries, 1);
                self.report(Health::Ok);
            }
            Err(fault) => self.still_failing(fault),
        }
    }

    fn still_failing(&mut self, fault: Fault) {
        tracing::warn!(%fault, "the database could not be opened again");
        let Some(failure) = &mut self.failure else { return };
        failure.fault = fault;
        failure.wait_longer();
        let health = failure.health();
        self.report(health);
    }

    /// Readers wait meanwhile: what they would see is half a batch.
    fn reopen(&mut self) -> Result<(), Fault> {
        let mut engine = write(&self.shared.engine);
        *engine = None;
        let (opened, loaded) = Engine::open_and(&self.shared.directory.sled(), load)?;
        *engine = Some(opened);
        drop(engine);
        self.next_id = self.next_id.max(loaded.next_id);
        self.adopt(&loaded);
        Ok(())
    }

    /// Compares what the database says now with what was acknowledged.
    fn adopt(&self, loaded: &Loaded) {
        let _engine = read(&self.shared.engine);
        for log in lock(&self.shared.logs).by_name.values() {
            let found = loaded.logs.iter().find(|found| found.id == log.id);
            log.change(|view| {
                if let Some(damage) = missing(found.map_or(Head::EMPTY, |found| found.head), view.mark) {
                    view.damage = Some(damage);
                }
                if let Some(found) = found {
                    view.head = found.head;
                }
                view.verified = false;
            });
        }
        for found in &loaded.logs {
            let mut logs = lock(&self.shared.logs);
            logs.by_name.entry(found.name.clone()).or_insert_with(|| found.state());
        }
    }
}
