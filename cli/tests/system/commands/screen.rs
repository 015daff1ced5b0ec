//! `causeway chat`, driven by keys and read as a picture.

use std::process::Command;

use rustix::process::Signal;

use super::{NOT_RUNNING, OK, USAGE, assert_answer};
use crate::support::{Node, Terminal, eventually, network, program};

/// Anna, whose screen it is, and ben.
struct Talk {
    anna: Node,
    ben: Node,
    network: String,
    folder: tempfile::TempDir,
}

impl Talk {
    fn start() -> Self {
        let (folder, network) = (tempfile::tempdir().unwrap(), network("talk"));
        let peer = |name| Node::peer(name, &network, folder.path()).with(&["--listen", "127.0.0.1"]).start();
        let (anna, ben) = (peer("anna"), peer("ben"));
        anna.wait_online("ben");
        ben.wait_online("anna");
        Self { anna, ben, network, folder }
    }

    /// Anna's screen.
    fn screen(&self) -> Terminal {
        Terminal::run(&self.anna.command(&["chat", "ben"]), 100, 30)
    }

    /// What has become of ben's messages, as ben sees it.
    fn states(&self) -> Vec<String> {
        let items = self.ben.json(&["inbox", "--from", "anna"]);
        let sent = items.iter().filter(|item| item["direction"] == "out");
        sent.map(|item| item["state"].as_str().unwrap().to_owned()).collect()
    }
}

/// In colour: tests run without it.
fn coloured(mut command: Command) -> Command {
    command.env_remove("NO_COLOR");
    command
}

#[test]
fn a_conversation_is_read_written_and_its_states_follow() {
    let talk = Talk::start();
    let screen = talk.screen();
    screen.wait_for(&["ben", "online", "? help"]);
    talk.ben.deliver("anna", "hello, Anna");
    screen.wait_for(&["ben hello, Anna"]);
    eventually("ben sees that it was read", || (talk.states() == ["read"]).then_some(()));

    screen.type_in("hi Ben,\u{1b}\rtwo lines\r");
    screen.wait_for(&["you hi Ben,", "two lines", "at peer"]);
    talk.ben.wait_received("anna", &["hi Ben,\ntwo lines".into()]);
    talk.ben.json(&["inbox", "--read-receipts"]);
    screen.wait_for(&["\u{b7} read "]);

    // A paste is one message, whatever it holds; what could do harm does not arrive on the screen.
    screen.type_in("\u{1b}[200~pasted\rlines\u{1b}[201~");
    screen.wait_for(&["pasted", "lines"]);
    screen.type_in("\r");
    talk.ben.wait_received("anna", &["hi Ben,\ntwo lines".into(), "pasted\nlines".into()]);
    talk.ben.deliver("anna", "evil \u{1b}[2J\u{202e}text");
    screen.wait_for(&["evil \u{241b}[2J\u{2426}text", "hello, Anna"]);
}

#[test]
fn what_nobody_looks_at_is_not_read() {
    let talk = Talk::start();
    let screen = talk.screen();
    screen.wait_for(&["ben", "online"]);
    // The terminal loses the focus.
    screen.type_in("\u{1b}[O");
    talk.ben.deliver("anna", "are you there?");
    screen.wait_for(&["new messages", "are you there?", "(1)"]);
    assert_eq!(talk.states(), ["at_peer"]);
    screen.type_in("\u{1b}[I");
    eventually("ben sees that it was read", || (talk.states() == ["read"]).then_some(()));
    screen.wait_without("(1)");
}

#[test]
fn commands_show_what_the_other_commands_tell() {
    let talk = Talk::start();
    let screen = talk.screen();
    talk.ben.deliver("anna", "a needle in the hay");
    screen.wait_for(&["needle"]);
    screen.type_in("/verify\r");
    let number = talk.anna.json(&["verify", "ben"])[0]["safety_number"].clone();
    let digits: Vec<_> = number.as_str().unwrap().split(' ').collect();
    screen.wait_for(&[&digits[..4].join("  "), &digits[8..].join("  "), "\u{2580}"]);
    screen.type_in("y");
    screen.wait_for(&["\u{2713} verified"]);
    screen.type_in("/unverify\r");
    screen.wait_without("\u{2713} verified");

    screen.type_in("/who\r");
    screen.wait_for(&["1 person is there", &talk.network, "in this network"]);
    screen.type_in("/route\r");
    screen.wait_for(&[&talk.ben.id(), "MLKEM", "round trip"]);
    screen.type_in("?");
    screen.wait_for(&["Keys", "Ctrl-A"]);
    screen.resize(60, 20);
    screen.wait_for(&["Keys", "ben"]);
    screen.type_in("\u{1b}");
    // Typed on at once, the escape would be taken for the beginning of Alt and a letter.
    screen.wait_without("Keys");
    screen.wait_for(&["needle"]);
    screen.resize(110, 40);
    screen.type_in("/search NEEDLE\r");
    screen.wait_for(&["1 with NEEDLE", "a needle in the hay"]);
    screen.type_in("\r");
    screen.wait_for(&["ben a needle in the hay"]);

    let file = talk.folder.path().join("export.jsonl");
    screen.type_in(&format!("/export {}\r", file.display()));
    screen.wait_for(&["1 message in"]);
    let lines = crate::support::lines(&std::fs::read_to_string(&file).unwrap());
    assert_eq!(lines, talk.anna.json(&["inbox", "--from", "ben"]));
    screen.type_in("/block\r");
    screen.wait_for(&["is blocked"]);
    screen.type_in("/unblock\r");
    screen.wait_without("is blocked");
    screen.type_in("/delete\r");
    screen.wait_for(&["stays with ben", "files of your history"]);
    screen.type_in("y");
    screen.wait_for(&["1 message is left out", "Nothing was said yet"]);
    assert_eq!(talk.anna.json(&["inbox"]), Vec::<serde_json::Value>::new());
    screen.type_in("/rename Annabel\r");
    screen.wait_for(&["you are called Annabel"]);
}

#[test]
fn neither_a_key_nor_a_size_is_lost_when_both_come_at_once() {
    let talk = Talk::start();
    let screen = talk.screen();
    screen.wait_for(&["ben", "online"]);
    // The keys waited for the next key where the news of both came together: one time in ten.
    for round in 0..50 {
        let columns = 100 + round % 2;
        let text = format!("round-{round}-is-there");
        screen.resize(columns, 30);
        screen.type_in(&text);
        screen.wait_for(&[&text]);
        screen.type_in("\u{15}");
        screen.wait_without(&text);
    }
}

#[test]
fn a_peer_that_is_killed_and_started_again_loses_and_doubles_nothing() {
    let mut talk = Talk::start();
    let screen = talk.screen();
    screen.wait_for(&["ben", "online"]);
    screen.type_in("before\r");
    screen.wait_for(&["you before", "at peer"]);
    talk.anna.kill();
    screen.wait_for(&["does not answer"]);
    screen.type_in("during\rand after\r");
    screen.wait_for(&["you during  \u{b7} not stored yet", "2 messages are kept"]);
    talk.ben.send("anna", "meanwhile");
    talk.anna.start_again();
    screen.wait_without("not stored yet");
    screen.wait_for(&["you during", "you and after", "ben meanwhile"]);
    let expected = ["before", "during", "and after"].map(str::to_owned);
    talk.ben.wait_received("anna", &expected);
    for text in ["you before", "you during", "you and after", "ben meanwhile"] {
        assert_eq!(screen.count(text), 1, "{text}");
    }
}

#[test]
fn the_terminal_is_given_back_as_it_was() {
    let talk = Talk::start();
    for end in ["/quit\r", "\u{3}", "\u{4}"] {
        let mut screen = talk.screen();
        screen.wait_for(&["ben", "? help"]);
        assert!(screen.is_taken());
        screen.type_in(end);
        assert!(screen.ended().success());
        screen.wait_as_before();
    }
    let mut screen = talk.screen();
    screen.wait_for(&["ben", "? help"]);
    screen.signal(Signal::TERM);
    assert!(screen.ended().success());
    screen.wait_as_before();
}

#[test]
fn colours_are_there_unless_they_are_not_wanted() {
    let talk = Talk::start();
    talk.anna.deliver("ben", "in colour?");
    let (without, with) = (talk.screen(), Terminal::run(&coloured(talk.anna.command(&["chat"])), 100, 30));
    without.wait_for(&["you in colour?"]);
    with.wait_for(&["you in colour?"]);
    assert_eq!(without.colours(), Vec::<String>::new());
    assert!(!with.colours().is_empty());
}

#[test]
fn where_no_peer_runs_it_is_one_itself_as_long_as_it_is_open() {
    let talk = Talk::start();
    let carla = Node::peer("carla", &talk.network, talk.folder.path());
    let mut command = carla.command(&["chat", "ben", "--name", "carla", "--network", &talk.network]);
    command.args(["--interface", "lo", "--listen", "127.0.0.1", "--ui", "off"]);
    let mut screen = Terminal::run(&command, 100, 30);
    screen.wait_for(&["you are carla", "ben", "online"]);
    screen.type_in("from a peer of my own\r");
    screen.wait_for(&["you from a peer of my own", "at peer"]);
    talk.ben.wait_received("carla", &["from a peer of my own".into()]);
    assert_answer(&carla.causeway(&["status"]), OK, &["carla"]);
    screen.type_in("/quit\r");
    assert!(screen.ended().success());
    screen.wait_as_before();
    assert_answer(&carla.causeway(&["status"]), NOT_RUNNING, &["running"]);
    let log = std::fs::read_to_string(carla.data().join("chat.log")).unwrap();
    assert!(log.contains("peer started"), "{log}");
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let folder = tempfile::tempdir().unwrap();
    let answer = crate::support::Answer::of(program(folder.path()).arg("chat"));
    assert_answer(&answer, USAGE, &["terminal", "inbox --follow"]);
}
