//! `send`, `inbox` and `peers` of running peers.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::Stdio,
};

use serde_json::Value;

use super::{NOT_DELIVERED, NOT_FOUND, OK, USAGE, assert_answer, assert_fields, assert_time};
use crate::support::{Node, eventually, network};

struct Lan {
    anna: Node,
    ben: Node,
    network: String,
    folder: tempfile::TempDir,
}

fn peer(name: &str, lan: &str, folder: &tempfile::TempDir) -> Node {
    Node::peer(name, lan, folder.path()).with(&["--listen", "127.0.0.1"])
}

fn lan() -> Lan {
    let (folder, network) = (tempfile::tempdir().unwrap(), network("lan"));
    let anna = peer("anna", &network, &folder).start();
    let ben = peer("ben", &network, &folder).start();
    anna.wait_online("ben");
    ben.wait_online("anna");
    Lan { anna, ben, network, folder }
}

#[test]
fn two_peers_find_each_other_and_talk_in_order() {
    let lan = lan();
    let row = lan.anna.wait_online("ben");
    assert_fields(&row, &["id", "name", "kind", "network", "via", "addresses", "state", "last_seen"]);
    assert_eq!(row["id"], lan.ben.id());
    assert_eq!((&row["kind"], &row["via"]), (&Value::from("peer"), &Value::from("lan")));
    assert_eq!(row["network"], lan.network.as_str());
    assert!(row["addresses"][0].as_str().is_some_and(|address| address.contains(':')), "{row}");
    assert_time(&row["last_seen"]);
    assert_answer(&lan.anna.causeway(&["peers"]), OK, &["NAME", "ben"]);

    let sent = lan.anna.deliver("ben", "hello, Ben");
    let fields = ["id", "from", "from_name", "to", "to_name", "text", "sent_at", "state", "direction"];
    assert_fields(&sent, &fields);
    assert_eq!(sent["direction"], "out");
    assert_eq!(sent["from"], lan.anna.id());
    assert_eq!(sent["to"], lan.ben.id());
    assert_eq!(sent["to_name"], "ben");
    assert_time(&sent["sent_at"]);

    let mut expected = vec!["hello, Ben".to_owned()];
    for number in 1..=5 {
        expected.push(format!("message {number}: ünïcode\nand a second line"));
        lan.anna.send("ben", expected.last().unwrap());
    }
    lan.ben.wait_received("anna", &expected);
    let inbox = lan.ben.json(&["inbox"]);
    assert_fields(&inbox[0], &fields);
    assert_eq!(inbox[0]["direction"], "in");
    assert_eq!(inbox[0]["from_name"], "anna");
    assert_eq!(inbox[0]["state"], "received");
    assert_eq!(lan.ben.json(&["inbox", "--last", "2"]).len(), 2);
    assert_answer(&lan.ben.causeway(&["inbox"]), OK, &["hello, Ben"]);

    // By id, and by its beginning.
    lan.ben.deliver(&lan.anna.id(), "by id");
    lan.ben.deliver(&lan.anna.id()[..8], "by its beginning");
    lan.anna.wait_received("ben", &["by id".into(), "by its beginning".into()]);
}

#[test]
fn a_wrong_recipient_or_text_is_refused_with_what_to_do() {
    let lan = lan();
    let long = "x".repeat(64 * 1024 + 1);
    assert_answer(&lan.anna.causeway(&["send", "nobody", "hello"]), NOT_FOUND, &["nobody"]);
    assert_answer(&lan.anna.causeway(&["inbox", "--from", "nobody"]), NOT_FOUND, &["nobody"]);
    assert_answer(&lan.anna.causeway(&["send", "ben", ""]), USAGE, &["empty"]);
    let answer = send_from_stdin(&lan.anna, "ben", &long);
    assert_eq!(answer.0, Some(USAGE), "{answer:?}");
    assert_answer(&lan.anna.causeway(&["send", "anna", "to myself"]), NOT_FOUND, &["anna"]);
    assert!(lan.ben.received("anna").is_empty());

    let _second_ben = {
        let data = lan.folder.path().join("ben-too");
        peer("Ben", &lan.network, &lan.folder).keeping(data).start()
    };
    eventually("anna knows two called ben", || {
        let peers = lan.anna.json(&["peers"]);
        let ben = |peer: &&Value| peer["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("ben"));
        (peers.iter().filter(ben).count() == 2).then_some(())
    });
    // One of the two is written just so, and yet it may be the other who is meant.
    for name in ["ben", "Ben", "b\u{200b}en"] {
        let ambiguous = lan.anna.causeway(&["send", name, "which one?"]);
        assert_answer(&ambiguous, NOT_FOUND, &[&lan.ben.id()[..8]]);
    }
    lan.anna.deliver(&lan.ben.id(), "you");
}

fn send_from_stdin(from: &Node, to: &str, text: &str) -> (Option<i32>, String) {
    let mut command = from.command(&["send", to, "-", "--wait", "60"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The program may refuse before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_text_comes_from_standard_input_too() {
    let lan = lan();
    let (code, error) = send_from_stdin(&lan.anna, "ben", "two\nlines\n");
    assert_eq!(code, Some(OK), "{error}");
    lan.ben.wait_received("anna", &["two\nlines".into()]);
}

#[test]
fn a_message_waits_for_a_peer_that_is_away_and_says_why() {
    let mut lan = lan();
    lan.anna.deliver("ben", "first");
    lan.ben.terminate();
    let answer = lan.anna.causeway(&["send", "ben", "second", "--wait", "1", "--json"]);
    assert_answer(&answer, NOT_DELIVERED, &["stored"]);
    let message = crate::support::lines(&answer.out).remove(0);
    assert_eq!(message["state"], "queued", "{message}");
    assert!(message["reason"].as_str().is_some_and(|why| !why.is_empty()), "{message}");
    let nobody = Node::peer("nobody", "nowhere", lan.folder.path()).id();
    let stored = lan.anna.causeway(&["send", &nobody, "who are you?"]);
    assert_answer(&stored, OK, &[&format!("stored for {}, not there yet", &nobody[..8])]);
    lan.anna.kill();
    lan.anna.start_again();
    lan.ben.start_again();
    lan.ben.wait_received("anna", &["first".into(), "second".into()]);
    eventually("anna hears that it arrived", || {
        let items = lan.anna.json(&["inbox", "--from", "ben"]);
        items.iter().all(|item| item["state"] == "at_peer").then_some(())
    });
}

#[test]
fn a_followed_inbox_shows_what_comes_as_it_comes() {
    let lan = lan();
    lan.anna.deliver("ben", "before");
    let mut command = lan.ben.command(&["inbox", "--follow", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["text"], "before");
    lan.anna.deliver("ben", "after");
    assert_eq!(next()["text"], "after");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_message_counts_as_read_only_once_its_reader_says_so() {
    let lan = lan();
    lan.anna.deliver("ben", "have you seen this?");
    let state = || lan.anna.json(&["inbox", "--from", "ben"])[0]["state"].clone();
    lan.ben.json(&["inbox"]);
    assert_eq!(state(), "at_peer");
    lan.ben.json(&["inbox", "--read-receipts"]);
    eventually("anna sees that it was read", || (state() == "read").then_some(()));
}

#[test]
fn both_sides_are_shown_the_same_safety_number() {
    let lan = lan();
    lan.anna.wait_online("ben");
    lan.ben.wait_online("anna");
    let number = |node: &Node, other| node.json(&["verify", other])[0]["safety_number"].clone();
    let of_anna = number(&lan.anna, "ben");
    assert_eq!(of_anna.as_str().unwrap().split(' ').count(), 12, "{of_anna}");
    assert_eq!(number(&lan.ben, "anna"), of_anna);
    let first = of_anna.as_str().unwrap().split(' ').next().unwrap();
    assert_answer(&lan.anna.causeway(&["verify", "ben"]), OK, &[first, "compare", "\u{2588}"]);
    assert_answer(&lan.anna.causeway(&["verify", "nobody"]), NOT_FOUND, &["nobody"]);
}
