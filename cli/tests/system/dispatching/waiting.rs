//! What takes days: claims of people who never came, and peers that nobody visits. The clock is moved.

use std::io::{BufRead as _, BufReader, Write as _};

use serde_json::Value;

use crate::{
    clocks::Clock,
    support::{
        Lobby, Visitor, eventually,
        visitor::{connect_from, node_of},
    },
};

const HOUR_S: u64 = 3600;

/// A dispatcher and its peers that go by a clock; none, said loudly, where that cannot be.
fn start(test: &str, arguments: &[&str]) -> Option<(Clock, Lobby)> {
    let clock = Clock::right()?;
    let lobby = Lobby::start_told(test, arguments, &clock.environment());
    Some((clock, lobby))
}

/// The peer's page stays open in a browser until what is given is dropped.
fn keep_open(visitor: &Visitor, port: u16, node: &str) -> impl Sized {
    let mut stream = connect_from([127, 0, 0, 1].into(), port).unwrap();
    let session = visitor.session.as_ref().unwrap();
    let head =
        format!("GET /api/live HTTP/1.1\r\nhost: {node}.localhost:{port}\r\ncookie: {session}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    let mut status = String::new();
    stream.read_line(&mut status).unwrap();
    assert!(status.contains(" 200 "), "{status}");
    stream
}

#[test]
fn a_peer_that_nobody_visits_is_forgotten_and_those_that_somebody_comes_to_or_has_open_are_not() {
    let Some((clock, lobby)) = start("forgetting", &["--pool", "1", "--idle", "1h"]) else { return };
    let port = lobby.port();
    let [mut comes, mut stays, mut never] = [(); 3].map(|()| Visitor::default());
    let [come_to, open, left] = [&mut comes, &mut stays, &mut never].map(|visitor| visitor.enter(port));
    let number = lobby.number(&left);
    let _page = keep_open(&stays, port, &open);

    clock.set("+1d");
    // So it was seen that their people came.
    for node in [&come_to, &left] {
        lobby.wait_state(node, "asleep");
    }
    assert_eq!(lobby.kept_as(&open)["state"], "held");
    clock.set("+60d");
    let visited = |node: &str| lobby.kept_as(node)["visited_s"].as_u64().unwrap();
    eventually("weeks have passed", || (visited(&left) > 58 * 24 * HOUR_S).then_some(()));
    assert_eq!(comes.enter(port), come_to);
    eventually("the page that is open is a visit", || (visited(&open) < HOUR_S).then_some(()));
    assert!(visited(&come_to) < HOUR_S && visited(&left) > 58 * 24 * HOUR_S);
    clock.set("+100d");
    eventually("nothing of the one that nobody visits is left", || {
        let is_gone = lobby.kept().iter().all(|peer: &Value| peer["id"] != *left);
        (is_gone && lobby.process_of(number).is_none() && !lobby.data_of(number).exists()).then_some(())
    });
    // All that were due are gone by the next one that is: one after the other.
    assert_eq!(comes.enter(port), come_to);
    assert_ne!(lobby.kept_as(&open)["user"], "");
    assert_ne!(never.enter(port), left, "whose it was comes as somebody new");
}

#[test]
fn whoever_comes_at_the_moment_in_which_a_peer_is_put_to_sleep_gets_in() {
    let Some((clock, lobby)) = start("moment", &["--pool", "0", "--idle", "1h"]) else { return };
    let (port, mut visitor) = (lobby.port(), Visitor::default());
    let node = visitor.enter(port);
    for hours in 1..=30 {
        // It is due to sleep at the next look, which comes as soon as time has jumped.
        clock.set(&format!("+{}h", 2 * hours));
        assert_eq!(visitor.enter(port), node, "jump {hours}");
    }
}

#[test]
fn however_soon_peers_are_forgotten_one_whose_page_is_open_is_not() {
    let Some((clock, lobby)) = start("soon", &["--pool", "0", "--forget", "4m"]) else { return };
    let (port, mut visitor) = (lobby.port(), Visitor::default());
    let node = visitor.enter(port);
    let _page = keep_open(&visitor, port, &node);
    for minutes in [2, 4, 6] {
        clock.set(&format!("+{minutes}m"));
        eventually("minutes later, that it is visited is known", || {
            let kept = lobby.kept_as(&node);
            (kept["age_s"].as_u64()? >= minutes * 60 && kept["visited_s"].as_u64()? < 60).then_some(())
        });
    }
    assert_eq!(lobby.kept_as(&node)["state"], "held");
}

#[test]
fn a_peer_whose_person_never_came_is_given_to_the_next_one() {
    let Some((clock, lobby)) = start("released", &["--pool", "1", "--max-peers", "2"]) else { return };
    let port = lobby.port();
    let (mut came, mut absent) = (Visitor::default(), Visitor::default());
    let taken = came.enter(port);
    let go = absent.log_in(port).go().expect("there is room");
    let node = node_of(&go).to_owned();
    assert!(Visitor::default().log_in(port).why().contains("full"), "it is held for whoever it was given to");

    clock.set("+5m");
    lobby.wait_state(&node, "vacant");
    assert_eq!(lobby.kept_as(&taken)["state"], "held");
    assert_eq!(absent.follow(&go).unwrap().status, 401, "that login ended");
    let mut next = Visitor::default();
    assert_eq!(next.enter(port), node);
    assert!(absent.log_in(port).why().contains("full"));
    assert_eq!(came.enter(port), taken);
}
