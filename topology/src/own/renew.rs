//! Beginning the own log anew because of its age: a fresh epoch that says again what the one before says now, so that
//! nobody needs the one before to know what is so.

use std::time::Duration;

use prost::Message as _;
use proto::log::v1::{self, Kind};

use crate::{
    Core, Policy, Retention,
    limits::{MAX_FORKS_PER_BRIDGE, OWN_EVENTS_PER_MINUTE, RENEWAL_EVENTS},
};

impl Core {
    /// Begins the own log anew if it is old enough and has enough to lose. Nobody sees peers or links vanish by it: until
    /// all that is said again has come, the epoch before counts.
    pub(crate) fn renew(&mut self, retention: Retention) {
        if !self.may_renew(retention) {
            return;
        }
        let facts = self.standing_facts();
        let witnessed_at = self.own.as_ref().and_then(|own| own.witnessed_at);
        self.begin_epoch(1 + facts.len() as u64);
        self.counts.renewals += 1;
        if let Some(own) = &mut self.own {
            own.witnessed_at = witnessed_at;
            own.accusations = facts.iter().filter(|(kind, _)| *kind == Kind::ForkFound).count();
        }
        for (kind, payload) in facts {
            self.append_encoded(kind, payload);
        }
    }

    fn may_renew(&self, retention: Retention) -> bool {
        let Some(own) = &self.own else { return false };
        let (log, owner) = (&self.logs[own.key], &self.owners[&self.me]);
        let age = self.now.mono.saturating_sub(own.opened_at);
        let busy = own.superseded || own.accused.is_some() || self.local.draining || self.local.stopped;
        // What is said again is new to nobody, but it is work for everybody: it must not exceed the rate of news.
        let pace = Duration::from_secs(60 * own.restates) / OWN_EVENTS_PER_MINUTE;
        !busy
            && age >= retention.renew.max(pace)
            && log.last >= own.restates + RENEWAL_EVENTS
            && owner.folded == Some(own.log.epoch)
            && owner.fold.through == log.last
    }

    /// What the own log says now, as events. What waits for the rate, or is damped, goes on waiting.
    fn standing_facts(&mut self) -> Vec<(Kind, Vec<u8>)> {
        // Links first, so that they come with the start in one segment.
        let mut facts = self.local.logged_links();
        let policy = self.local.logged_policy();
        if *policy != Policy::default() {
            facts.push((Kind::PolicyChanged, policy.to_proto().encode_to_vec()));
        }
        let proofs = self.forks.proofs().take(MAX_FORKS_PER_BRIDGE);
        facts.extend(proofs.map(|proof: &v1::ForkProof| (Kind::ForkFound, proof.encode_to_vec())));
        self.local.restate_peers(&mut facts);
        facts
    }
}
