//! What the answers say about things that are known to have happened.

use proto::{
    log::v1::Kind,
    topology::v1::{DiffRequest, Filter, PathRequest, StateAtRequest, StatsRequest, WhyRequest},
};
use topology::{
    MemoryHistory,
    past::{KINDS, Past, PastError},
    simulator::Simulation,
};

use crate::histories::{Step, archive, events, lived, past};

/// A bridge is cut off from both neighbours for a while, and a peer moves.
fn incident() -> (Simulation, MemoryHistory) {
    let steps = [
        Step::Join(0, 1),
        Step::Join(2, 1),
        Step::Pass(30),
        Step::Cut(2),
        Step::Pass(90),
        Step::Heal(2),
        Step::Pass(90),
        Step::Leave(2, 1),
        Step::Pass(10),
    ];
    let simulation = lived(3, &steps);
    let archive = archive(&simulation, 0);
    (simulation, archive)
}

/// The time of the first event of a kind about a node.
fn time_of(past: Past<'_>, kind: Kind, last: bool) -> u64 {
    let filter = Filter { kinds: vec![kind.into()], ..Filter::default() };
    let mut times = past.range(past.wanted(&filter).unwrap()).map(|event| event.time);
    if last { times.last().unwrap() } else { times.next().unwrap() }
}

fn peer(simulation: &Simulation, bridge: usize) -> String {
    simulation.nodes[bridge].local_peer(1).0.id().to_string()
}

#[test]
fn a_cut_is_seen_in_state_difference_path_and_statistics() {
    let (simulation, archive) = incident();
    let past = past(&archive);
    let (from, to) = (peer(&simulation, 0), peer(&simulation, 2));
    let down = time_of(past, Kind::LinkDown, false);
    let up_again = time_of(past, Kind::LinkUp, true);
    // Long after the links went down at both ends, and before they came up again.
    let during = down + (up_again - down) / 2;
    let path = |at| past.path(&PathRequest { from: from.clone(), to: to.clone(), at }).unwrap();
    let before = path(down - 1);
    let way = before.route.unwrap().bridges;
    assert!(way.len() > 1);
    let broken = path(during);
    let route = broken.route.unwrap();
    assert!(route.bridges.is_empty() && route.reason.contains("no chain of links"), "{}", route.reason);
    assert_eq!(broken.changed_by.unwrap().kind(), Kind::LinkDown);
    assert!(!broken.before.unwrap().bridges.is_empty());
    let state = past.state_at(&StateAtRequest { at: during, ..StateAtRequest::default() }).unwrap();
    let alone = state.bridges.iter().find(|bridge| bridge.node_id == simulation.id(2).to_bytes()).unwrap();
    assert_eq!(state.bridges.iter().filter(|bridge| bridge.island == alone.island).count(), 1);

    let diff = past.diff(&DiffRequest { from: down - 1, to: during }).unwrap();
    let kinds: Vec<_> = diff.changes.iter().map(|change| change.kind_name.as_str()).collect();
    let links = simulation.wires_of(2).len();
    assert_eq!(kinds, [vec!["link_down"; links], vec!["islands"]].concat(), "{:?}", diff.changes);
    let back = past.diff(&DiffRequest { from: during, to: up_again }).unwrap();
    assert!(back.changes.iter().any(|change| change.kind_name == "link_up"), "{:?}", back.changes);

    let stats = past.stats(&StatsRequest::default()).unwrap();
    assert_eq!(stats.outages.len(), links, "{:?}", stats.outages);
    assert!(
        stats.outages.iter().all(|outage| outage.to > 0 && outage.milliseconds > 1_000),
        "{:?}",
        stats.outages
    );
    assert_eq!(stats.events as usize, events(past).len());
}

#[test]
fn a_peer_that_left_says_so_and_why_it_was_there() {
    let (simulation, archive) = incident();
    let past = past(&archive);
    let id = peer(&simulation, 2);
    let left = time_of(past, Kind::PeerLeft, true);
    let why = |at| past.why(&WhyRequest { peer: id[..10].to_owned(), at, ..WhyRequest::default() }).unwrap();
    let there = why(left - 1);
    assert_eq!(there.sightings.len(), 1, "{there:?}");
    let sighting = &there.sightings[0];
    assert!(sighting.counts && sighting.event.as_ref().unwrap().text.contains("registered"), "{sighting:?}");
    assert!(there.routes.iter().all(|from| !from.route.as_ref().unwrap().bridges.is_empty()), "{there:?}");
    let gone = why(0);
    assert!(gone.sightings.is_empty());
    let reason = &gone.routes[0].route.as_ref().unwrap().reason;
    assert!(reason.contains("has not come back"), "{reason}");
    assert_eq!(gone.history.last().unwrap().kind(), Kind::PeerLeft);
}

#[test]
fn what_cannot_be_answered_says_why() {
    let (_, archive) = incident();
    let past = past(&archive);
    let (first, _) = past.span().unwrap();
    let early = past.state_at(&StateAtRequest { at: first.0 - 1, ..StateAtRequest::default() });
    assert!(matches!(early, Err(PastError::BeforeFirst { .. })));
    let nobody = past.why(&WhyRequest { peer: "nobody".into(), ..WhyRequest::default() });
    assert!(matches!(nobody, Err(PastError::Unknown { .. })));
    assert!(matches!(past.event("nonsense"), Err(PastError::BadEventId(_))));
    assert!(matches!(past.event("abcdefgh.0123456789ab.1"), Err(PastError::NoSuchEvent(_))));
    let empty = MemoryHistory::default();
    let nothing = crate::histories::past(&empty).state_at(&StateAtRequest::default());
    assert_eq!(nothing, Err(PastError::NoEvents));
}

#[test]
fn whoever_follows_misses_and_repeats_nothing_across_a_break() {
    let (_, whole) = incident();
    let all: Vec<String> = events(past(&whole));
    let partial = MemoryHistory::default();
    let mut seen = Vec::new();
    let mut positions = Vec::new();
    let logs = topology::past::Archive::logs(&whole);
    // More and more of each log becomes durable; whoever follows breaks off and comes back each time.
    for share in 1..=5_u64 {
        for (log, last) in &logs {
            let through = last * share / 5;
            let entries =
                topology::History::read(&whole, log, 1, usize::try_from(through).unwrap(), usize::MAX);
            partial.store(*log, 1, &entries);
        }
        let past = past(&partial);
        let mut watching = past.watch(past.wanted(&Filter::default()).unwrap(), positions.clone());
        loop {
            let step = watching.step(&past, 3);
            seen.extend(step.events);
            assert_eq!(step.unreadable, None);
            if !step.more {
                break;
            }
        }
        positions = past.positions();
    }
    let mut ids: Vec<String> = seen.into_iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), all.len());
    let mut expected = all;
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected);
}

#[test]
fn every_kind_of_event_has_a_name() {
    for number in 1..64 {
        let Ok(kind) = Kind::try_from(number) else { continue };
        assert!(KINDS.iter().any(|(known, _)| *known == kind), "{kind:?}");
    }
}
