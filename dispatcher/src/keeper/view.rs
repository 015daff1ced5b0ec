//! How everything is, for people and for metrics.

use std::{collections::BTreeMap, sync::Arc};

use proto::control::v1::KeptPeer;

use super::{Keeper, Phase, View};
use crate::{ledger::now_s, register::Kept};

impl Keeper {
    pub(super) fn view(&self) -> View {
        let peers = self.ledger.register().iter().map(|(number, kept)| self.peer(number, kept)).collect();
        let warnings = self.trouble.iter().map(|(number, why)| match number {
            0 => why.clone(),
            number => format!("peer {number} does not run: {why}"),
        });
        View { waiting: self.line.len().try_into().unwrap_or(u32::MAX), peers, warnings: warnings.collect() }
    }

    pub(super) fn count(&self) {
        let mut states = BTreeMap::new();
        for (number, kept) in self.ledger.register().iter() {
            *states.entry(self.state(number, kept)).or_insert(0) += 1;
        }
        self.metrics.set_states(&states);
        self.metrics.waiting.set(i64::try_from(self.line.len()).unwrap_or(i64::MAX));
    }

    /// Those that have ended, so that what a bridge hears of them last is that they sleep.
    pub(super) fn tell_who_sleeps(&self) {
        let asleep = self.ledger.register().iter().filter(|(number, _)| !self.phases.contains_key(number));
        let records = asleep.filter_map(|(_, kept)| kept.records.clone());
        let now: BTreeMap<_, _> = records.map(|records| (records.id(), records)).collect();
        self.sleeping.send_if_modified(|before| {
            let is_other = before.len() != now.len()
                || before.values().zip(now.values()).any(|(one, other)| !Arc::ptr_eq(one, other));
            if is_other {
                *before = Arc::new(now);
            }
            is_other
        });
    }

    fn peer(&self, number: u64, kept: &Kept) -> KeptPeer {
        let now = now_s();
        let resident = match self.phases.get(&number) {
            Some(Phase::Running(running, look)) => {
                self.place_of(number).resident_kib(running).or(look.resident_kib)
            }
            _ => None,
        };
        KeptPeer {
            number,
            node_id: kept.node.map(|node| node.to_bytes()).unwrap_or_default(),
            state: self.state(number, kept).to_owned(),
            user: kept.holder.as_ref().map(|holder| holder.user.clone()).unwrap_or_default(),
            age_s: now.saturating_sub(kept.made_s),
            visited_s: now.saturating_sub(kept.visited_s),
            resident_kib: resident,
            trouble: self.trouble.get(&number).cloned().unwrap_or_default(),
        }
    }

    fn state(&self, number: u64, kept: &Kept) -> &'static str {
        match self.phases.get(&number) {
            _ if kept.adopted => "elsewhere",
            Some(Phase::Starting) => "starting",
            Some(Phase::Stopping) => "stopping",
            Some(Phase::Running(..)) if kept.holder.is_some() => "held",
            Some(Phase::Running(..)) => "vacant",
            None if kept.asleep => "asleep",
            None => "broken",
        }
    }
}
