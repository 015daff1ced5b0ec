//! Two dispatchers behind one name.

use super::{
    agent::Agent,
    routing::{DOMAIN, Guest, WATCHING, is_open, node_of},
    traefik::Traefik,
};
use crate::support::{Lobby, eventually};

#[test]
fn fellows_with_one_domain_share_its_login_and_each_leads_to_the_peers_of_the_other() {
    let test = "one domain";
    let Some(agent) = Agent::start(test, "") else { return };
    let Some(traefik) = Traefik::start(test, &agent, WATCHING) else { return };
    let url = agent.url();
    let both = ["--consul", &url, "--domain", DOMAIN, "--entry-point", "web", "--idle", "2s"];
    let keeping = [&both[..], &["--pool", "1", "--max-peers", "1"]].concat();
    let none = [&both[..], &["--pool", "0", "--max-peers", "0"]].concat();
    let [keeping, other] = Lobby::start_fellows(test, [&keeping, &none]);
    keeping.wait_vacant(1);
    eventually("Traefik knows both", || (traefik.servers("causeway-login") == 2).then_some(()));

    let (port, mut guest) = (traefik.port, Guest::default());
    let node = node_of(&guest.log_in(port));
    // Traefik asks them in turn.
    for _ in 0..3 {
        let go = guest.log_in(port);
        assert_eq!(node_of(&go), node);
        assert_eq!(guest.follow(port, &go).status, 303);
    }
    assert_eq!(other.kept_as(&node)["state"], "elsewhere", "it was asked, and found the peer");
    for _ in 0..2 {
        keeping.wait_state(&node, "asleep");
        let route = format!("causeway-page-{node}");
        eventually("it has no route", || (!traefik.has_route(&route)).then_some(()));
        let page = guest.page(port, &node, "/");
        assert!(is_open(&page), "{page:?}");
    }
}
