//! Logs of the federation and their load: what `cargo bench -p topology` and the table of `bench relay` measure.

use proto::log::v1::How;
use topology::{
    Entry,
    simulator::{Forger, Lone},
};

/// A log of link events, and one of peers' claims among them.
pub(crate) fn log(events: u64, claims: u64) -> Forger {
    let mut forger = Forger::new(1, 1);
    let other = Forger::new(2, 1).id();
    let (id, network) = (forger.id(), forger.network.clone());
    for number in 1..events {
        if number <= claims {
            forger.claim(number, How::Registered, &[id], &network);
        } else if number % 2 == 0 {
            forger.link_up(other);
        } else {
            forger.link_down(other);
        }
    }
    forger
}

/// Takes over a stored log: every hash of its chain is checked, and every event folded.
pub(crate) fn load(mut lone: Lone, log: &Forger, stored: Vec<Entry>) -> Lone {
    lone.core.load(log.log, stored).expect("the log is whole");
    lone
}
