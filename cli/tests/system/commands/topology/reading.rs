//! Every question to a running bridge: what people read, and the names that programs rely on.

use serde_json::{Value, json};

use super::{EVENT, OK, ROUTE, Story, assert_answer, assert_fields, assert_time};
use crate::support::text;

/// The rows of `show --json` of one type.
fn rows<'a>(state: &'a [Value], kind: &str) -> Vec<&'a Value> {
    state.iter().filter(|row| row["type"] == kind).collect()
}

fn named<'a>(rows: &[&'a Value], name: &str) -> &'a Value {
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {rows:?}"))
}

#[test]
fn the_log_tells_every_event_once_in_the_order_of_time() {
    let story = Story::begin();
    let past = story.past();
    let log = past.json(&["log"]);
    for event in &log {
        assert_fields(event, &EVENT);
        assert_time(&event["time"]);
        assert!(!text(event, "text").is_empty(), "{event}");
    }
    let times: Vec<_> = log.iter().map(|event| text(event, "time")).collect();
    assert!(times.is_sorted(), "{times:?}");
    let mut ids = super::ids(&log);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), log.len(), "an id stands for two events");

    let told = past.tell(&["log"]);
    for part in [
        "attic started for the first time",
        "tower started for the first time",
        "anna registered with attic",
        "attic calls its link to tower up",
        "tower calls its link to attic up",
        "tower trusts",
    ] {
        // A peer may have been heard before it registered.
        let other = "anna told attic something new: it registered";
        assert!(told.contains(part) || (part.contains("anna") && told.contains(other)), "{part}: {told}");
    }
    let by_then = ["log", "--until", &story.moment];
    assert_eq!(past.tell(&by_then).lines().count(), past.json(&by_then).len());
}

#[test]
fn a_filtered_log_holds_what_was_asked_for_and_nothing_else() {
    let story = Story::begin();
    let past = story.past();
    let ups = past.json(&["log", "--kind", "link_up", "--kind", "link_down"]);
    assert!(ups.len() >= 2 && ups.iter().all(|event| text(event, "kind").starts_with("link_")), "{ups:?}");
    let (id, tower) = (story.carla.id(), story.towns.tower.id());
    let carlas = past.json(&["log", "--until", &story.moment, "--node", "carla"]);
    assert!(!carlas.is_empty() && carlas.iter().all(|event| event["subject"] == id.as_str()), "{carlas:?}");
    assert_eq!(past.json(&["log", "--until", &story.moment, "--node", &id]), carlas);
    assert_eq!(past.json(&["log", "--until", &story.moment, "--node", &id[..8]]), carlas);
    let network = text(&carlas[0], "network");
    let clouds = past.json(&["log", "--network", network]);
    assert!(!clouds.is_empty() && clouds.iter().all(|event| event["bridge"] == tower.as_str()), "{clouds:?}");

    let until = past.json(&["log", "--until", &story.moment]);
    let since = past.json(&["log", "--since", &story.moment]);
    assert!(until.iter().all(|event| text(event, "time") <= story.moment.as_str()), "{until:?}");
    assert!(since.iter().all(|event| text(event, "time") >= story.moment.as_str()), "{since:?}");
    let last = past.json(&["log", "--until", &story.moment, "--last", "3"]);
    assert_eq!(last, until[until.len() - 3..]);
    assert_answer(&past.ask(&["log", "--until", "2020-01-01T00:00:00Z"]), OK, &["no such events"]);
    assert!(past.json(&["log", "--until", "2020-01-01T00:00:00Z"]).is_empty());
}

#[test]
fn a_state_names_networks_bridges_links_and_peers() {
    let story = Story::begin();
    let past = story.past();
    let state = past.json(&["show", "--at-time", &story.moment]);
    let (attic, tower) = (story.towns.attic.id(), story.towns.tower.id());
    assert_fields(&state[0], &["type", "at", "events", "from"]);
    assert_eq!((text(&state[0], "type"), text(&state[0], "from")), ("state", attic.as_str()));
    assert_time(&state[0]["at"]);
    assert_eq!(rows(&state, "network").len(), 2);
    rows(&state, "network").iter().for_each(|row| assert_fields(row, &["name", "id"]));

    let bridges = rows(&state, "bridge");
    for (name, id) in [("attic", &attic), ("tower", &tower)] {
        let bridge = named(&bridges, name);
        assert_fields(bridge, &["id", "network", "started_at", "last_event", "events", "island", "peers"]);
        assert_eq!((text(bridge, "id"), text(bridge, "state")), (id.as_str(), "running"));
        assert_eq!((&bridge["forked"], &bridge["peers"]), (&json!(false), &json!(1)), "{bridge}");
    }
    assert_eq!(bridges[0]["island"], bridges[1]["island"]);

    let links = rows(&state, "link");
    assert_eq!(links.len(), 1, "{links:?}");
    assert_fields(links[0], &["one", "one_name", "other", "other_name", "cost_us", "since"]);
    assert_eq!((&links[0]["state"], &links[0]["one_says_up"]), (&json!("up"), &json!(true)), "{}", links[0]);
    assert_eq!(links[0]["other_says_up"], true);

    let peers = rows(&state, "peer");
    let (anna, carla) = (named(&peers, "anna"), named(&peers, "carla"));
    for peer in [anna, carla] {
        assert_fields(peer, &["id", "homes", "asleep", "route"]);
        assert_fields(&peer["homes"][0], &["bridge", "bridge_name", "how", "since"]);
        assert_fields(&peer["route"], &ROUTE);
    }
    assert_eq!(anna["route"]["bridges"], json!([attic]));
    assert_eq!(carla["route"]["bridges"], json!([attic, tower]));
    assert_eq!(carla["homes"][0]["bridge"], tower.as_str());
    let seen_from_there = past.json(&["show", "--at-time", &story.moment, "--from", "tower"]);
    let anna = named(&rows(&seen_from_there, "peer"), "anna").clone();
    assert_eq!(anna["route"]["bridges"], json!([tower, attic]));

    let told = past.tell(&["show"]);
    for part in ["attic", "tower", "running", "anna", "carla", "attic > tower", "in the network of attic"] {
        assert!(told.contains(part), "nothing of `{part}` in {told}");
    }
}

#[test]
fn a_state_as_of_an_event_holds_that_event_and_nothing_later() {
    let story = Story::begin();
    let past = story.past();
    let log = past.json(&["log", "--until", &story.moment]);
    let joined =
        log.iter().position(|event| event["kind"] == "peer_joined" && event["subject_name"] == "carla");
    let joined = joined.expect("she came");
    let folded = |index: usize| {
        let state = past.json(&["show", "--at-event", text(&log[index], "id")]);
        let there = rows(&state, "peer").iter().any(|peer| peer["name"] == "carla");
        (state[0]["events"].as_u64().unwrap(), there)
    };
    let (before, at) = (folded(joined - 1), folded(joined));
    assert_eq!(at.0, before.0 + 1);
    assert!(!before.1, "carla is there before she came");
    // Her first announcement may not name the tower's network yet: then it is heard, and does not count.
    let last = folded(log.len() - 1);
    assert_eq!(last, (log.len() as u64, true));
    assert_answer(
        &past.ask(&["show", "--at-event", "abcdefgh.0123456789ab.42"]),
        super::NOT_FOUND,
        &["abcdefgh"],
    );
    assert_answer(&past.ask(&["show", "--at-event", "nonsense"]), super::USAGE, &["nonsense"]);
}

#[test]
fn a_difference_names_who_came_and_who_left() {
    let mut story = Story::begin();
    let past = story.past();
    let change = ["kind", "subject", "subject_name", "other", "other_name", "before", "after", "text"];
    let all = past.json(&["diff", "2020-01-01T00:00:00Z", &story.moment]);
    all.iter().for_each(|row| assert_fields(row, &change));
    let texts: Vec<_> = all.iter().map(|row| (text(row, "kind"), text(row, "text").to_owned())).collect();
    for (kind, part) in [
        ("bridge_joined", "bridge attic of network"),
        ("bridge_joined", "bridge tower of network"),
        ("peer_joined", "anna came, at attic"),
        ("peer_joined", "carla came, at tower"),
    ] {
        assert!(texts.iter().any(|(is, text)| *is == kind && text.contains(part)), "{part}: {texts:?}");
    }
    let link = all.iter().find(|row| row["kind"] == "link_up").expect("the link came up");
    let mut ends = [text(link, "subject_name"), text(link, "other_name")];
    ends.sort_unstable();
    assert_eq!(ends, ["attic", "tower"]);

    story.carla.terminate();
    eventually_left(&story);
    let left = past.json(&["diff", &story.moment]);
    let carla = left.iter().find(|row| row["subject_name"] == "carla").expect("she left");
    assert_eq!((text(carla, "kind"), text(carla, "before")), ("peer_left", "tower"));
    assert_answer(&past.ask(&["diff", &story.moment]), OK, &["peer_left", "carla left tower"]);
    let nothing = past.ask(&["diff", &story.moment, &story.moment]);
    assert_answer(&nothing, OK, &["nothing differs"]);

    // And why she is not there any more.
    let why = past.json(&["why", "carla"]).remove(0);
    assert_eq!(why["sightings"], json!([]));
    let told = past.tell(&["why", "carla"]);
    assert!(told.contains("no bridge names it then") && told.contains("it said goodbye"), "{told}");
    assert!(past.tell(&["why", "carla", "--at-time", &story.moment]).contains("attic > tower"));
}

fn eventually_left(story: &Story) {
    crate::support::eventually("the attic hears that carla left", || {
        story.past().events("peer_left").iter().any(|event| event["subject_name"] == "carla").then_some(())
    });
}

#[test]
fn why_tells_who_names_a_peer_and_the_way_to_it() {
    let story = Story::begin();
    let past = story.past();
    let (attic, tower) = (story.towns.attic.id(), story.towns.tower.id());
    let why = past.json(&["why", "carla"]).remove(0);
    assert_fields(&why, &["id", "name", "sightings", "routes", "history"]);
    assert_eq!((text(&why, "id"), text(&why, "name")), (story.carla.id().as_str(), "carla"));
    let sighting = &why["sightings"][0];
    assert_fields(sighting, &["event", "counts", "reason"]);
    assert_fields(&sighting["event"], &EVENT);
    assert_eq!((&sighting["counts"], &sighting["event"]["bridge"]), (&json!(true), &json!(tower)));
    assert_eq!(why["sightings"].as_array().unwrap().len(), 1, "only the tower names her");
    assert_fields(&why["routes"][0]["route"], &ROUTE);
    assert_eq!(why["routes"][0]["bridge"], attic.as_str(), "the way begins at whoever is asked");
    assert_eq!(why["routes"][0]["route"]["bridges"], json!([attic, tower]));
    let history = why["history"].as_array().unwrap();
    history.iter().for_each(|event| assert_fields(event, &EVENT));
    assert!(history.iter().any(|event| event["kind"] == "peer_joined"), "{history:?}");
    let from_there = past.json(&["why", "carla", "--from", "tower"]).remove(0);
    assert_eq!(from_there["routes"][0]["route"]["bridges"], json!([tower]));

    let told = past.tell(&["why", "carla"]);
    for part in
        [&story.carla.id(), "who says it is there", "tower", "from attic: attic > tower", "its last events"]
    {
        assert!(told.contains(part), "nothing of `{part}` in {told}");
    }
}

#[test]
fn a_path_has_its_bridges_its_cost_and_what_changed_it_last() {
    let story = Story::begin();
    let past = story.past();
    let ways = [story.towns.attic.id(), story.towns.tower.id()];
    let path = past.json(&["path", "anna", "carla", "--at-time", &story.moment]).remove(0);
    assert_fields(&path, &["from", "from_name", "to", "to_name", "route", "changed_by", "before"]);
    assert_eq!(
        (text(&path, "from"), text(&path, "to")),
        (story.anna.id().as_str(), story.carla.id().as_str())
    );
    assert_fields(&path["route"], &ROUTE);
    assert_eq!(
        (&path["route"]["bridges"], &path["route"]["names"]),
        (&json!(ways), &json!(["attic", "tower"]))
    );
    assert!(path["route"]["cost_us"].as_u64().is_some_and(|cost| cost > 0), "{path}");
    assert_fields(&path["changed_by"], &EVENT);
    let changed = past.json(&["log"]).iter().any(|event| event["id"] == path["changed_by"]["id"]);
    assert!(changed, "no such event: {path}");
    assert_eq!(path["before"]["bridges"], json!([]));
    let told = past.tell(&["path", "anna", "carla"]);
    assert!(told.contains("anna to carla: attic > tower, cost ") && told.contains("so since"), "{told}");
    assert!(past.tell(&["path", "tower", "anna"]).contains("tower > attic"));
    assert!(past.tell(&["path", "attic", "tower"]).contains("attic > tower"));
}
