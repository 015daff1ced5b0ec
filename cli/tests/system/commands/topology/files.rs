//! Exported files: whole, cut, changed, imported.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{CHECK_FAILED, FAILED, OK, Story, USAGE, assert_answer};
use crate::support::{Answer, Past, export, program, text};

/// `causeway topology import`.
fn import(file: &Path, data: &Path) -> Answer {
    let folder = file.parent().unwrap();
    Answer::of(program(folder).args(["topology", "import"]).arg(file).arg("--data").arg(data))
}

/// Where a name is written in a file for the first time.
fn place_of(name: &str, file: &[u8]) -> usize {
    file.windows(name.len()).position(|bytes| bytes == name.as_bytes()).expect("names are written in clear")
}

/// A copy of a file with other bytes.
fn another(file: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = file.with_file_name(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// What `verify` says of each log, by its bridge's name.
fn log_of<'a>(verified: &'a [Value], bridge: &str) -> &'a Value {
    let found = verified.iter().find(|row| row["bridge_name"] == bridge);
    found.unwrap_or_else(|| panic!("no log of {bridge} in {verified:?}"))
}

fn verified(past: &Past) -> Vec<Value> {
    let answer = past.ask(&["verify", "--json"]);
    assert_answer(&answer, CHECK_FAILED, &["not all of it is what its owners signed"]);
    crate::support::lines(&answer.out)
}

#[test]
fn a_changed_byte_is_named_and_the_rest_still_tells() {
    let story = Story::begin();
    let file = story.exported("whole.causeway");
    let mut bytes = fs::read(&file).unwrap();
    // In what the tower signed of Carla.
    let place = place_of("carla", &bytes);
    bytes[place] ^= 1;
    let past = Past::in_file(&another(&file, "changed.causeway", &bytes));

    let rows = verified(&past);
    let (bad, good) = (log_of(&rows, "tower"), log_of(&rows, "attic"));
    assert!(bad["bad"].as_u64().is_some_and(|event| event > 0), "{bad}");
    assert!(text(bad, "what").contains("signature"), "{bad}");
    assert_eq!((&good["bad"], &good["what"]), (&json!(null), &json!("")), "{good}");
    let result = rows.last().unwrap();
    assert_eq!((&result["good"], &result["type"]), (&json!(false), &json!("result")));
    assert!(result["faults"].to_string().contains("byte "), "{result}");
    let named = format!("event {}", bad["bad"]);
    assert_answer(
        &past.ask(&["verify"]),
        CHECK_FAILED,
        &["attic", "good up to event", "fault: byte", &named],
    );

    let shown = past.ask(&["show"]);
    assert_answer(&shown, OK, &["attic", "anna"]);
    assert!(!shown.out.contains("cloud"), "what is not good is not told: {shown:?}");
    let noted = shown.err.contains("(tower) is not good from event") && shown.err.contains("byte ");
    assert!(noted && shown.err.contains("what comes before it is used"), "{shown:?}");
    let log = past.ask(&["log", "--json"]);
    assert_answer(&log, OK, &[]);
    let events = crate::support::lines(&log.out);
    let attic = story.towns.attic.id();
    assert!(events.iter().all(|event| event["bridge"] == attic.as_str()), "{events:?}");
    assert_eq!(events.len(), usize::try_from(good["good"].as_u64().unwrap()).unwrap());
    assert!(log.err.contains("is not good"), "{log:?}");
}

#[test]
fn a_cut_file_tells_what_comes_before_the_cut() {
    let story = Story::begin();
    let file = story.exported("whole.causeway");
    let bytes = fs::read(&file).unwrap();
    let whole = Past::in_file(&file).json(&["log"]);

    // All logs are there; only what the exporter signed at the end is not.
    let past = Past::in_file(&another(&file, "end.causeway", &bytes[..bytes.len() - 20]));
    let rows = verified(&past);
    let result = rows.last().unwrap();
    assert_eq!(result["events"], whole.len());
    assert!(result["faults"].to_string().contains("cut off"), "{result}");
    assert_answer(&past.ask(&["verify"]), CHECK_FAILED, &["fault: byte", "cut off"]);
    let log = past.ask(&["log", "--json"]);
    assert_eq!(crate::support::lines(&log.out), whole);
    assert!(log.code == OK && log.err.contains("cut off"), "{log:?}");

    // In the middle of the second log: the first one is whole.
    let places = [("attic", place_of("anna", &bytes)), ("tower", place_of("carla", &bytes))];
    let (_, second) = places.iter().max_by_key(|(_, place)| *place).unwrap();
    let (first, _) = places.iter().min_by_key(|(_, place)| *place).unwrap();
    let past = Past::in_file(&another(&file, "half.causeway", &bytes[..*second]));
    let rows = verified(&past);
    assert_eq!(log_of(&rows, first)["bad"], json!(null));
    assert!(rows.last().unwrap()["faults"].to_string().contains("cut off"), "{rows:?}");
    let shown = past.ask(&["show"]);
    assert_answer(&shown, OK, &[first]);
    assert!(shown.err.contains("cut off"), "{shown:?}");
}

#[test]
fn every_kind_of_damage_is_found_by_verify() {
    let story = Story::begin();
    let file = story.exported("whole.causeway");
    let bytes = fs::read(&file).unwrap();
    assert_answer(&Past::in_file(&file).ask(&["verify"]), OK, &["signatures hold"]);
    let begin = 18;
    for step in 0..16 {
        let place = begin + (bytes.len() - begin) * step / 16;
        let mut changed = bytes.clone();
        changed[place] ^= 0x40;
        let answer = Past::in_file(&another(&file, "damaged.causeway", &changed)).ask(&["verify"]);
        assert_ne!(answer.code, OK, "byte {place} of {} was changed: {answer:?}", bytes.len());
        let named =
            answer.out.contains("event ") || answer.out.contains("byte ") || answer.err.contains("byte ");
        assert!(named && !answer.err.contains("panicked"), "byte {place}: {answer:?}");
    }
    let longer = another(&file, "longer.causeway", &[&bytes[..], b"and more"].concat());
    assert_answer(&Past::in_file(&longer).ask(&["verify"]), CHECK_FAILED, &["follows the end"]);
}

#[test]
fn what_is_no_exported_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (none, empty) = (folder.path().join("poem.txt"), folder.path().join("empty"));
    fs::write(&none, "Wanderers Nachtlied\n").unwrap();
    fs::write(&empty, "").unwrap();
    for file in [&none, &empty] {
        let answer = Past::in_file(file).ask(&["verify"]);
        assert_answer(&answer, CHECK_FAILED, &["no file that `causeway topology export` wrote"]);
    }
    for question in [&["show"][..], &["log"], &["stats"], &["why", "carla"]] {
        for (file, part) in [
            (none.as_path(), "no file that `causeway topology export` wrote"),
            (&empty, "no file that `causeway topology export` wrote"),
            (&folder.path().join("missing"), "cannot read"),
            (folder.path(), "cannot read"),
        ] {
            let answer = Past::in_file(file).ask(question);
            assert_answer(&answer, FAILED, &[file.to_str().unwrap(), part]);
            assert!(answer.out.is_empty(), "{answer:?}");
        }
    }
    let data = folder.path().join("data");
    assert_answer(&import(&none, &data), FAILED, &["poem.txt"]);
    assert!(!data.exists(), "something came of a file that is none");
}

#[test]
fn an_export_overwrites_nothing_and_leaves_nothing_half_done() {
    let story = Story::begin();
    let file = story.towns.folder().join("precious");
    fs::write(&file, "precious").unwrap();
    let name = file.to_str().unwrap();
    assert_answer(&story.past().ask(&["export", name]), FAILED, &[name, "exists"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    let nowhere = story.towns.folder().join("no/such/folder");
    assert_answer(&story.past().ask(&["export", nowhere.to_str().unwrap()]), FAILED, &["no/such/folder"]);

    // Who has no bridge's key can sign no file.
    let whole = story.exported("whole.causeway");
    let again = story.towns.folder().join("again.causeway");
    let refused = Past::in_file(&whole).ask(&["export", again.to_str().unwrap()]);
    assert_answer(&refused, USAGE, &["only a bridge can export"]);
    assert!(!again.exists(), "a file is left of a refused export");
}

#[test]
fn an_import_adds_what_is_new_and_only_what_is_good() {
    let story = Story::begin();
    let (early, data) = (story.exported("early.causeway"), story.towns.folder().join("looked-at"));
    assert_answer(&import(&early, &data), OK, &["new events"]);
    assert_answer(&import(&early, &data), OK, &["0 new events"]);
    let before = Past::in_directory(&data).json(&["log"]).len();

    crate::support::wait_until_held(&story.towns.tower, &story.towns.attic);
    let late = story.exported("late.causeway");
    let after = Past::in_file(&late).json(&["log"]);
    let more = after.len() - before;
    assert!(more > 0, "nothing happened in between");
    assert_answer(&import(&late, &data), OK, &[&format!("{more} new event")]);
    assert_eq!(Past::in_directory(&data).json(&["log"]), after);
    assert_answer(&import(&early, &data), OK, &["0 new events"]);
    assert_eq!(Past::in_directory(&data).json(&["log"]), after, "an older file took something away");

    let mut bytes = fs::read(&late).unwrap();
    let place = place_of("carla", &bytes);
    bytes[place] ^= 1;
    let (damaged, other) = (another(&late, "damaged.causeway", &bytes), story.towns.folder().join("other"));
    let imported = import(&damaged, &other);
    assert_answer(&imported, OK, &["new events"]);
    assert!(imported.err.contains("is not good"), "{imported:?}");
    assert_answer(&Past::in_directory(&other).ask(&["verify"]), OK, &["in 1 log"]);

    let running = import(&late, story.towns.attic.data());
    assert_answer(&running, FAILED, &["is in use by", "stop that one first"]);
    let nowhere = Answer::of(program(story.towns.folder()).args(["topology", "import"]).arg(&late));
    assert_answer(&nowhere, USAGE, &["--data"]);
}

#[test]
fn a_file_of_another_bridge_fills_a_stopped_ones_directory() {
    let mut story = Story::begin();
    story.towns.attic.terminate();
    let towers = story.towns.folder().join("tower.causeway");
    export(&story.towns.tower, &towers);
    let imported = import(&towers, story.towns.attic.data());
    assert_answer(&imported, OK, &["new events"]);
    let ids = |past: &Past| super::ids(&past.json(&["log"]));
    let (held, file) = (ids(&story.past()), ids(&Past::in_file(&towers)));
    assert!(file.iter().all(|id| held.contains(id)), "{file:?} is not all in {held:?}");
    assert_answer(&story.past().ask(&["verify"]), OK, &["signatures hold"]);
    // The bridge goes on with it.
    story.towns.attic.start_again();
    story.towns.attic.wait_links(1);
    assert!(!story.towns.attic.status()["warnings"].to_string().contains("fork"));
}
