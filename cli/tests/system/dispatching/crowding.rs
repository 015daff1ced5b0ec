//! Many at once.

use std::{collections::BTreeMap, thread};

use crate::support::{Lobby, Visitor, eventually, visitor::node_of};

/// People who press the button in the same moment, and peers that there may be.
const PEOPLE: usize = 100;
const PEERS: usize = 30;

#[test]
fn of_a_hundred_at_once_each_gets_a_peer_alone_or_is_told_why_not() {
    let peers = PEERS.to_string();
    let lobby = Lobby::start("crowd", &["--max-peers", &peers, "--pool", "4", "--logins-per-minute", "0"]);
    let port = lobby.port();
    let answers: Vec<_> = thread::scope(|scope| {
        let mut people = Vec::new();
        people.resize_with(PEOPLE, || scope.spawn(|| come(port)));
        people.into_iter().map(|person| person.join().unwrap()).collect()
    });
    let mut given = BTreeMap::new();
    for node in answers.iter().filter_map(|answer| answer.as_ref().ok()) {
        *given.entry(node.clone()).or_insert(0) += 1;
    }
    assert!(given.values().all(|times| *times == 1), "given twice: {given:?}");
    assert_eq!(given.len(), PEERS);
    for why in answers.into_iter().filter_map(Result::err) {
        assert!(why.contains(&format!("this place is full: all {PEERS} peers are somebody's")), "{why}");
    }
    let status = lobby.status();
    assert_eq!(status["waiting"], 0, "{status}");
    for peer in status["peers"].as_array().unwrap() {
        assert!(peer["state"] == "held" && given.contains_key(peer["id"].as_str().unwrap()), "{peer}");
    }
}

/// The peer that a new person gets, or why none. What may go better the next time is tried again, as people do.
fn come(port: u16) -> Result<String, String> {
    let mut visitor = Visitor::default();
    eventually("somebody gets in, or hears that there is no room", || {
        let heard = visitor.log_in(port);
        if let Some(go) = heard.go() {
            assert_eq!(visitor.follow(&go).unwrap().status, 303);
            return Some(Ok(node_of(&go).to_owned()));
        }
        let why = heard.why();
        assert!(heard.status == 503 && !why.is_empty() && heard.header("retry-after").is_some(), "{heard:?}");
        why.contains("full").then_some(Err(why))
    })
}
