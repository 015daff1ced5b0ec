//! Browsers that come by Traefik, without the browser.

use std::{net::Ipv4Addr, time::Instant};

use serde_json::Value;

use super::{agent::Agent, read, traefik::Traefik};
use crate::support::{
    Lobby, eventually, kill, text,
    visitor::{Heard, OF_THE_PAGE, connect_from, request, request_over},
};

pub(super) const DOMAIN: &str = "chat.test";
/// As docs/consul.md has it.
pub(super) const WATCHING: Looking = ("providersThrottleDuration = \"100ms\"", "watch = true");
/// As Traefik does by itself.
const SLOW: Looking = ("", "refreshInterval = \"15s\"");

/// How Traefik looks at Consul.
pub(super) type Looking = (&'static str, &'static str);

/// A dispatcher whose peers are behind a real Traefik, by a real Consul.
pub(super) struct Place {
    agent: Agent,
    pub(super) traefik: Traefik,
    pub(super) lobby: Lobby,
}

/// A person at that place.
#[derive(Default)]
pub(super) struct Guest {
    cookie: Option<String>,
    session: Option<String>,
}

impl Place {
    pub(super) fn start(test: &str, looking: Looking, arguments: &[&str]) -> Option<Self> {
        let agent = Agent::start(test, "")?;
        let traefik = Traefik::start(test, &agent, looking)?;
        let url = agent.url();
        let own = ["--consul", url.as_str(), "--domain", DOMAIN, "--entry-point", "web,tls"];
        let lobby = Lobby::start(test, &[&own[..], arguments].concat());
        let place = Self { agent, traefik, lobby };
        eventually("the login has a route", || (place.ask("/", DOMAIN, &[])?.status == 200).then_some(()));
        Some(place)
    }

    /// What a path of a name says by Traefik.
    fn ask(&self, path: &str, host: &str, headers: &[String]) -> Option<Heard> {
        request(self.traefik.port, &format!("GET {path}"), host, headers).ok()
    }

    /// The port of the dispatcher itself.
    fn own_port(&self) -> u16 {
        let found = read(&self.agent, "/v1/health/service/causeway-login?passing");
        found[0]["Service"]["Port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .expect("it is registered")
    }

    /// The pages in the catalog that are well: peer, and whether it is vacant.
    fn pages(&self) -> Vec<(String, bool)> {
        let found = read(&self.agent, "/v1/health/service/causeway-page?passing");
        let page = |it: &Value| {
            let vacant =
                it["Service"]["Tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "vacant"));
            (text(&it["Service"]["Meta"], "node").to_owned(), vacant)
        };
        found.as_array().map(|all| all.iter().map(page).collect()).unwrap_or_default()
    }

    /// Waits until Traefik has a route to a peer's own page.
    pub(super) fn wait_route(&self, node: &str) {
        let route = format!("causeway-page-{node}");
        eventually("the peer has its route", || self.traefik.has_route(&route).then_some(()));
    }

    /// Waits until Traefik has none, and the dispatcher the last word.
    pub(super) fn wait_no_route(&self, node: &str) {
        let route = format!("causeway-page-{node}");
        eventually("the peer has no route", || (!self.traefik.has_route(&route)).then_some(()));
    }

    /// The one vacant peer of the catalog, once there is just one page.
    fn vacant(&self) -> String {
        eventually("one vacant peer is in the catalog", || match &self.pages()[..] {
            [(node, true)] => Some(node.clone()),
            _ => None,
        })
    }
}

impl Guest {
    /// Presses the button, at the port of Traefik or of the dispatcher; where the browser is sent.
    pub(super) fn log_in(&mut self, port: u16) -> String {
        eventually("somebody is let in", || {
            let mut headers = vec![OF_THE_PAGE.to_owned()];
            headers.extend(self.cookie.iter().map(|cookie| format!("cookie: {cookie}")));
            let heard = request(port, "POST /api/login", DOMAIN, &headers).ok()?;
            self.cookie = heard.cookie().or_else(|| self.cookie.take());
            heard.go()
        })
    }

    /// Follows the redirect.
    pub(super) fn follow(&mut self, port: u16, go: &str) -> Heard {
        let (host, path) = go.strip_prefix("https://").and_then(|it| it.split_once('/')).expect("an address");
        let heard = request(port, &format!("GET /{path}"), host, &[]).unwrap();
        self.session = heard.cookie();
        heard
    }

    /// What a path of a peer's page says.
    pub(super) fn page(&self, port: u16, node: &str, path: &str) -> Heard {
        let headers: Vec<_> = self.session.iter().map(|session| format!("cookie: {session}")).collect();
        request(port, &format!("GET {path}"), &host_of(node), &headers).unwrap()
    }
}

fn host_of(node: &str) -> String {
    format!("{node}.{DOMAIN}")
}

/// The peer to which a browser is sent.
pub(super) fn node_of(go: &str) -> String {
    let host = go.strip_prefix("https://").expect("the domain is behind TLS");
    host.split('.').next().expect("there is a first part").to_owned()
}

pub(super) fn is_open(page: &Heard) -> bool {
    page.status == 200 && page.body.contains("id=\"people\"")
}

#[test]
fn a_peer_has_its_route_while_it_is_vacant_and_whoever_is_sent_there_does_not_wait() {
    let Some(mut place) = Place::start("vacant routes", WATCHING, &["--pool", "1", "--max-peers", "1"])
    else {
        return;
    };
    let port = place.traefik.port;
    let node = place.vacant();
    place.wait_route(&node);
    for (tag, id) in [("dispatcher", place.lobby.dispatcher.id()), ("peer", node.clone())] {
        eventually(&format!("the {tag} is in the catalog, too"), || {
            let found = read(&place.agent, &format!("/v1/health/service/causeway?passing&tag={tag}"));
            (found[0]["Service"]["Meta"]["node"] == *id).then_some(())
        });
    }
    let refused = place.ask("/", &host_of(&node), &[]).unwrap();
    assert!(refused.status == 401 && refused.body.contains("Not open"), "{refused:?}");

    let (mut guest, clicked) = (Guest::default(), Instant::now());
    let go = guest.log_in(port);
    let sent = Instant::now();
    let entered = guest.follow(port, &go);
    println!("login answered after {:?}, redirect followed in {:?}", sent - clicked, sent.elapsed());
    assert!(go.starts_with(&format!("https://{node}.{DOMAIN}/enter?login=")), "{go}");
    assert_eq!((entered.status, entered.header("location")), (303, Some("/")), "{entered:?}");
    let page = guest.page(port, &node, "/");
    assert!(is_open(&page), "{page:?}");
    eventually("the catalog says that it is taken", || {
        (place.pages() == [(node.clone(), false)]).then_some(())
    });
    // By a route of its own: the dispatcher is not asked.
    place.lobby.dispatcher.kill();
    assert!(is_open(&guest.page(port, &node, "/")), "its route stays");
}

#[test]
fn whoever_is_sent_to_a_peer_before_traefik_knows_it_gets_there_by_the_dispatcher() {
    let Some(place) = Place::start("late routes", SLOW, &["--pool", "0", "--max-peers", "1"]) else { return };
    let (port, mut guest) = (place.traefik.port, Guest::default());
    let go = guest.log_in(port);
    let entered = guest.follow(port, &go);
    assert_eq!((entered.status, entered.header("location")), (303, Some("/")), "{entered:?}");
    assert!(is_open(&guest.page(port, &node_of(&go), "/")));
}

#[test]
fn the_name_of_a_peer_that_sleeps_leads_to_the_dispatcher_which_wakes_it() {
    let arguments = ["--pool", "1", "--max-peers", "1", "--idle", "1s"];
    let Some(place) = Place::start("sleeping routes", WATCHING, &arguments) else { return };
    let (port, mut guest) = (place.traefik.port, Guest::default());
    let go = guest.log_in(port);
    guest.follow(port, &go);
    let node = node_of(&go);
    for _ in 0..2 {
        place.lobby.wait_state(&node, "asleep");
        place.wait_no_route(&node);
        let asked = Instant::now();
        let page = guest.page(port, &node, "/");
        println!("woken and answered after {:?}", asked.elapsed());
        assert!(is_open(&page), "{page:?}");
        assert_eq!(place.lobby.kept_as(&node)["state"], "held");
    }
}

#[test]
fn a_peer_that_dies_leaves_its_name_to_the_dispatcher_and_gets_it_back() {
    let Some(place) = Place::start("dying routes", WATCHING, &["--pool", "1", "--max-peers", "1"]) else {
        return;
    };
    let (port, mut guest) = (place.traefik.port, Guest::default());
    let go = guest.log_in(port);
    guest.follow(port, &go);
    let node = node_of(&go);
    kill(place.lobby.process_of(place.lobby.number(&node)).unwrap());
    let died = Instant::now();
    eventually("its page is open again", || is_open(&guest.page(port, &node, "/")).then_some(()));
    println!("open again {:?} after its death", died.elapsed());
    eventually("it is in the catalog", || (place.pages() == [(node.clone(), false)]).then_some(()));
}

#[test]
fn without_traefik_or_consul_the_dispatcher_answers_at_its_own_port() {
    let arguments = ["--pool", "2", "--max-peers", "4"];
    let Some(mut place) = Place::start("no routes", WATCHING, &arguments) else { return };
    let own = place.own_port();
    place.traefik.kill();
    place.agent.kill();
    let mut guest = Guest::default();
    let go = guest.log_in(own);
    assert_eq!(guest.follow(own, &go).status, 303);
    let node = node_of(&go);
    assert!(is_open(&guest.page(own, &node, "/")));

    place.agent.start_again();
    place.traefik.start_again();
    place.wait_route(&node);
    assert!(is_open(&guest.page(place.traefik.port, &node, "/")));
}

/// How long a new page takes to be routable, by how Traefik is told to look.
#[test]
#[ignore = "it measures, and asserts nothing: run it by its name with --run-ignored all"]
fn how_long_a_new_route_takes_is_printed() {
    for looking in [WATCHING, ("", WATCHING.1), ("", "refreshInterval = \"1s\""), SLOW] {
        let Some(place) = Place::start("new routes", looking, &["--pool", "1", "--max-peers", "2"]) else {
            return;
        };
        place.wait_route(&place.vacant());
        // Another one takes the place of the one that is taken.
        Guest::default().log_in(place.traefik.port);
        let node = eventually("another one is in the catalog", || {
            let pages = place.pages();
            (pages.len() == 2).then(|| pages.into_iter().find(|(_, vacant)| *vacant)).flatten()
        });
        let registered = Instant::now();
        place.wait_route(&node.0);
        println!("{looking:?}: routable {:?} after it was registered", registered.elapsed());
    }
}

#[test]
fn whoever_comes_by_traefik_has_the_rate_of_their_own_address() {
    let arguments = ["--logins-per-minute", "1", "--trusted-proxy", "127.0.0.1"];
    let Some(place) = Place::start("rates", WATCHING, &arguments) else { return };
    let status = |last: u8, said: &str| {
        let stream = connect_from(Ipv4Addr::new(127, 0, 0, last), place.traefik.port).unwrap();
        let headers = [OF_THE_PAGE.to_owned(), format!("x-forwarded-for: {said}")];
        request_over(stream, "POST /api/login", DOMAIN, &headers).unwrap().status
    };
    assert_eq!(status(2, "198.51.100.7"), 200);
    assert_eq!(status(2, "198.51.100.8"), 429, "what it says of itself changes nothing");
    assert_eq!(status(3, "198.51.100.7"), 200, "another address is another one");
    assert_eq!(status(3, "127.0.0.1"), 429);
}
