//! A log that began anew because of its age is no restart: nothing went down, and nobody came.

use std::time::Duration;

use proto::{
    log::v1::How,
    topology::v1::{Filter, PathRequest, StatsRequest},
};
use topology::{
    Retention,
    past::Past,
    simulator::{Settings, Simulation},
};

use crate::histories::{BRIDGES, archive, past};

/// The first bridge drops what is older than ten minutes; a peer comes and another one leaves every ten seconds.
fn half_an_hour() -> Simulation {
    let mut simulation = Simulation::new(Settings {
        bridges: BRIDGES,
        retention: |index| {
            let (keep, renew) = (Duration::from_secs(600), Duration::from_secs(150));
            (index == 0).then_some(Retention { keep, renew })
        },
        ..Settings::default()
    });
    for round in 1..=120 {
        let before = simulation.nodes[0].local_peer(round - 1).0.id();
        let next = simulation.nodes[0].local_peer(round);
        simulation.join(0, next, How::Registered);
        if round > 1 {
            simulation.leave(0, before);
        }
        simulation.run_for(Duration::from_secs(10));
    }
    simulation
}

/// The times at which some log began anew, and of what it said at once.
fn renewals(past: Past<'_>) -> Vec<u64> {
    let events = past.range(past.wanted(&Filter::default()).unwrap());
    events.filter(|event| event.text.contains("began its log anew")).map(|event| event.time).collect()
}

#[test]
fn a_log_that_begins_anew_is_neither_an_outage_nor_a_coming() {
    let simulation = half_an_hour();
    // This one keeps everything.
    let archive = archive(&simulation, 1);
    let past = past(&archive);
    let times = renewals(past);
    assert!(times.len() >= 6, "{times:?}");
    let stats = past.stats(&StatsRequest::default()).unwrap();
    assert!(stats.outages.is_empty(), "{:?}", stats.outages);
    assert!(stats.flapping.is_empty(), "{:?}", stats.flapping);
    let (from, to) = (simulation.nodes[0].local_peer(0).0.id(), simulation.nodes[1].local_peer(0).0.id());
    for at in times.into_iter().flat_map(|time| [time, time + 1, time + 2, time + 9]) {
        let request = PathRequest { from: from.to_string(), to: to.to_string(), at };
        let route = past.path(&request).unwrap().route.unwrap();
        assert!(!route.bridges.is_empty(), "{}", route.reason);
    }
}

#[test]
fn what_is_left_is_proven_and_says_from_when() {
    let simulation = half_an_hour();
    let owner = simulation.id(0).to_bytes();
    let kept = archive(&simulation, 0);
    let verified = past(&kept).verify();
    assert!(verified.good, "{verified:?}");
    let first: Vec<_> = verified.logs.iter().filter(|log| !log.begins.is_empty()).collect();
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(first[0].owner, owner);
    assert!(first[0].begins.starts_with("begins 20") && first[0].begins.contains("was dropped"), "{first:?}");
    assert_eq!(
        Some(&first[0].epoch),
        verified.logs.iter().filter(|log| log.owner == owner).map(|log| &log.epoch).min()
    );
    // Of a bridge that keeps everything, nothing is missing.
    let whole = archive(&simulation, 1);
    let verified = past(&whole).verify();
    assert!(
        verified.good
            && verified.logs.iter().filter(|log| log.owner != owner).all(|log| log.begins.is_empty())
    );
}
