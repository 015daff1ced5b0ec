//! Peers that nobody uses: they sleep, and the next visit wakes them as they were.

use rustix::process::Signal;

use crate::{
    messenger::{choose, wait_connection, wait_newest, wait_said, write},
    page::DESKTOP,
    support::{Browser, Lobby, Node, Visitor, eventually, signal, text},
};

/// Waits until a peer sleeps and nothing of it runs.
fn wait_asleep(lobby: &Lobby, node: &str) {
    lobby.wait_state(node, "asleep");
    assert_eq!(lobby.process_of(lobby.number(node)), None);
}

/// What was said with somebody, as the peer's page tells it. Whoever asks keeps the peer awake.
fn said(visitor: &Visitor, port: u16, node: &str, with: &Node) -> Vec<String> {
    let history = visitor.page(port, node, &format!("/api/messages?peer={}", with.id())).unwrap();
    // Somebody of whom the peer has not heard yet.
    if history.status == 404 {
        return Vec::new();
    }
    assert_eq!(history.status, 200, "{history:?}");
    let history = history.json();
    history["messages"].as_array().unwrap().iter().map(|message| text(message, "text").to_owned()).collect()
}

#[test]
fn a_peer_that_nobody_uses_sleeps_and_its_address_wakes_it() {
    let lobby = Lobby::start("idle", &["--idle", "1s"]);
    let (port, anna) = (lobby.port(), lobby.neighbour("anna"));
    let mut visitor = Visitor::default();
    let node = visitor.enter(port);
    eventually("anna knows the peer", || {
        visitor.page(port, &node, "/api/people").unwrap();
        anna.json(&["peers"]).into_iter().find(|peer| peer["id"] == *node && peer["state"] == "online")
    });
    anna.send(&node, "before");
    eventually("the message is there", || (said(&visitor, port, &node, &anna) == ["before"]).then_some(()));
    wait_asleep(&lobby, &node);
    anna.send(&node, "meanwhile");

    // It waits for the peer, and is answered by it.
    let page = visitor.page(port, &node, "/").unwrap();
    assert!(page.status == 200 && page.body.contains("id=\"people\""), "{page:?}");
    eventually("what was said before and meanwhile is there", || {
        (said(&visitor, port, &node, &anna) == ["before", "meanwhile"]).then_some(())
    });
    wait_asleep(&lobby, &node);
    // A login wakes it, too, and leads to the same one.
    assert_eq!(visitor.enter(port), node);
}

#[test]
fn a_peer_that_somebody_comes_for_while_it_goes_to_sleep_stays_awake_over_a_restart() {
    let mut lobby = Lobby::start("torn", &["--pool", "0"]);
    let (port, mut visitor) = (lobby.port(), Visitor::default());
    let node = visitor.enter(port);
    let number = lobby.number(&node);
    // So that it takes a while.
    signal(lobby.process_of(number).unwrap(), Signal::STOP);
    assert_eq!(lobby.dispatcher.causeway(&["dispatcher", "stop", &node]).code, 0);
    assert_eq!(lobby.kept_as(&node)["state"], "stopping");
    assert_eq!(visitor.page(port, &node, "/").unwrap().status, 200);

    let awake = lobby.process_of(number);
    lobby.dispatcher.kill();
    lobby.dispatcher.start_again();
    lobby.wait_state(&node, "held");
    assert!(awake.is_some() && lobby.process_of(number) == awake, "{awake:?}");
}

#[test]
fn who_is_not_its_person_wakes_it_and_sees_nothing() {
    let lobby = Lobby::start("stranger", &["--idle", "1s"]);
    let port = lobby.port();
    let node = Visitor::default().enter(port);
    wait_asleep(&lobby, &node);
    let refused = Visitor::default().page(port, &node, "/").unwrap();
    assert!(refused.status == 401 && refused.body.contains("Not open"), "{refused:?}");
    let unknown = node.replace(|letter: char| letter.is_ascii_lowercase(), "a");
    let nobody = Visitor::default().page(port, &unknown, "/").unwrap();
    assert!(nobody.status == 404 && nobody.body.contains(&lobby.url()), "{nobody:?}");
}

#[test]
fn a_page_that_is_open_keeps_its_peer_awake_and_a_closed_one_does_not() {
    let lobby = Lobby::start("closing", &["--idle", "1s"]);
    let anna = lobby.neighbour("anna");
    let Some(browser) = Browser::start("closing", DESKTOP) else { return };
    browser.open(&lobby.url());
    browser.wait_for("document.querySelector('#login').textContent === 'Log in'");
    browser.click("#login");
    browser.wait_for("location.hostname.endsWith('.localhost') && document.querySelector('#connection')");
    wait_connection(&browser, "live");
    let home = browser.address();
    let node = home["http://".len()..].split('.').next().unwrap();
    let process = lobby.process_of(lobby.number(node));
    choose(&browser, &anna);
    write(&browser, "still here");
    wait_newest(&browser, "at_peer");

    // Another one, of which the page was closed later, sleeps already.
    let other = Visitor::default().enter(lobby.port());
    wait_asleep(&lobby, &other);
    assert_eq!(
        (lobby.kept_as(node)["state"].as_str(), lobby.process_of(lobby.number(node))),
        (Some("held"), process)
    );

    browser.open("about:blank");
    wait_asleep(&lobby, node);
    anna.send(node, "are you?");
    browser.open(&home);
    wait_connection(&browser, "live");
    choose(&browser, &anna);
    wait_said(&browser, &["still here", "are you?"]);
}
