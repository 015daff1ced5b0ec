//! What a node logs to stderr: text for people, or one JSON object per line.

use serde_json::Value;

use super::{USAGE, assert_answer, assert_fields, assert_time};
use crate::support::{Answer, Node, lines, network, program};

/// All that a bridge logs from its start to its end.
fn logged(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let bridge = Node::bridge("attic", &network("lan"), folder.path()).with(&["--listen", "127.0.0.1"]);
    let mut bridge = bridge.with(arguments).start();
    assert_eq!(bridge.terminate().code(), Some(0));
    bridge.written()
}

#[test]
fn a_log_for_machines_is_one_object_per_line() {
    let text = logged(&["--log-format", "json", "--log", "debug"]);
    let objects = lines(&text);
    assert!(objects.len() > 3, "{text}");
    for object in &objects {
        assert_fields(object, &["timestamp", "level", "target"]);
        assert_time(&object["timestamp"]);
    }
    assert!(objects.iter().any(|object| object["level"] == "DEBUG"), "{text}");
    assert!(text.contains("the bridge runs"), "{text}");
}

#[test]
fn a_log_for_people_is_text() {
    for arguments in [&[][..], &["--log-format", "text"]] {
        let text = logged(arguments);
        assert!(text.contains(" INFO ") && text.contains("the bridge runs"), "{text}");
        let object = |line: &&str| serde_json::from_str::<Value>(line).is_ok_and(|value| value.is_object());
        assert_eq!(text.lines().find(object), None);
    }
}

#[test]
fn another_format_is_refused_with_those_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let answer = Answer::of(program(folder.path()).args(["status", "--log-format", "poem"]));
    assert_answer(&answer, USAGE, &["poem", "text", "json"]);
}
