//! Two dispatchers that find each other's vacant peers in Consul.

use std::{collections::BTreeMap, thread};

use super::{agent::Agent, read, routing::DOMAIN};
use crate::support::{
    Lobby, eventually,
    visitor::{OF_THE_PAGE, request},
};

/// People who press the button in the same moment, half of them at each dispatcher; and peers that there may be.
const PEOPLE: usize = 200;
const PEERS: usize = 16;

/// The peer that a new person gets, or that there is no room.
fn come(port: u16) -> Option<String> {
    let mut cookie = Vec::new();
    eventually("somebody gets in, or hears that there is no room", || {
        let headers = [vec![OF_THE_PAGE.to_owned()], cookie.clone()].concat();
        let heard = request(port, "POST /api/login", DOMAIN, &headers).ok()?;
        if let Some(fresh) = heard.cookie() {
            cookie = vec![format!("cookie: {fresh}")];
        }
        if let Some(go) = heard.go() {
            let (host, path) = go.strip_prefix("https://").and_then(|it| it.split_once('/')).unwrap();
            assert_eq!(request(port, &format!("GET /{path}"), host, &[]).unwrap().status, 303);
            return Some(host.split('.').next().map(str::to_owned));
        }
        if heard.status == 200 {
            return None;
        }
        assert!(heard.status == 503 && heard.header("retry-after").is_some(), "{heard:?}");
        heard.why().contains("full").then_some(None)
    })
}

#[test]
fn of_two_hundred_at_two_dispatchers_with_one_consul_none_gets_a_peer_that_another_one_has() {
    let Some(agent) = Agent::start("sharing", "") else { return };
    let (peers, url) = (PEERS.to_string(), agent.url());
    let both = ["--consul", &url, "--catalog", "consul", "--domain", DOMAIN, "--logins-per-minute", "0"];
    let keeping = [&both[..], &["--pool", &peers, "--max-peers", &peers]].concat();
    let none = [&both[..], &["--pool", "0", "--max-peers", "0"]].concat();
    let lobbies = Lobby::start_fellows("sharing", [&keeping, &none]);
    eventually("all peers are in the catalog, and vacant", || {
        let found = read(&agent, "/v1/health/service/causeway-page?passing&tag=vacant");
        (found.as_array()?.len() == PEERS).then_some(())
    });
    let ports = lobbies.each_ref().map(|lobby| lobby.dispatcher.port("page"));
    // So that it is sure that peers of one are given out by the other, as Consul's mark says.
    let first = eventually("the other one finds a peer", || come(ports[1]));
    let mark = read(&agent, &format!("/v1/kv/causeway/claims/{first}"));
    assert!(mark[0]["Value"].is_string(), "{mark}");

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
    eventually("none of them is vacant in the catalog any more", || {
        let found = read(&agent, "/v1/health/service/causeway-page?passing&tag=vacant");
        found.as_array()?.is_empty().then_some(())
    });
}
