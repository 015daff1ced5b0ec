//! `links`, `link`, `trust`, `policy`, `invite` and `join` of running bridges.

use super::{FAILED, NOT_DELIVERED, NOT_FOUND, OK, USAGE, assert_answer, assert_fields, assert_time};
use crate::support::{Node, Towns, eventually, lines, network, text};

fn lone_bridge(name: &str, folder: &tempfile::TempDir) -> Node {
    Node::bridge(name, &network(name), folder.path()).with(&["--listen", "127.0.0.1"]).start()
}

fn wait_no_link(bridge: &Node) {
    eventually(&format!("{} has no link that is up", bridge.name()), || {
        bridge.json(&["links"]).iter().all(|link| link["state"] != "up").then_some(())
    });
}

#[test]
fn linked_bridges_say_so_on_both_sides() {
    let towns = Towns::start();
    for (bridge, other) in [(&towns.attic, &towns.tower), (&towns.tower, &towns.attic)] {
        bridge.wait_links(1);
        let link = bridge.json(&["links"]).remove(0);
        assert_fields(&link, &["id", "name", "address", "state", "round_trip_us", "cost", "since"]);
        assert_eq!((text(&link, "id"), text(&link, "name")), (other.id().as_str(), other.name()));
        assert_time(&link["since"]);
        assert_answer(&bridge.causeway(&["links"]), OK, &["up", other.name()]);
    }
}

#[test]
fn peers_of_two_networks_talk_through_both_bridges() {
    let towns = Towns::start();
    let (anna, carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
    let row = anna.wait_online("carla");
    let route = [towns.attic.id(), towns.tower.id()];
    assert_eq!(row["via"], serde_json::json!(route), "{row}");
    carla.wait_online("anna");
    let message = anna.deliver("carla", "across");
    assert_eq!(message["via"], serde_json::json!(route), "{message}");
    carla.deliver("anna", "and back");
    carla.wait_received("anna", &["across".into()]);
    anna.wait_received("carla", &["and back".into()]);
    assert!(towns.attic.status()["bytes_relayed"].as_u64().is_some_and(|bytes| bytes > 0));
}

#[test]
fn a_link_that_is_down_is_told_from_a_peer_that_left() {
    let towns = Towns::start();
    let (anna, mut carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
    anna.wait_online("carla");
    anna.deliver("carla", "hello");
    let state = |wanted: &str| {
        eventually(&format!("carla is {wanted}"), || anna.known("carla").filter(|row| row["state"] == wanted))
    };
    assert_answer(&towns.tower.causeway(&["trust", "remove", &towns.attic.id()]), OK, &[]);
    let row = state("unreachable");
    assert!(row["via"].is_null() && text(&row, "reason").contains("no way leads to carla"), "{row}");
    assert_time(&row["last_seen"]);
    let waits = anna.causeway(&["send", "carla", "are you there?", "--wait", "1"]);
    assert_answer(&waits, NOT_DELIVERED, &["no way leads to carla", "link", "it is stored"]);
    assert_answer(&anna.causeway(&["peers"]), OK, &["no way leads to carla"]);

    assert_answer(&towns.tower.causeway(&["trust", "add", &towns.attic.id()]), OK, &[]);
    state("online");
    carla.wait_received("anna", &["hello".into(), "are you there?".into()]);
    carla.terminate();
    state("left");
    let waits = anna.causeway(&["send", "carla", "and now?", "--wait", "1"]);
    assert_answer(&waits, NOT_DELIVERED, &["carla is away since"]);
}

#[test]
fn a_policy_keeps_a_remote_peer_from_being_reached_and_lets_it_be_seen() {
    let towns = Towns::start();
    let (anna, carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
    anna.wait_online("carla");
    let denied = towns.tower.causeway(&["policy", "export", "deny", &carla.id()]);
    assert_answer(&denied, OK, &[&carla.id(), "may not be reached from other networks"]);
    eventually("the attic knows of the policy", || {
        towns.attic.known("carla").filter(|row| row["reason"].to_string().contains("policy"))
    });
    let refused = anna.causeway(&["send", "carla", "are you there?", "--wait", "5"]);
    assert_answer(&refused, NOT_DELIVERED, &["the policy of bridge"]);
    assert!(anna.known("carla").is_some(), "seen all the same");
    let shown = towns.tower.json(&["policy", "show"]);
    assert_eq!((text(&shown[0], "rule"), text(&shown[0], "others")), ("export", "allowed"));
    assert_eq!(text(&shown[0]["nodes"][0], "name"), "carla");
    assert_answer(&towns.tower.causeway(&["policy", "show"]), OK, &["carla", "denied", "everybody"]);

    let allowed = towns.tower.causeway(&["policy", "export", "allow", &carla.id()]);
    assert_answer(&allowed, OK, &["may be reached from other networks"]);
    carla.wait_received("anna", &["are you there?".into()]);
    let again = towns.tower.causeway(&["policy", "export", "allow", &carla.id()]);
    assert_answer(&again, OK, &["already"]);
    assert_answer(&towns.tower.causeway(&["policy", "clear"]), OK, &["everybody is let through"]);
    let name = towns.tower.causeway(&["policy", "export", "deny", "carla"]);
    assert_answer(&name, USAGE, &["whole node ids"]);
}

#[test]
fn an_invitation_pairs_two_bridges_once() {
    let folder = tempfile::tempdir().unwrap();
    let (attic, tower, third) =
        (lone_bridge("attic", &folder), lone_bridge("tower", &folder), lone_bridge("third", &folder));
    let address = format!("127.0.0.1:{}", tower.port("link"));
    let invited = tower.causeway(&["invite", "--address", &address]);
    assert_answer(&invited, OK, &["causeway1-"]);
    for part in [&address, "From outside of this network that leads nowhere"] {
        assert!(invited.err.contains(part), "{invited:?}");
    }
    let token = invited.out.trim();
    assert_answer(&attic.causeway(&["join", token]), OK, &["tower", &tower.id()]);
    attic.wait_links(1);
    tower.wait_links(1);
    for (bridge, other) in [(&attic, &tower), (&tower, &attic)] {
        let trusted = lines(&bridge.causeway(&["trust", "list", "--json"]).out);
        assert_eq!(trusted.len(), 1, "{trusted:?}");
        assert_eq!(text(&trusted[0], "id"), other.id());
    }
    let again = third.causeway(&["join", token]);
    assert_eq!(again.code, FAILED, "a token worked twice: {again:?}");
    assert!(third.json(&["links"]).iter().all(|link| link["state"] != "up"));
    assert_answer(&third.causeway(&["join", "causeway1-nonsense"]), USAGE, &["invit"]);
    assert_answer(&tower.causeway(&["invite", "--address", "nonsense"]), USAGE, &[]);
    assert_answer(&tower.causeway(&["invite", "--valid", "never"]), USAGE, &[]);
    assert_answer(&tower.causeway(&["invite", "--valid", "500ms"]), USAGE, &["second"]);

    // The invitation that let it in does not bring it back.
    assert_answer(&tower.causeway(&["trust", "remove", &attic.id()]), OK, &["no longer trusted"]);
    wait_no_link(&tower);
    eventually("the attic has knocked and was sent away", || {
        attic.json(&["links"]).iter().any(|link| link["state"] == "refused").then_some(())
    });
    assert!(lines(&tower.causeway(&["trust", "list", "--json"]).out).is_empty());
}

#[test]
fn links_and_trust_change_while_running() {
    let folder = tempfile::tempdir().unwrap();
    let (attic, tower) = (lone_bridge("attic", &folder), lone_bridge("tower", &folder));
    let url = tower.link_url("127.0.0.1");
    assert_answer(&attic.causeway(&["link", "add", &url]), OK, &[&url]);
    eventually("the tower's refusal is shown", || {
        attic.json(&["links"]).iter().any(|link| link["state"] == "refused").then_some(())
    });
    assert_answer(&tower.causeway(&["trust", "add", &attic.id()]), OK, &["trusted now"]);
    attic.wait_links(1);
    assert_answer(&tower.causeway(&["trust", "add", &attic.id()]), OK, &["already"]);
    assert_answer(&tower.causeway(&["trust", "list"]), OK, &[&attic.id()]);

    assert_answer(&tower.causeway(&["trust", "remove", &attic.id()]), OK, &["no longer trusted"]);
    wait_no_link(&tower);
    wait_no_link(&attic);
    assert_answer(&tower.causeway(&["trust", "remove", &attic.id()]), OK, &["was not trusted"]);
    assert_answer(&tower.causeway(&["trust", "add", &attic.id()]), OK, &[]);
    attic.wait_links(1);
    assert_answer(&attic.causeway(&["link", "remove", &tower.id()]), OK, &[]);
    wait_no_link(&attic);
    assert_answer(&attic.causeway(&["link", "remove", &tower.id()]), NOT_FOUND, &["no configured link"]);

    assert_answer(&attic.causeway(&["link", "add", "http://127.0.0.1:1/x"]), USAGE, &["quic://"]);
    let own = attic.link_url("127.0.0.1");
    assert_ne!(attic.causeway(&["link", "add", &own]).code, OK, "a link to oneself");
    assert_answer(&tower.causeway(&["trust", "add", &tower.id()]), USAGE, &["itself"]);
}

#[test]
fn what_was_added_while_running_is_there_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let (mut attic, mut tower) = (lone_bridge("attic", &folder), lone_bridge("tower", &folder));
    tower.causeway(&["trust", "add", &attic.id()]);
    attic.causeway(&["link", "add", &tower.link_url("127.0.0.1")]);
    attic.wait_links(1);
    attic.kill();
    tower.kill();
    tower.start_again();
    attic.start_again();
    attic.wait_links(1);
    tower.wait_links(1);
}

#[test]
fn a_command_for_the_other_kind_of_node_says_so() {
    let towns = Towns::start();
    let anna = towns.at_home("anna");
    for (node, command) in [
        (&anna, &["links"][..]),
        (&anna, &["invite"]),
        (&towns.attic, &["inbox"]),
        (&towns.attic, &["send", "anna", "hello"]),
    ] {
        let answer = node.causeway(command);
        assert!([FAILED, USAGE].contains(&answer.code), "{answer:?}");
        assert!(answer.err.contains("bridge") || answer.err.contains("peer"), "{answer:?}");
    }
}
