//! How long a directly heard node is believed to be there, and at which addresses.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use identity::Announcement;

use super::Dropped;
use crate::{
    KnownAddress, SourceKind,
    limits::{GREETING_RETRY, LEASE, MAX_ADDRESSES, SAME_ANNOUNCEMENT},
};

/// The lease of one node.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) sequence: u64,
    /// When that sequence was heard first: a replay does not prolong anything.
    pub(super) heard: Instant,
    pub(super) latest: Announcement,
    pub(super) admitted_from: IpAddr,
    /// When it may be greeted next, and the wait after that.
    pub(super) greet_at: Instant,
    pub(super) greet_wait: Duration,
    /// The one learned last at the front.
    addresses: Vec<(KnownAddress, Instant)>,
}

impl Lease {
    pub(super) fn new(now: Instant, latest: Announcement, address: KnownAddress) -> Self {
        Self {
            sequence: latest.sequence(),
            heard: now,
            latest,
            admitted_from: address.ip,
            greet_at: now,
            greet_wait: GREETING_RETRY,
            addresses: vec![(address, now)],
        }
    }

    /// Whether an announcement of this sequence is no replay.
    pub(super) fn check(&self, now: Instant, sequence: u64) -> Result<(), Dropped> {
        let late = now.saturating_duration_since(self.heard) > SAME_ANNOUNCEMENT;
        if sequence < self.sequence || (sequence == self.sequence && late) {
            return Err(Dropped::Replay);
        }
        Ok(())
    }

    /// Takes in an announcement that is no replay. True when the addresses changed.
    pub(super) fn hear(&mut self, now: Instant, announcement: Announcement, address: KnownAddress) -> bool {
        let sequence = announcement.sequence();
        if sequence > self.sequence {
            if announcement.description_hash() != self.latest.description_hash() {
                self.greet_at = now;
                self.greet_wait = GREETING_RETRY;
            }
            self.latest = announcement;
        }
        self.renew(now, sequence, address)
    }

    /// Takes in that a node said the same again, with a sequence that is no replay. True when the addresses changed.
    pub(super) fn renew(&mut self, now: Instant, sequence: u64, address: KnownAddress) -> bool {
        if sequence > self.sequence {
            self.sequence = sequence;
            self.heard = now;
        }
        // An address lives from the first hearing of the sequence, as the node itself does.
        let heard = self.heard;
        match self.addresses.iter_mut().find(|(known, _)| same_place(known, &address)) {
            Some((known, last)) => {
                *last = heard;
                let better = address.was_heard() && !known.was_heard();
                if better {
                    *known = address;
                }
                better
            }
            None => {
                self.make_room();
                self.addresses.insert(0, (address, heard));
                true
            }
        }
    }

    /// Removes addresses that were silent for a lease. True when there were any.
    pub(super) fn addresses_expired(&mut self, now: Instant) -> bool {
        let before = self.addresses.len();
        self.addresses.retain(|(_, last)| now.saturating_duration_since(*last) < LEASE);
        self.addresses.len() != before
    }

    pub(super) fn forget_addresses(&mut self) {
        self.addresses.clear();
    }

    pub(super) fn addresses(&self) -> Vec<KnownAddress> {
        self.addresses.iter().map(|(known, _)| known.clone()).collect()
    }

    /// True when the node does not speak unasked, as far as is known: its lease is renewed by greetings alone.
    pub(super) fn only_greeted(&self) -> bool {
        self.addresses
            .iter()
            .all(|(known, _)| matches!(known.source, SourceKind::Hint | SourceKind::Greeting))
    }

    fn make_room(&mut self) {
        if self.addresses.len() < MAX_ADDRESSES {
            return;
        }
        let oldest = self.addresses.iter().enumerate().min_by_key(|(_, (_, last))| *last);
        if let Some((place, _)) = oldest {
            self.addresses.remove(place);
        }
    }
}

/// One address may be heard on several interfaces; for link-local ones the interface is part of it.
fn same_place(one: &KnownAddress, other: &KnownAddress) -> bool {
    one.ip == other.ip && one.scope == other.scope
}
