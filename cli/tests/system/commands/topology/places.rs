//! The same logs give the same answers: at the bridge while it runs, in its data directory afterwards, in a file, in a
//! directory that the file was imported into, and over the control port.

use serde_json::Value;

use super::{FAILED, OK, Story, USAGE, assert_answer};
use crate::support::{Answer, Node, Past, lines, program};

/// Every question, about what was so by a moment, from the attic's point of view where there is one to take.
fn questions(moment: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["log", "--until", moment, "--json"],
        vec!["log", "--until", moment, "--node", "carla", "--kind", "peer_joined", "--json"],
        vec!["log", "--until", moment, "--last", "2"],
        vec!["show", "--at-time", moment, "--from", "attic", "--json"],
        vec!["show", "--at-time", moment, "--from", "tower"],
        vec!["diff", "2020-01-01T00:00:00Z", moment, "--json"],
        vec!["why", "carla", "--at-time", moment, "--from", "attic", "--json"],
        vec!["path", "anna", "carla", "--at-time", moment, "--json"],
        vec!["path", "carla", "anna", "--at-time", moment],
        vec!["stats", "--until", moment, "--json"],
        vec!["graph", "--at-time", moment, "--format", "json"],
        vec!["graph", "--at-time", moment, "--format", "svg"],
    ]
}

/// All answers. How the news came to a bridge is in its journal, not in the logs that everybody has.
fn answers(past: &Past, moment: &str) -> Vec<String> {
    let answer = |question: &Vec<&str>| {
        let told = past.tell(question);
        assert!(!told.trim().is_empty(), "{question:?} has an empty answer");
        if question[0] == "why" { without_arrivals(&told) } else { told }
    };
    questions(moment).iter().map(answer).collect()
}

fn without_arrivals(told: &str) -> String {
    let mut why = lines(told).remove(0);
    for sighting in why["sightings"].as_array_mut().unwrap() {
        sighting["arrival"] = Value::Null;
    }
    why.to_string()
}

fn assert_same(place: &str, past: &Past, moment: &str, expected: &[String]) {
    for ((question, expected), answer) in questions(moment).iter().zip(expected).zip(answers(past, moment)) {
        assert!(
            answer == *expected,
            "{question:?} {place}:\n{answer}\nbut at the running bridge:\n{expected}"
        );
    }
}

#[test]
fn every_place_that_holds_the_logs_gives_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let operator = Node::peer("olga", "nowhere", folder.path());
    let mut story = Story::begin_with(&["--operator", &operator.id()]);
    let moment = story.moment.clone();
    let expected = answers(&story.past(), &moment);
    assert_eq!(answers(&Past::of(&story.towns.tower), &moment), expected, "at the other bridge");
    assert_same("from afar", &Past::at(&story.towns.attic, &operator), &moment, &expected);

    let file = story.exported("whole.causeway");
    assert_same("in a file", &Past::in_file(&file), &moment, &expected);
    let fresh = folder.path().join("fresh");
    let mut import = program(folder.path());
    let imported = Answer::of(import.args(["topology", "import"]).arg(&file).arg("--data").arg(&fresh));
    assert_answer(&imported, OK, &["new events"]);
    let verified = Past::in_file(&file).json(&["verify"]);
    assert!(imported.out.starts_with(&format!("{} new", verified.last().unwrap()["events"])), "{imported:?}");
    let imported = Past::in_directory(&fresh);
    assert_same("in a directory that a file was imported into", &imported, &moment, &expected);
    assert_eq!(imported.json(&["log"]), Past::in_file(&file).json(&["log"]));

    assert_eq!(story.towns.attic.terminate().code(), Some(0));
    assert_same("in the directory of a stopped bridge", &story.past(), &moment, &expected);
    let stopped = story.past().events("bridge_stopped");
    assert!(
        stopped.iter().any(|event| event["bridge_name"] == "attic"),
        "its last event is there: {stopped:?}"
    );
    // A stopped bridge can be exported, too.
    let late = story.exported("late.causeway");
    assert_same("in a file of a stopped bridge", &Past::in_file(&late), &moment, &expected);
    assert_eq!(Past::in_file(&late).events("bridge_stopped"), stopped);
    // And looking at it kept it from nothing.
    story.towns.attic.start_again();
    assert_same("at the bridge that runs again", &story.past(), &moment, &expected);
}

#[test]
fn only_operators_ask_from_afar() {
    let folder = tempfile::tempdir().unwrap();
    let operator = Node::peer("olga", "nowhere", folder.path());
    let stranger = Node::peer("eve", "nowhere", folder.path());
    stranger.id();
    let story = Story::begin_with(&["--operator", &operator.id()]);
    let attic = &story.towns.attic;
    let refusal = "this needs a place on the operators' list (`--operator`), or the local socket";
    // A member of the network is no operator.
    for asker in [&stranger, &story.anna] {
        let past = Past::at(attic, asker);
        for question in
            [&["show"][..], &["log"], &["log", "--follow"], &["why", "carla"], &["verify"], &["stats"]]
        {
            let refused = past.ask(question);
            assert_answer(&refused, FAILED, &[refusal]);
            assert!(refused.out.is_empty(), "{refused:?}");
        }
        let file = folder.path().join("stolen.causeway");
        assert_answer(&past.ask(&["export", file.to_str().unwrap()]), FAILED, &[refusal]);
        assert!(!file.exists(), "a file is left of a refused export");
    }

    let past = Past::at(attic, &operator);
    assert!(past.tell(&["show"]).contains("carla"));
    let file = folder.path().join("given.causeway");
    assert_answer(&past.ask(&["export", file.to_str().unwrap()]), OK, &["bytes"]);
    assert_answer(&Past::in_file(&file).ask(&["verify"]), OK, &["attic", "tower"]);

    // Another bridge than the one that was meant.
    let target = format!("127.0.0.1:{}/{}", attic.port("control"), story.towns.tower.id());
    let mut meant = program(folder.path());
    meant.args(["topology", "show", "--at", &target, "--as"]).arg(operator.data());
    let answer = Answer::of(&mut meant);
    assert_answer(&answer, FAILED, &["did not prove to be", &story.towns.tower.id()]);
    assert!(answer.out.is_empty(), "{answer:?}");
    let mut nobody = program(folder.path());
    assert_answer(&Answer::of(nobody.args(["topology", "show", "--as", "olga"])), USAGE, &["--at"]);
}
