//! A night with three incidents, told afterwards by nothing but an exported file: a link is cut and heals, Anna carries
//! her laptop from home into the cloud, and a bridge is killed.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::stage::Stage;
use crate::support::{
    Node, Past, eventually, export, export_journal, lines, simulated, text, wait_until_held,
};

/// Moments of the night, by the times of events.
struct Night {
    before_the_cut: String,
    during_the_cut: String,
    before_the_move: String,
    after_the_move: String,
    during_the_kill: String,
    file: PathBuf,
    stage: Stage,
}

/// Waits until these have each logged an event of a kind since a moment.
fn wait_logged(bridges: &[&Node], kind: &str, since: &str) {
    for bridge in bridges {
        let id = bridge.id();
        eventually(&format!("{} logs {kind}", bridge.name()), || {
            let events = Past::of(bridge).json(&["log", "--kind", kind, "--since", since]);
            events.iter().any(|event| event["bridge"] == id.as_str()).then_some(())
        });
    }
}

/// The last time in either log.
fn now(stage: &Stage) -> String {
    [&stage.attic, &stage.tower].map(|bridge| Past::of(bridge).last_time()).into_iter().max().unwrap()
}

/// The same once both hold all of each other's logs.
fn agreed(stage: &Stage) -> String {
    wait_until_held(&stage.attic, &stage.tower);
    wait_until_held(&stage.tower, &stage.attic);
    now(stage)
}

impl Night {
    fn pass(test: &str) -> Option<Self> {
        let mut stage = Stage::set(test)?;
        stage.assert_talk("in the evening");

        let before_the_cut = agreed(&stage);
        stage.router.cut();
        wait_logged(&[&stage.attic, &stage.tower], "link_down", &before_the_cut);
        let during_the_cut = now(&stage);
        stage.router.heal();
        wait_logged(&[&stage.attic, &stage.tower], "link_up", &during_the_cut);

        let before_the_move = agreed(&stage);
        stage.anna.terminate();
        let host = stage.host_in_cloud("guest", "10.9.0.8/24");
        stage.anna = Node::peer("anna", "cloud", stage.folder.path()).on(&host).start();
        eventually("the tower's log has anna, and the attic's no longer", || {
            let why = Past::of(&stage.tower).json(&["why", "anna"]).remove(0);
            let homes: Vec<_> =
                why["sightings"].as_array()?.iter().map(|it| &it["event"]["bridge_name"]).collect();
            (homes == ["tower"] && why["routes"][0]["route"]["names"] == json!(["tower"])).then_some(())
        });
        let after_the_move = agreed(&stage);

        stage.attic.kill();
        wait_logged(&[&stage.tower], "link_down", &after_the_move);
        let during_the_kill = Past::of(&stage.tower).last_time();
        stage.attic.start_again();
        wait_logged(&[&stage.attic, &stage.tower], "link_up", &during_the_kill);
        agreed(&stage);

        let file = stage.folder.path().join("night.causeway");
        export(&stage.tower, &file);
        Some(Self {
            before_the_cut,
            during_the_cut,
            before_the_move,
            after_the_move,
            during_the_kill,
            file,
            stage,
        })
    }
}

/// What differed between two moments: the kinds of changes with their sentences.
fn diff(past: &Past, from: &str, to: &str) -> Vec<(String, String)> {
    let changes = past.json(&["diff", from, to]);
    changes.iter().map(|it| (text(it, "kind").to_owned(), text(it, "text").to_owned())).collect()
}

fn sentence<'a>(changes: &'a [(String, String)], kind: &str) -> &'a str {
    let found = changes.iter().find(|(is, _)| is == kind);
    &found.unwrap_or_else(|| panic!("no {kind} in {changes:?}")).1
}

/// That one of these is said, the names in whichever order their ids are.
fn assert_one_of(said: &str, either: [&str; 2]) {
    assert!(either.contains(&said), "{said:?} instead of {either:?}");
}

#[test]
fn a_file_tells_of_a_cut_link_a_peer_that_moved_and_a_killed_bridge() {
    let Some(night) = Night::pass("incidents") else { return };
    let file = night.stage.folder.path().join("elsewhere.causeway");
    std::fs::rename(&night.file, &file).unwrap();
    let past = Past::in_file(&file);
    let whole = past.ask(&["verify", "--json"]);
    assert_eq!((whole.code, whole.err.as_str()), (0, ""), "{whole:?}");
    let result = lines(&whole.out).pop().unwrap();
    assert_eq!((&result["good"], &result["events"]), (&json!(true), &json!(past.json(&["log"]).len())));

    the_cut(&past, &night);
    the_move(&past, &night);
    the_kill(&past, &night);
    the_outages(&past, &night);
    the_runs_again(&night);
}

/// The journals of both bridges, over a kill of one, give byte for byte the logs of that night.
fn the_runs_again(night: &Night) {
    for (bridge, runs) in [(&night.stage.attic, 2), (&night.stage.tower, 1)] {
        let file = night.stage.folder.path().join(format!("{}.causeway", bridge.name()));
        export_journal(bridge, &file);
        let again = simulated(&file);
        let result = again.last().unwrap();
        assert_eq!((&result["same"], &result["runs"]), (&json!(true), &json!(runs)), "{again:?}");
        for run in &again[..runs] {
            assert!(run["differs_at"].is_null() && run["events"].as_u64() >= Some(3), "{run}");
        }
    }
}

fn the_cut(past: &Past, night: &Night) {
    let (before, during) = (night.before_the_cut.as_str(), night.during_the_cut.as_str());
    let window = ["--since", before, "--until", night.before_the_move.as_str()];
    let log = [&["log", "--kind", "link_down", "--kind", "link_up"][..], &window].concat();
    let events = past.json(&log);
    for (bridge, other) in [("attic", "tower"), ("tower", "attic")] {
        let told: Vec<_> = events.iter().filter(|event| event["bridge_name"] == bridge).collect();
        let kinds: Vec<_> = told.iter().map(|event| text(event, "kind")).collect();
        assert_eq!(kinds, ["link_down", "link_up"], "{told:?}");
        let down = format!("{bridge} calls its link to {other} down: ");
        let reason = text(told[0], "text").strip_prefix(&down).unwrap_or_else(|| panic!("{}", told[0]));
        assert!(reason.contains("nothing was heard"), "a cut is no {reason:?}");
        assert!(text(told[1], "text").starts_with(&format!("{bridge} calls its link to {other} up, cost ")));
        let (at, again) = (text(told[0], "time"), text(told[1], "time"));
        assert!(before < at && at <= during && during < again, "{before} {at} {during} {again}");
    }

    let changes = diff(past, before, during);
    assert_one_of(
        sentence(&changes, "link_down"),
        ["the link between attic and tower went down", "the link between tower and attic went down"],
    );
    assert_one_of(
        sentence(&changes, "islands"),
        [
            "who could reach whom changed: attic tower became attic | tower",
            "who could reach whom changed: tower attic became tower | attic",
        ],
    );
    let healed = diff(past, during, &night.before_the_move);
    assert!(sentence(&healed, "link_up").ends_with("came up"), "{healed:?}");

    let path = |at: &str| past.json(&["path", "anna", "carla", "--at-time", at]).remove(0);
    assert_eq!(path(before)["route"]["names"], json!(["attic", "tower"]));
    let cut = path(during);
    assert_eq!((&cut["route"]["bridges"], &cut["before"]["names"]), (&json!([]), &json!(["attic", "tower"])));
    assert!(text(&cut["route"], "reason").contains("no chain of links that are up"), "{cut}");
    assert_eq!(cut["changed_by"]["kind"], "link_down", "{cut}");
    let told = past.tell(&["path", "anna", "carla", "--at-time", during]);
    assert!(told.starts_with("anna to carla: no way: ") && told.contains("link_down"), "{told}");
}

fn the_move(past: &Past, night: &Night) {
    let (before, after) = (night.before_the_move.as_str(), night.after_the_move.as_str());
    let changes = diff(past, before, after);
    assert_eq!(sentence(&changes, "peer_moved"), "anna moved from attic to tower");
    let others: Vec<_> =
        changes.iter().filter(|(kind, _)| kind.starts_with("link_") && kind != "link_cost").collect();
    assert!(others.is_empty(), "no link took part in it: {others:?}");

    let homes = |at: &str| -> Vec<Value> {
        let why = past.json(&["why", "anna", "--at-time", at]).remove(0);
        let sightings = why["sightings"].as_array().unwrap().clone();
        sightings.iter().map(|sighting| sighting["event"]["bridge_name"].clone()).collect()
    };
    assert_eq!((homes(before), homes(after)), (vec![json!("attic")], vec![json!("tower")]));
    let told = past.tell(&["why", "anna", "--at-time", after]);
    for part in ["anna left attic: it said goodbye", "the way to it:", "from tower: in the network of tower"]
    {
        assert!(told.contains(part), "nothing of `{part}` in {told}");
    }
    let path = past.json(&["path", "anna", "carla", "--at-time", after]).remove(0);
    assert_eq!(path["route"]["names"], json!(["tower"]));
}

fn the_kill(past: &Past, night: &Night) {
    let (before, during) = (night.after_the_move.as_str(), night.during_the_kill.as_str());
    let changes = diff(past, before, during);
    assert!(sentence(&changes, "link_down").ends_with("went down"), "{changes:?}");
    // Nobody but the killed one could say so, and it could not.
    assert!(!changes.iter().any(|(kind, _)| kind == "bridge_status"), "{changes:?}");
    let restarted = diff(past, before, &past.last_time());
    assert!(sentence(&restarted, "bridge_restarted").starts_with("bridge attic started again at "));
    let log = past.tell(&["log", "--since", during]);
    assert!(log.contains("attic started again, for network home"), "{log}");
    assert!(past.events("bridge_stopped").is_empty(), "a kill is no stop in good order");
}

fn the_outages(past: &Past, night: &Night) {
    let stats = past.json(&["stats"]).remove(0);
    let outages = stats["outages"].as_array().unwrap();
    assert!(outages.iter().map(|outage| outage["milliseconds"].as_u64()).rev().is_sorted(), "{outages:?}");
    for moment in [night.during_the_cut.as_str(), night.during_the_kill.as_str()] {
        let over = |outage: &&Value| text(outage, "from") <= moment && text(outage, "to") > moment;
        let outage = outages.iter().find(over).unwrap_or_else(|| panic!("none at {moment} in {outages:?}"));
        let mut ends = [text(outage, "one_name"), text(outage, "other_name")];
        ends.sort_unstable();
        assert_eq!(ends, ["attic", "tower"]);
        assert!(outage["milliseconds"].as_u64().is_some_and(|long| long > 0), "{outage}");
    }
    assert!(past.tell(&["stats"]).contains("longest outages of links:"));
}
