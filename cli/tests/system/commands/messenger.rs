//! What the page and the screen can do, as commands.

use serde_json::json;

use super::{OK, assert_answer};
use crate::support::{Answer, Towns, program};

/// Everybody knows these two, and they have said a few things.
fn two() -> (Towns, crate::support::Node, crate::support::Node) {
    let towns = Towns::start();
    let (anna, ben) = (towns.at_home("anna"), towns.at_home("ben"));
    anna.wait_online("ben");
    ben.wait_online("anna");
    anna.deliver("ben", "the Harbour at seven");
    ben.deliver("anna", "the harbour at eight");
    anna.deliver("ben", "grüße vom Boot");
    (towns, anna, ben)
}

#[test]
fn a_search_finds_all_words_in_any_case_newest_last() {
    let (_towns, anna, _ben) = two();
    let found = |words: &[&str]| {
        let items = anna.json(&[&["search"][..], words].concat());
        items.iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&["HARBOUR"]), ["the Harbour at seven", "the harbour at eight"]);
    assert_eq!(found(&["seven", "harbour"]), ["the Harbour at seven"]);
    assert_eq!(found(&["--last", "1", "harbour"]), ["the harbour at eight"]);
    assert_eq!(found(&["GRÜ"]), ["grüße vom Boot"]);
    assert_eq!(found(&["--with", "ben", "boat"]), [""; 0]);
    let nothing = anna.causeway(&["search", "nowhere"]);
    assert!(
        nothing.code == OK && nothing.out.is_empty() && nothing.err.contains("nothing was said"),
        "{nothing:?}"
    );
}

#[test]
fn an_export_holds_what_the_inbox_shows_and_replaces_no_file() {
    let (towns, anna, _ben) = two();
    let file = towns.folder().join("history.jsonl");
    let path = file.to_str().unwrap();
    let told = anna.causeway(&["export", path]);
    assert!(told.code == OK && told.err.contains("3 messages in"), "{told:?}");
    let lines = std::fs::read_to_string(&file).unwrap();
    let texts = |text: &str| -> Vec<_> {
        text.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].clone())
            .collect()
    };
    assert_eq!(texts(&lines), texts(&anna.causeway(&["inbox", "--json"]).out));
    let again = anna.causeway(&["export", path]);
    assert!(again.code != 0 && again.err.contains("cannot make"), "{again:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines);
}

#[test]
fn marks_blocks_and_deletions_are_commands_too() {
    let (_towns, anna, ben) = two();
    assert_eq!(anna.json(&["verify", "ben", "--mark"])[0]["verified"], true);
    assert_eq!(anna.json(&["verify", "ben", "--unmark"])[0]["verified"], false);
    assert_eq!(anna.json(&["block", "ben"])[0], json!({ "id": ben.id(), "blocked": true }));
    assert!(anna.causeway(&["send", "ben", "x"]).err.contains("you blocked this peer"));
    assert_eq!(anna.json(&["unblock", "ben"])[0]["blocked"], false);
    anna.deliver("ben", "here I am again");
    let unasked = anna.causeway(&["delete", "ben"]);
    assert!(unasked.code != 0 && unasked.err.contains("--yes"), "{unasked:?}");
    assert_eq!(anna.json(&["delete", "ben", "--yes"])[0]["messages"], 4);
    assert!(anna.json(&["inbox"]).is_empty());
    assert_eq!(anna.json(&["rename", "Annette"])[0]["changed"], true);
    ben.wait_online("Annette");
}

#[test]
fn completions_and_manual_pages_name_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let answer = Answer::of(program(folder.path()).args(["completions", shell]));
        assert_answer(&answer, OK, &["causeway", "inbox", "follow"]);
    }
    let man = folder.path().join("man");
    assert_answer(&Answer::of(program(folder.path()).arg("man").arg(&man)), OK, &["man -l"]);
    let page = std::fs::read_to_string(man.join("causeway-inbox.1")).unwrap();
    assert!(page.contains("follow") && page.contains(".TH"), "{page}");
    assert!(man.join("causeway.1").exists());
}
