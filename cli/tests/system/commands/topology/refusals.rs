//! Wrong input to `topology`: a sentence that says what is wrong, and its exit code.

use super::{NOT_FOUND, OK, Story, USAGE, assert_answer};
use crate::support::{Answer, Past, eventually, program, text};

#[test]
fn nobody_of_that_name_is_not_found() {
    let story = Story::begin();
    let past = story.past();
    for question in [
        &["why", "nobody"][..],
        &["path", "nobody", "carla"],
        &["path", "anna", "nobody"],
        &["log", "--node", "nobody"],
        &["log", "--node", "nobody", "--follow"],
        &["show", "--from", "nobody"],
        &["why", "carla", "--from", "nobody"],
    ] {
        let answer = past.ask(question);
        assert_answer(&answer, NOT_FOUND, &["no log names a node nobody"]);
        assert!(answer.out.is_empty(), "{answer:?}");
    }
    // Less of an id than stands for it.
    let short = &story.carla.id()[..4];
    assert_answer(&past.ask(&["why", short]), NOT_FOUND, &[short]);
    assert_answer(&past.ask(&["show", "--from", "anna"]), USAGE, &["anna is no bridge"]);
}

#[test]
fn before_the_first_event_the_log_says_where_it_begins() {
    let story = Story::begin();
    let past = story.past();
    let first = past.json(&["log"])[0]["time"].as_str().unwrap().to_owned();
    let early = "2020-01-01T00:00:00Z";
    for question in [
        &["show", "--at-time", early][..],
        &["graph", "--at-time", early],
        &["why", "carla", "--at-time", early],
        &["path", "anna", "carla", "--at-time", early],
        &["stats", "--until", early],
        &["diff", "2019-01-01T00:00:00Z", early],
    ] {
        let answer = past.ask(question);
        assert_answer(&answer, NOT_FOUND, &["the log begins at", &first, "lies before it"]);
        assert!(answer.out.is_empty(), "{answer:?}");
    }
}

#[test]
fn what_is_no_time_is_refused_with_examples() {
    let folder = tempfile::tempdir().unwrap();
    for question in [
        &["show", "--at-time", "soon"][..],
        &["log", "--since", "25:00"],
        &["log", "--until", "-15"],
        &["diff", "yesterday noonish"],
        &["why", "carla", "--at-time", "2026-13-01"],
        &["path", "anna", "carla", "--at-time", ""],
        &["graph", "--at-time", "1"],
        &["stats", "--since", "last week"],
    ] {
        let answer = Answer::of(program(folder.path()).arg("topology").args(question));
        assert_answer(&answer, USAGE, &["not a time", "yesterday 02:14", "-15m"]);
    }
    let story = Story::begin();
    for time in ["-1h", "now", "today", "2020-01-01", "-1h 30m"] {
        assert_answer(&story.past().ask(&["log", "--since", time]), OK, &[]);
    }
    let turned = story.past().ask(&["diff", &story.moment, "2020-01-01T00:00:00Z"]);
    assert_answer(&turned, USAGE, &["the second time lies before the first one"]);
    assert_answer(
        &story.past().ask(&["log", "--kind", "poem"]),
        USAGE,
        &["poem", "peer_joined", "link_down"],
    );
}

#[test]
fn a_name_that_two_have_is_refused_with_both_ids() {
    let story = Story::begin();
    let twin = story.towns.another_at_home("anna");
    let past = story.past();
    eventually("the attic logs the other anna", || {
        let state = past.json(&["show"]);
        let annas = state.iter().filter(|row| row["type"] == "peer" && row["name"] == "anna");
        (annas.count() == 2).then_some(())
    });
    let (one, other) = (story.anna.id(), twin.id());
    for question in [
        &["why", "anna"][..],
        &["path", "anna", "carla"],
        &["path", "carla", "anna"],
        &["log", "--node", "anna"],
    ] {
        assert_answer(&past.ask(question), NOT_FOUND, &["several nodes", &one, &other]);
    }
    for id in [&one, &other] {
        let why = past.json(&["why", &id[..10]]).remove(0);
        assert_eq!(text(&why, "id"), id.as_str());
    }
    // Before the second one came the name was enough.
    let why = past.json(&["why", "anna", "--at-time", &story.moment]).remove(0);
    assert_eq!(text(&why, "id"), one);
}

#[test]
fn where_there_are_no_logs_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    for question in [&["show"][..], &["log"], &["verify"], &["stats"], &["export", "file.causeway"]] {
        let answer = Past::in_directory(&nowhere).ask(question);
        assert_answer(&answer, super::FAILED, &["holds no logs", "nowhere"]);
        assert!(!nowhere.exists(), "looking made it");
    }
    let none_runs = Answer::of(program(folder.path()).args(["topology", "show"]));
    assert_answer(&none_runs, super::NOT_RUNNING, &["bridge", "--data"]);
    let both = Answer::of(program(folder.path()).args(["topology", "show", "--data", "a", "--file", "b"]));
    assert_answer(&both, USAGE, &["--file", "--data"]);
}
