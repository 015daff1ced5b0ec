//! Help for people, and what is refused before anything is done.

use super::{NOT_RUNNING, OK, USAGE, assert_answer};
use crate::support::{Answer, program};

const COMMANDS: &[&[&str]] = &[
    &["demo"],
    &["bridge"],
    &["peer"],
    &["dispatcher"],
    &["dispatcher", "status"],
    &["dispatcher", "stop"],
    &["dispatcher", "wake"],
    &["dispatcher", "delete"],
    &["chat"],
    &["id"],
    &["identity", "export"],
    &["identity", "import"],
    &["invite"],
    &["join"],
    &["trust", "add"],
    &["trust", "remove"],
    &["trust", "list"],
    &["policy", "show"],
    &["policy", "export"],
    &["policy", "export", "allow"],
    &["policy", "export", "deny"],
    &["policy", "export", "forget"],
    &["policy", "import"],
    &["policy", "clear"],
    &["link", "add"],
    &["link", "remove"],
    &["peers"],
    &["links"],
    &["send"],
    &["search"],
    &["export"],
    &["delete"],
    &["block"],
    &["unblock"],
    &["rename"],
    &["completions"],
    &["man"],
    &["inbox"],
    &["status"],
    &["verify"],
    &["health"],
    &["open"],
    &["doctor"],
];

fn run(arguments: &[&str]) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    Answer::of(program(folder.path()).args(arguments))
}

#[test]
fn every_command_has_help_with_an_example_of_itself() {
    for command in COMMANDS {
        let answer = run(&[command, &["--help"][..]].concat());
        let example = format!("causeway {}", command.join(" "));
        assert_answer(&answer, OK, &["Usage:", "Example", &example]);
    }
    assert_answer(&run(&["--help"]), OK, &["demo", "Exit codes"]);
    assert_answer(&run(&["--version"]), OK, &["causeway "]);
}

#[test]
fn what_cannot_be_understood_is_refused_with_the_code_for_it() {
    for arguments in [
        &["frobnicate"][..],
        &["send", "ben"],
        &["peers", "--frobnicate"],
        &["trust", "add", "not-a-node-id"],
        &["policy", "export", "deny", "carla"],
        &["policy", "import", "forget", "others"],
        &["bridge", "--name", "b", "--network", "n", "--trust", "abc"],
        &["bridge", "--name", "b", "--network", "n", "--listen", "somewhere"],
        &["send", "ben", "hello", "--wait", "soon"],
        &["doctor", "--network", "home", "--link", "quic://a:1/b"],
        &["join"],
        &["peer", "--name", "a", "--network", "n", "--login", "http://localhost:20000/"],
        &["dispatcher", "--network", "n", "--idle", "0s"],
        &["dispatcher", "--network", "n", "--bridge", "nowhere"],
        &["dispatcher", "delete"],
    ] {
        assert_answer(&run(arguments), USAGE, &[]);
    }
}

#[test]
fn what_a_node_cannot_be_started_with_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let long = "n".repeat(33);
    for (arguments, part) in [
        (["bridge", "--name", "b", "--network", "home", "--link", "quic://host/id"], "quic://"),
        (["bridge", "--name", "b", "--network", "home", "--link", "http://host:1/id"], "quic://"),
        (["bridge", "--name", "b\u{7}", "--network", "home", "--data", data], "name"),
        (["peer", "--name", "", "--network", "home", "--data", data], "name"),
        (["peer", "--name", "p", "--network", &long, "--data", data], "network"),
        (["peer", "--name", "p", "--network", "home", "--bridge", "nowhere"], "HOST:PORT"),
    ] {
        let answer = Answer::of(program(folder.path()).args(arguments));
        assert!([1, USAGE].contains(&answer.code), "{arguments:?}: {answer:?}");
        assert!(answer.err.contains(part), "nothing of `{part}` for {arguments:?}: {answer:?}");
        assert!(!answer.err.contains("panicked"), "{answer:?}");
    }
}

#[test]
fn without_a_node_the_commands_say_that_none_is_running() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("nothing-here");
    for command in [
        &["peers"][..],
        &["links"],
        &["status"],
        &["health"],
        &["inbox"],
        &["send", "ben", "hello"],
        &["invite"],
        &["join", "cwi1abc"],
        &["trust", "list"],
        &["link", "remove", "tower"],
    ] {
        let given = Answer::of(program(folder.path()).args(command).arg("--data").arg(&data));
        assert_answer(&given, NOT_RUNNING, &["running"]);
        let found = Answer::of(program(folder.path()).args(command));
        assert_answer(&found, NOT_RUNNING, &["running"]);
    }
}
