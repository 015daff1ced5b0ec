//! Who does not get in, and what nobody can send.

use crate::support::{
    Lobby, Visitor,
    visitor::{Heard, OF_THE_PAGE, node_of, request},
};

/// Another last letter: the same length, another text.
fn forged(cookie: &str) -> String {
    let (start, last) = cookie.split_at(cookie.len() - 1);
    // Of a last letter, some bits may not count: one in the middle does.
    let place = start.len() / 2;
    let letter = if start.as_bytes()[place] == b'A' { 'B' } else { 'A' };
    format!("{}{letter}{}{last}", &start[..place], &start[place + 1..])
}

fn assert_refused(heard: &Heard, status: u16, why: &str) {
    assert!(heard.status == status && heard.body.contains(why), "no {status} for `{why}`: {heard:?}");
    assert_eq!(heard.cookie(), None, "{heard:?}");
}

#[test]
fn a_token_is_good_once_and_for_one_peer() {
    let lobby = Lobby::start("tokens", &[]);
    let port = lobby.port();
    let (mut one, mut other) = (Visitor::default(), Visitor::default());
    let go = one.log_in(port).go().unwrap();
    assert_eq!(one.follow(&go).unwrap().status, 303);
    assert_refused(&Visitor::default().follow(&go).unwrap(), 401, "used already");

    let (node, foreign) = (node_of(&go).to_owned(), other.enter(port));
    let fresh = one.log_in(port).go().unwrap();
    assert_eq!(node_of(&fresh), node);
    let elsewhere = fresh.replace(&node, &foreign);
    assert_refused(&Visitor::default().follow(&elsewhere).unwrap(), 401, "is for another peer");
    assert_refused(&Visitor::default().follow(&forged(&fresh)).unwrap(), 401, "is damaged");
    let without = fresh.split("?login=").next().unwrap();
    assert_refused(&Visitor::default().follow(without).unwrap(), 401, "is damaged");
    assert_eq!(one.follow(&fresh).unwrap().status, 303, "it was not used up by any of these");
}

#[test]
fn a_forged_cookie_is_none() {
    let lobby = Lobby::start("forged", &[]);
    let port = lobby.port();
    let mut visitor = Visitor::default();
    let node = visitor.enter(port);
    let (cookie, session) = (visitor.cookie.clone().unwrap(), visitor.session.clone().unwrap());

    let thief = Visitor { session: Some(forged(&session)), cookie: Some(forged(&cookie)) };
    assert_refused(&thief.page(port, &node, "/").unwrap(), 401, "Not open");
    assert_refused(&thief.page(port, &node, "/api/people").unwrap(), 401, "");
    let me = |cookie: &str| {
        let headers = [format!("cookie: {cookie}")];
        request(port, "GET /api/me", &format!("localhost:{port}"), &headers).unwrap().json()
    };
    assert!(me(&cookie)["recovery"].is_string());
    assert!(me(&forged(&cookie))["recovery"].is_null());
    let mut thief = Visitor { cookie: Some(forged(&cookie)), session: None };
    assert_ne!(thief.enter(port), node);
    // What lets into one peer lets into no other one.
    assert_refused(
        &Visitor { cookie: None, session: thief.session }.page(port, &node, "/").unwrap(),
        401,
        "",
    );
}

#[test]
fn nothing_that_another_site_can_send_logs_in_or_out() {
    let lobby = Lobby::start("foreign", &[]);
    let port = lobby.port();
    let own = format!("localhost:{port}");
    let refused = |what: &str, host: &str, headers: &[&str]| {
        let headers: Vec<_> = headers.iter().map(ToString::to_string).collect();
        assert_refused(&request(port, what, host, &headers).unwrap(), 403, "");
    };
    for what in ["POST /api/login", "POST /api/logout", "POST /api/recover"] {
        refused(what, &own, &[]);
        refused(what, &own, &[OF_THE_PAGE, "origin: http://evil.example"]);
        refused(what, &own, &[OF_THE_PAGE, "sec-fetch-site: cross-site"]);
        refused(what, &own, &[OF_THE_PAGE, "sec-fetch-site: same-site"]);
        refused(what, "evil.example", &[OF_THE_PAGE]);
        refused(what, &format!("localhost.evil.example:{port}"), &[OF_THE_PAGE]);
    }
    let mut visitor = Visitor::default();
    let node = visitor.enter(port);
    let session = format!("cookie: {}", visitor.session.as_ref().unwrap());
    refused("GET /", &format!("{node}.evil.example"), &[&session]);
    refused("GET /", &format!("{node}.localhost:{port}"), &[&session, "origin: http://evil.example"]);
    refused(
        "POST /api/send",
        &format!("{node}.localhost:{port}"),
        &[&session, &format!("origin: http://{own}")],
    );
    assert_eq!(lobby.kept().iter().filter(|peer| peer["user"] != "").count(), 1, "nobody else got a peer");
}

#[test]
fn an_address_that_makes_too_many_logins_is_told_when_to_come_again() {
    let lobby = Lobby::start("often", &["--logins-per-minute", "2"]);
    let port = lobby.port();
    let (mut one, mut other) = (Visitor::default(), Visitor::default());
    let node = one.enter(port);
    other.enter(port);
    let refused = Visitor::default().ask(port).unwrap();
    assert_refused(&refused, 429, "too many logins from your address");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(refused.json()["retry_s"], seconds);
    for _ in 0..5 {
        assert_eq!(one.enter(port), node, "who has a peer gets to it however often");
    }
}

/// What somebody new is answered, of whom this is said to be the way.
fn come_by(port: u16, forwarded: &[&str]) -> Heard {
    let mut headers = vec![OF_THE_PAGE.to_owned()];
    headers.extend(forwarded.iter().map(|addresses| format!("x-forwarded-for: {addresses}")));
    request(port, "POST /api/login", &format!("localhost:{port}"), &headers).unwrap()
}

#[test]
fn behind_a_trusted_proxy_each_address_has_its_own_rate_whatever_it_says_of_itself() {
    let trusted = ["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "10.0.1.0/24"];
    let lobby = Lobby::start("forwarded", &[&["--logins-per-minute", "1"], &trusted[..]].concat());
    let port = lobby.port();
    assert_eq!(come_by(port, &["203.0.113.5"]).status, 200);
    assert_refused(&come_by(port, &["203.0.113.5"]), 429, "too many logins from your address");
    assert_eq!(come_by(port, &["203.0.113.6"]).status, 200, "another address is another one");
    for claimed in ["198.51.100.7, 203.0.113.5", "127.0.0.1,203.0.113.5", "?, , 203.0.113.5, 10.0.1.7"] {
        assert_refused(&come_by(port, &[claimed]), 429, "");
        assert_refused(&come_by(port, &["198.51.100.8", claimed]), 429, "");
    }
    // Who is not named is the proxy.
    assert_eq!(come_by(port, &["203.0.113.7, unknown"]).status, 200);
    for nobody in [&[][..], &["nonsense"], &["203.0.113.8, 127.0.0.1:80"], &["10.0.1.8"]] {
        assert_refused(&come_by(port, nobody), 429, "");
    }
}

#[test]
fn what_somebody_who_is_no_trusted_proxy_says_of_the_address_changes_nothing() {
    let elsewhere = ("CAUSEWAY_TRUSTED_PROXY", "10.0.1.0/24,192.0.2.1");
    for environment in [&[][..], &[elsewhere]] {
        let lobby = Lobby::start_told("unforwarded", &["--logins-per-minute", "1"], environment);
        let port = lobby.port();
        assert_eq!(come_by(port, &["203.0.113.5"]).status, 200);
        for claimed in ["203.0.113.6", "10.0.1.7", "203.0.113.7, 10.0.1.7"] {
            assert_refused(&come_by(port, &[claimed]), 429, "");
        }
    }
}

#[test]
fn a_full_place_says_so_and_those_who_have_a_peer_get_in() {
    let lobby = Lobby::start("full", &["--max-peers", "1", "--pool", "1"]);
    let port = lobby.port();
    let mut first = Visitor::default();
    let node = first.enter(port);
    for _ in 0..2 {
        let refused = Visitor::default().log_in(port);
        assert_eq!(refused.status, 503, "{refused:?}");
        assert_eq!(refused.why(), "this place is full: its only peer is somebody's");
        assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 0, "{refused:?}");
    }
    assert_eq!(first.enter(port), node);
    assert_eq!(lobby.kept().len(), 1);
}
