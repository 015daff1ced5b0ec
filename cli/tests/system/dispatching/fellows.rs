//! Two dispatchers that give out each other's peers and share their people.

use std::{collections::BTreeMap, thread};

use crate::{
    commands::{USAGE, assert_answer},
    support::{Lobby, Visitor, eventually, visitor::node_of},
};

/// People who press the button in the same moment, half of them at each dispatcher; and peers that there may be.
const PEOPLE: usize = 200;
const PEERS: usize = 16;

/// A dispatcher that keeps peers, and one that has none of its own.
fn fellows(test: &str, peers: usize, further: &[&str]) -> [Lobby; 2] {
    let peers = peers.to_string();
    let keeping = [&["--pool", &peers, "--max-peers", &peers, "--logins-per-minute", "0"], further].concat();
    let none = ["--pool", "0", "--max-peers", "0", "--logins-per-minute", "0"];
    Lobby::start_fellows(test, [&keeping, &none])
}

/// The peer that a new person gets, or that there is no room.
fn come(port: u16) -> Option<String> {
    let mut visitor = Visitor::default();
    eventually("somebody gets in, or hears that there is no room", || {
        let heard = visitor.log_in(port);
        if let Some(go) = heard.go() {
            assert_eq!(visitor.follow(&go).unwrap().status, 303);
            return Some(Some(node_of(&go).to_owned()));
        }
        assert!(heard.status == 503 && heard.header("retry-after").is_some(), "{heard:?}");
        heard.why().contains("full").then_some(None)
    })
}

#[test]
fn of_two_hundred_at_two_dispatchers_none_gets_a_peer_that_another_one_has() {
    let lobbies = fellows("both", PEERS, &[]);
    lobbies[0].wait_vacant(PEERS);
    let ports = lobbies.each_ref().map(Lobby::port);
    // So that it is sure that peers of one are given out by the other.
    let first = come(ports[1]).expect("there is room");
    let answers: Vec<_> = thread::scope(|scope| {
        let people = (0..PEOPLE).map(|person| scope.spawn(move || come(ports[person % 2])));
        people.collect::<Vec<_>>().into_iter().map(|person| person.join().unwrap()).collect()
    });
    let mut given = BTreeMap::from([(first, 1)]);
    for node in answers.into_iter().flatten() {
        *given.entry(node).or_insert(0) += 1;
    }
    assert!(given.values().all(|times| *times == 1), "given twice: {given:?}");
    assert_eq!(given.len(), PEERS, "{given:?}");
    eventually("the one that keeps none says so", || {
        Visitor::default().log_in(ports[1]).why().contains("full: it keeps no peers itself").then_some(())
    });
    eventually("the one that keeps them knows that all are somebody's", || {
        let kept = lobbies[0].kept();
        (kept.len() == PEERS && kept.iter().all(|peer| peer["state"] == "held")).then_some(())
    });
}

#[test]
fn a_person_is_known_at_both_and_the_peer_sleeps_and_wakes_at_whoever_keeps_it() {
    let [keeping, other] = fellows("shared", 2, &["--idle", "1s"]);
    keeping.wait_vacant(2);
    let mut visitor = Visitor::default();
    let node = visitor.enter(other.port());
    assert_eq!(other.kept_as(&node)["state"], "elsewhere");
    keeping.wait_state(&node, "asleep");
    let page = visitor.page(other.port(), &node, "/").unwrap();
    assert!(page.status == 200 && page.body.contains("id=\"people\""), "{page:?}");

    // Whoever keeps it knows whose it is.
    keeping.wait_state(&node, "asleep");
    assert_eq!(visitor.enter(keeping.port()), node);
    // And a peer that was given out by whoever keeps it is found by the other one.
    let mut second = Visitor::default();
    let node = second.enter(keeping.port());
    keeping.wait_state(&node, "asleep");
    assert_eq!(second.enter(other.port()), node);
    let refused = other.dispatcher.causeway(&["dispatcher", "delete", &node]);
    assert_answer(&refused, USAGE, &["another dispatcher keeps this peer"]);
}

#[test]
fn a_peer_of_a_dispatcher_that_is_gone_is_not_replaced_by_another_one() {
    let [mut keeping, other] = fellows("gone", 1, &["--idle", "1s"]);
    keeping.wait_vacant(1);
    let mut visitor = Visitor::default();
    let node = visitor.enter(keeping.port());
    keeping.wait_state(&node, "asleep");
    keeping.dispatcher.kill();
    let refused = visitor.log_in(other.port());
    assert!(refused.status == 503 && refused.why().contains("kept elsewhere"), "{refused:?}");
    keeping.dispatcher.start_again();
    eventually("the person gets back to it", || {
        visitor.log_in(other.port()).go().filter(|go| node_of(go) == node)
    });
}

#[test]
fn of_more_than_are_wanted_one_that_a_fellow_gave_out_meanwhile_is_not_removed() {
    let [mut keeping, other] = fellows("surplus", 3, &[]);
    keeping.wait_vacant(3);
    keeping.dispatcher.kill();
    // So the next run of whoever keeps them takes all three for vacant.
    let people = [(); 2].map(|()| {
        let mut visitor = Visitor::default();
        let node = visitor.enter(other.port());
        (visitor, node)
    });
    let is_known = |(_, node): &(_, String)| other.kept_as(node)["resident_kib"].as_u64().is_some();
    eventually("they say themselves how much memory they have", || people.iter().all(is_known).then_some(()));
    keeping.dispatcher.change("--pool", "0");
    keeping.dispatcher.start_again();
    eventually("what is nobody's is removed, and nothing else", || {
        let kept = keeping.kept();
        (kept.len() == 2 && kept.iter().all(|peer| peer["state"] == "held")).then_some(())
    });
    for (mut visitor, node) in people {
        assert_ne!(keeping.kept_as(&node)["user"], "");
        assert_eq!(visitor.page(other.port(), &node, "/").unwrap().status, 200);
        assert_eq!(visitor.enter(keeping.port()), node);
    }
}
