//! What is done without being asked: looking at peers, putting idle ones to sleep, starting those that died.

use std::time::Instant;

use proto::{
    claim::v1::HolderResponse,
    hosting::v1::{Gone, Redeemed, Visited, event::Kind},
};

use runtime::Backoff;

use super::{Done, Keeper, Phase};
use crate::{
    claims,
    ledger::now_s,
    limits::{LOOK_EVERY, MAX_FAILED_LOOKS, RELEASE_AFTER, START_AGAIN, STEADY_AFTER, VISIT_PACE},
    network::Records,
};

impl Keeper {
    pub(super) async fn tend(&mut self) {
        let now = Instant::now();
        self.line.forget(now);
        self.look_around();
        self.start_what_died();
        self.look(now);
        self.remove_what_is_left(now);
        self.forget_the_forgotten().await;
        self.shrink_pool().await;
    }

    fn start_what_died(&mut self) {
        let is_dead = |number: u64, phase: &Phase| matches!(phase, Phase::Running(it, _) if !self.place_of(number).is_alive(number, it));
        let dead: Vec<_> =
            self.phases.iter().filter(|(n, it)| is_dead(**n, it)).map(|(number, _)| *number).collect();
        for number in dead {
            if self.is_adopted(number) {
                // It sleeps perhaps. It is woken when somebody comes.
                self.phases.remove(&number);
                continue;
            }
            self.metrics.failures.inc();
            self.start_again(number);
        }
        self.start_what_rested();
    }

    /// One that ends soon after each start rests in between, unless somebody comes for it.
    fn start_again(&mut self, number: u64) {
        let is_steady = matches!(self.phases.get(&number), Some(Phase::Running(_, look)) if look.since.elapsed() >= STEADY_AFTER);
        if is_steady {
            self.resting.remove(&number);
            tracing::warn!(number, "a peer ended by itself and is started again");
            return self.start(number);
        }
        let fresh = || (Backoff::new(START_AGAIN.0, START_AGAIN.1), None);
        let (backoff, until) = self.resting.entry(number).or_insert_with(fresh);
        let rest = backoff.next();
        *until = Some(Instant::now() + rest);
        self.phases.remove(&number);
        tracing::warn!(number, ?rest, "a peer ended soon after its start and is started again after a while");
        self.trouble.insert(number, "it ended soon after its start; it is started again".into());
    }

    fn start_what_rested(&mut self) {
        let is_due = |until: &mut Option<Instant>| until.take_if(|until| *until <= Instant::now()).is_some();
        let due: Vec<_> = self
            .resting
            .iter_mut()
            .filter_map(|(number, (_, until))| is_due(until).then_some(*number))
            .collect();
        for number in due {
            let is_wanted = self.ledger.register().kept(number).is_some_and(|kept| !kept.asleep);
            if is_wanted && !self.phases.contains_key(&number) {
                self.start(number);
            } else if !is_wanted {
                self.resting.remove(&number);
            }
        }
    }

    /// What could not be removed is not forgotten: nobody else would remove it.
    fn remove_what_is_left(&mut self, now: Instant) {
        let due: Vec<_> =
            self.left.extract_if(.., |_, when| *when <= now).map(|(number, _)| number).collect();
        due.into_iter().for_each(|number| self.remove(number));
    }

    fn look(&mut self, now: Instant) {
        let due = |phase: &mut Phase| match phase {
            Phase::Running(running, look) if look.next <= now && !look.under_way => {
                look.under_way = true;
                Some(*running)
            }
            _ => None,
        };
        let due: Vec<_> =
            self.phases.iter_mut().filter_map(|(number, it)| Some((*number, due(it)?))).collect();
        for (number, running) in due {
            let own = self.own.clone();
            self.report(async move {
                Done::Looked(number, claims::look(&own, running.node, running.secure).await)
            });
        }
    }

    pub(super) async fn on_looked(&mut self, number: u64, outcome: Result<HolderResponse, String>) {
        let adopted = self.is_adopted(number);
        let Some(Phase::Running(_, look)) = self.phases.get_mut(&number) else { return };
        (look.under_way, look.next) = (false, Instant::now() + LOOK_EVERY.min(self.config.idle / 2));
        match outcome {
            Ok(seen) => {
                (look.failed, look.resident_kib) = (0, seen.resident_kib);
                if let Some(records) = Records::told(&seen) {
                    look.records = Some(records);
                }
                self.on_seen(number, &seen).await;
            }
            Err(why) => {
                look.failed += 1;
                tracing::debug!(number, why, failed = look.failed, "a peer does not answer");
                if look.failed >= MAX_FAILED_LOOKS && adopted {
                    self.phases.remove(&number);
                } else if look.failed >= MAX_FAILED_LOOKS {
                    tracing::warn!(number, why, "a peer does not answer and is started anew");
                    self.metrics.failures.inc();
                    self.stop(number);
                }
            }
        }
    }

    async fn on_seen(&mut self, number: u64, seen: &HolderResponse) {
        let Some(kept) = self.ledger.register().kept(number) else { return };
        let (now, adopted) = (now_s(), kept.adopted);
        let Some(holder) = &kept.holder else { return self.on_seen_vacant(number, seen).await };
        let (redeemed, since_s) = (holder.redeemed, holder.since_s);
        if seen.redeemed && !redeemed {
            self.write_visit(number, Kind::Redeemed(Redeemed {})).await;
        } else if seen.pages > 0 {
            self.on_visit(number).await;
        }
        if adopted && !self.is_still_given(number, seen).await {
            return;
        }
        if seen.redeemed {
            self.sent.remove(&number);
        }
        if !seen.redeemed && !redeemed {
            let is_old = now.saturating_sub(since_s) >= RELEASE_AFTER.as_secs();
            if is_old && !self.may_come(number) && !self.is_wanted(number) {
                if adopted { self.let_go(number).await } else { self.release(number).await }
            }
            return;
        }
        if adopted {
            return;
        }
        let is_idle = u128::from(seen.idle_ms) >= self.config.idle.as_millis();
        if is_idle && seen.pages == 0 && seen.queued == 0 && !self.is_expecting(number) {
            self.put_to_sleep(number).await;
        }
    }

    /// Whether somebody waits for a peer, or is on the way to it.
    fn is_expecting(&self, number: u64) -> bool {
        let is_awaited =
            matches!(self.phases.get(&number), Some(Phase::Running(_, look)) if look.is_expecting());
        is_awaited || self.is_wanted(number)
    }

    /// Somebody is there, or comes back.
    pub(super) async fn on_visit(&mut self, number: u64) {
        let Some(kept) = self.ledger.register().kept(number) else { return };
        // Often enough that a peer in use is never one that was not visited for long.
        let pace = VISIT_PACE.min(self.config.forget / 4);
        if now_s().saturating_sub(kept.visited_s) >= pace.as_secs() {
            self.write_visit(number, Kind::Visited(Visited {})).await;
        }
    }

    async fn write_visit(&mut self, number: u64, news: Kind) {
        if let Err(error) = self.ledger.write(number, news).await {
            tracing::warn!(number, %error, "a visit could not be written down");
        }
    }

    pub(super) async fn put_to_sleep(&mut self, number: u64) {
        let records = match self.phases.get(&number) {
            Some(Phase::Running(_, look)) => look.records.as_ref(),
            _ => None,
        };
        let asleep = records.map(Records::to_keep).unwrap_or_default();
        match self.ledger.write(number, Kind::Asleep(asleep)).await {
            Ok(()) => {
                tracing::debug!(number, "a peer is put to sleep");
                self.stop(number);
            }
            Err(error) => tracing::warn!(number, %error, "a peer cannot be put to sleep"),
        }
    }

    async fn forget_the_forgotten(&mut self) {
        let before = now_s().saturating_sub(self.config.forget.as_secs());
        let forgotten = self.ledger.register().iter().find_map(|(number, kept)| {
            (kept.holder.is_some() && kept.visited_s < before && !self.is_wanted(number)).then_some(number)
        });
        if let Some(number) = forgotten {
            tracing::info!(number, "a peer that was not visited for long is removed");
            self.delete(number, "it was not visited for long").await;
        }
    }

    /// Forgets a peer, then removes it.
    pub(super) async fn delete(&mut self, number: u64, reason: &str) -> bool {
        let adopted = self.is_adopted(number);
        let gone = self
            .ledger
            .write(number, Kind::Gone(Gone { reason: reason.to_owned(), left_alone: adopted }))
            .await;
        match gone {
            Ok(()) if adopted => drop(self.phases.remove(&number)),
            Ok(()) => self.remove(number),
            Err(ref error) => tracing::warn!(number, %error, "a peer cannot be removed"),
        }
        gone.is_ok()
    }
}
