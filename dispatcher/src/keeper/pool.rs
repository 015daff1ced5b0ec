//! Vacant peers, kept ready.

use std::time::{Duration, Instant};

use proto::hosting::v1::{Gone, Known, Made, event::Kind};

use super::{
    Done, Entry, Keeper, Look, Phase,
    refusals::{CANNOT_WRITE, DOES_NOT_START, NONE_STARTS, refused},
};
use crate::{backend::Running, limits::LOOK_EVERY};

impl Keeper {
    /// Makes as many as are missing: the pool, and one for everybody who waits.
    pub(super) async fn fill_pool(&mut self) {
        let wanted = self.config.pool + self.line.len();
        while self.ready() < wanted && Instant::now() >= self.next_make {
            if let Some(why) = self.backend.obstacle() {
                return self.tell_obstacle(&why);
            }
            if self.ledger.register().own() >= self.config.max_peers {
                return self.tell_full();
            }
            let number = self.ledger.register().next();
            if let Err(error) = self.ledger.write(number, Kind::Made(Made {})).await {
                tracing::warn!(%error, "no peer can be made");
                self.line.refuse(&refused(CANNOT_WRITE));
                self.trouble
                    .insert(0, format!("no peer can be made, for nothing can be written down: {error}"));
                self.next_make = Instant::now() + self.make_again.next();
                return;
            }
            self.start(number);
        }
    }

    /// Removes one where more are ready than are wanted: many came at once, and did not stay.
    pub(super) async fn shrink_pool(&mut self) {
        if self.ready() > self.config.pool + self.line.len()
            && let Some(number) = self.vacant().last().copied()
        {
            self.withdraw(number).await;
        }
    }

    /// Vacant ones that run, or are about to.
    fn ready(&self) -> usize {
        let register = self.ledger.register();
        let is_vacant = |number: &u64| {
            register.kept(*number).is_some_and(|kept| kept.holder.is_none() && !kept.adopted)
                && !self.lent.contains(number)
        };
        let comes = |phase: &Phase| matches!(phase, Phase::Starting | Phase::Running(..));
        self.phases.iter().filter(|(number, phase)| comes(phase) && is_vacant(number)).count()
    }

    /// Nothing is made while it is known that it would not run.
    fn tell_obstacle(&mut self, why: &str) {
        self.line.refuse(&refused(NONE_STARTS));
        self.trouble.insert(0, format!("no peer can be started: {why}"));
    }

    /// Whoever waits while no more may be made, and none is about to come, is told.
    fn tell_full(&mut self) {
        let nobody_else = self.fellows.is_empty() || self.in_vain;
        if self.line.len() > 0 && self.ready() == 0 && nobody_else {
            let why = full(self.config.max_peers);
            self.line.refuse(&Entry::Refused { why, retry: Duration::from_secs(60) });
        }
    }

    pub(super) async fn on_started(&mut self, number: u64, running: Running) {
        let Some(kept) = self.ledger.register().kept(number) else {
            // Deleted meanwhile.
            return self.remove(number);
        };
        let is_held = kept.holder.is_some();
        if kept.node != Some(running.node) {
            let known = Known { node_id: running.node.to_bytes() };
            if let Err(error) = self.ledger.write(number, Kind::Known(known)).await {
                return self
                    .on_not_started(number, format!("its id could not be written down: {error}"))
                    .await;
            }
        }
        tracing::info!(number, node = %running.node.short(), "a peer runs");
        self.trouble.remove(&number);
        self.trouble.remove(&0);
        self.make_again.reset();
        // What somebody's peer says of itself is needed as soon as it sleeps.
        let next = Instant::now() + if is_held { Duration::ZERO } else { LOOK_EVERY };
        self.phases.insert(number, Phase::Running(running, Look::at(next)));
        self.go_on(number).await;
        self.serve_line().await;
    }

    pub(super) async fn on_not_started(&mut self, number: u64, why: String) {
        let Some(kept) = self.ledger.register().kept(number) else {
            // Deleted, and ended, while it started: nothing is wrong.
            return;
        };
        let (is_held, adopted) = (kept.holder.is_some(), kept.adopted);
        let unredeemed = kept.holder.clone().filter(|holder| adopted && !holder.redeemed);
        if let Some(holder) = unredeemed {
            self.taken.extend(kept.node.map(|node| (node, Instant::now())));
            self.phases.remove(&number);
            self.give_up(number, holder.user, true).await;
            return;
        }
        self.metrics.failures.inc();
        tracing::warn!(number, why, "a peer did not start");
        self.phases.remove(&number);
        // One that has run may have been given out by a fellow since it was seen last.
        let may_be_held = kept.node.is_some() && !self.fellows.is_empty();
        if is_held || may_be_held {
            self.refuse(number, &refused(DOES_NOT_START));
            // Whoever keeps it has the trouble.
            if !adopted {
                self.trouble.insert(number, why);
            }
            return;
        }
        // Nobody's: another one takes its place, after a while. What one person's peer lacks says nothing about new ones.
        self.next_make = Instant::now() + self.make_again.next();
        self.line.refuse(&refused(NONE_STARTS));
        self.trouble.insert(0, format!("no peer could be started: {why}"));
        let reason = "it did not start".to_owned();
        if self.ledger.write(number, Kind::Gone(Gone { reason, left_alone: false })).await.is_ok() {
            self.remove(number);
        }
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.phases.insert(number, Phase::Stopping);
        let backend = std::sync::Arc::clone(&self.backend);
        self.report(async move { Done::Removed(number, backend.remove(number).await) });
    }
}

/// That there is no room, for a person.
fn full(most: usize) -> String {
    match most {
        0 => {
            "this place is full: it keeps no peers itself, and none is left of those whose peers it gives out"
                .into()
        }
        1 => "this place is full: its only peer is somebody's".into(),
        most => format!("this place is full: all {most} peers are somebody's"),
    }
}
