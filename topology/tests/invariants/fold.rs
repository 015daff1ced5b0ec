//! Invariants "order-independent fold" and "fork roll-back".

use proptest::prelude::*;
use proto::log::v1::{How, Segment};
use topology::{
    LinkId, Warning,
    simulator::{Forger, Lone},
};

/// Three bridges in a row behind the core's neighbour, with peers, and changes over time.
fn logs(me: identity::NodeId) -> Vec<Forger> {
    let mut forgers: Vec<Forger> = (1..=4).map(|number| Forger::new(number, 1)).collect();
    let ids: Vec<_> = forgers.iter().map(Forger::id).collect();
    forgers[0].link_up(me);
    for (index, forger) in forgers.iter_mut().enumerate() {
        if index > 0 {
            forger.link_up(ids[index - 1]);
        }
        if let Some(next) = ids.get(index + 1) {
            forger.link_up(*next);
            forger.link_down(*next);
            forger.link_up(*next);
        }
        let network = forger.network.clone();
        forger.claim(index as u64, How::Registered, &[ids[index]], &network);
        forger.claim(10, How::Heard, &[], &network);
    }
    forgers
}

fn linked(me: u64) -> (Lone, LinkId, Vec<Forger>) {
    let mut lone = Lone::new(me);
    let forgers = logs(lone.core.id());
    let link = lone.link(forgers[0].id());
    (lone, link, forgers)
}

/// What a core makes of the logs of these bridges.
fn state(lone: &mut Lone, forgers: &[Forger]) -> Vec<(Option<topology::Head>, Option<topology::Hash>)> {
    lone.pass(std::time::Duration::from_millis(500));
    let held = forgers.iter().map(|forger| (lone.held(&forger.log), lone.core.view().root(&forger.id())));
    held.collect()
}

/// Shows segments in this order, again and again until all are taken: what comes too early is not kept.
fn show(lone: &mut Lone, link: LinkId, segments: &[Segment]) {
    for _ in 0..segments.len().min(12) {
        segments.iter().for_each(|segment| lone.segment(link, segment.clone()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn order_independent_fold(order in Just((0..16_usize).collect::<Vec<_>>()).prop_shuffle(), size in 1..4_u64) {
        let (mut straight, link, forgers) = linked(1);
        forgers.iter().for_each(|forger| straight.take(link, forger));
        let expected = state(&mut straight, &forgers);
        let (mut mixed, link, forgers) = linked(1);
        let segments: Vec<Segment> = forgers.iter().flat_map(|forger| forger.segments(size)).collect();
        let mut shuffled: Vec<(usize, Segment)> =
            segments.into_iter().enumerate().map(|(index, it)| (order[index % order.len()], it)).collect();
        shuffled.sort_by_key(|(rank, _)| *rank);
        let shuffled: Vec<Segment> = shuffled.into_iter().map(|(_, it)| it).collect();
        show(&mut mixed, link, &shuffled);
        prop_assert_eq!(state(&mut mixed, &forgers), expected);
    }

    #[test]
    fn fork_roll_back_whatever_came_first(at in 2..9_u64, first_left in any::<bool>(), size in 1..5_u64) {
        let (mut one, link, forgers) = linked(1);
        forgers.iter().for_each(|forger| one.take(link, forger));
        let mut left = forgers[0].clone();
        (0..6).for_each(|number| left.link_up(Forger::new(50 + number, 1).id()));
        let mut right = left.clone();
        right.entries.truncate(at as usize - 1);
        (0..7).for_each(|number| right.link_up(Forger::new(70 + number, 1).id()));
        let (first, second) = if first_left { (&left, &right) } else { (&right, &left) };
        let mut heads = Vec::new();
        for (first, second) in [(first, second), (second, first)] {
            let (mut lone, link, _) = linked(1);
            first.segments(size).into_iter().for_each(|it| lone.segment(link, it));
            show(&mut lone, link, &second.segments(size));
            let fork = Warning::Fork { log: left.log, sequence: at };
            prop_assert!(lone.warnings.contains(&fork));
            let head = lone.held(&left.log).unwrap();
            prop_assert_eq!(head, left.head(at - 1));
            let stored = lone.history.logs().into_iter().find(|(log, _)| *log == left.log).unwrap();
            prop_assert_eq!(stored.1.len() as u64, at - 1);
            heads.push((head, lone.core.view().root(&left.id())));
        }
        prop_assert_eq!(heads[0], heads[1]);
    }
}

#[test]
fn fork_roll_back_reaches_those_who_saw_one_side_only() {
    // The finder's log carries the proof.
    let (mut finder, link, forgers) = linked(1);
    let mut left = forgers[0].clone();
    left.link_up(Forger::new(50, 1).id());
    let mut right = forgers[0].clone();
    right.link_up(Forger::new(60, 1).id());
    finder.take(link, &left);
    finder.segment(link, right.segment(right.entries.len() as u64, right.entries.len() as u64));
    let at = left.entries.len() as u64;
    let id = finder.core.id();
    let own = finder.history.logs().into_iter().find(|(log, _)| log.owner == id).unwrap();
    let kinds: Vec<_> =
        own.1.iter().map(|entry| topology::Event::decode(&entry.event).unwrap().known_kind()).collect();
    assert!(kinds.contains(&Some(proto::log::v1::Kind::ForkFound)));
    // Another bridge, linked with the finder and the forger, saw only the right side.
    let mut other = Lone::new(2);
    let to_forger = other.link(left.id());
    other.take(to_forger, &right);
    assert_eq!(other.held(&left.log).unwrap().sequence, at);
    let to_finder = other.link(id);
    other.segment(to_finder, own_log(&finder));
    assert_eq!(other.held(&left.log).unwrap(), left.head(at - 1));
    assert!(other.warnings.contains(&Warning::Fork { log: left.log, sequence: at }));
    // And what lies beyond is not taken again.
    other.take(to_forger, &left);
    assert_eq!(other.held(&left.log).unwrap(), left.head(at - 1));
}

/// The own log of a core, as its neighbours get it.
fn own_log(lone: &Lone) -> Segment {
    let id = lone.core.id();
    let own = lone.history.logs().into_iter().find(|(log, _)| log.owner == id).unwrap();
    Segment {
        owner: id.to_bytes(),
        epoch: own.0.epoch.to_bytes(),
        first: 1,
        previous: bytes::Bytes::from_static(&[0; 32]),
        events: own.1.iter().map(|entry| entry.event.clone()).collect(),
        signature: own.1.last().unwrap().signature.clone(),
    }
}

/// Guards against a chain of forks, each one event earlier than the one before: each cost everybody a cut and a refold
/// of the whole log, and who had seen another number of them held another log.
#[test]
fn fork_roll_back_of_a_chain_of_forks_is_the_same_whatever_came_first() {
    let mut log = Forger::new(1, 1);
    (0..30).for_each(|number| log.link_up(Forger::new(50 + number, 1).id()));
    let branch = |at: u64| {
        let mut other = log.clone();
        other.entries.truncate(at as usize - 1);
        other.link_down(Forger::new(90, 1).id());
        other.segment(at, at)
    };
    let last = log.entries.len() as u64;
    let orders = [(3..last).rev().collect::<Vec<u64>>(), (3..last).collect(), vec![20, 9, 20, 9, 30], vec![]];
    let mut finders = Vec::new();
    for (number, order) in (1..).zip(&orders) {
        let mut lone = Lone::new(number);
        let link = lone.link(log.id());
        log.segments(1).into_iter().for_each(|it| lone.segment(link, it));
        let own = lone.core.counts().own_events;
        order.iter().for_each(|at| lone.segment(link, branch(*at)));
        let written = lone.core.counts().own_events - own;
        assert!(written <= 2, "{written} proofs are written of {}", order.len());
        finders.push(lone);
    }
    let offends = |it: &Warning| matches!(it, Warning::Invalid { what, .. } if what.contains("forks again"));
    assert!(finders[0].warnings.iter().any(offends), "{:?}", finders[0].warnings);
    let found: Vec<_> = finders.iter().map(|lone| (lone.core.id(), own_log(lone))).collect();
    for lone in &mut finders {
        for (id, own) in found.iter().filter(|(id, _)| *id != lone.core.id()).cloned().collect::<Vec<_>>() {
            let link = lone.link(id);
            lone.segment(link, own);
        }
        lone.segment(LinkId(1), log.segment(1, last));
        assert_eq!(lone.held(&log.log).unwrap().sequence, 0, "nothing of it is taken again");
    }
    let root = |lone: &Lone| lone.core.view().root(&log.id());
    assert!(finders.iter().all(|lone| root(lone) == root(&finders[0])));
}

/// Guards against a bridge that is killed after the proof of a fork became durable and before the cut did.
#[test]
fn fork_roll_back_happens_at_the_start_if_the_cut_was_lost() {
    let mut log = Forger::new(1, 1);
    (0..9).for_each(|number| log.link_up(Forger::new(50 + number, 1).id()));
    let mut other = log.clone();
    other.entries.truncate(5);
    other.link_down(Forger::new(90, 1).id());
    let mut finder = Lone::new(3);
    let link = finder.link(log.id());
    finder.take(link, &log);
    finder.segment(link, other.segment(6, 6));
    assert_eq!(finder.held(&log.log).unwrap(), log.head(5));
    let id = finder.core.id();
    let (own, proof) = finder.history.logs().into_iter().find(|(log, _)| log.owner == id).unwrap();
    for proof_first in [true, false] {
        let mut lone = Lone::unstarted(2);
        let mut stored = vec![(own, proof.clone()), (log.log, log.stored())];
        if !proof_first {
            stored.reverse();
        }
        for (id, entries) in stored {
            lone.history.store(id, 1, &entries);
            lone.core.load(id, entries).unwrap();
        }
        lone.start();
        assert_eq!(lone.held(&log.log).unwrap(), log.head(5), "the proof first: {proof_first}");
        assert_eq!(lone.core.view().root(&log.id()), finder.core.view().root(&log.id()));
        let kept = lone.history.logs().into_iter().find(|(id, _)| *id == log.log).unwrap();
        assert_eq!(kept.1.len(), 5, "the disk is cut, too");
        assert!(lone.warnings.contains(&Warning::Fork { log: log.log, sequence: 6 }));
    }
}
