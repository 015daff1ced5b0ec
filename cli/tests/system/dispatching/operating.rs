//! What an operator sees and does, with right and wrong input.

use std::{
    collections::HashSet, fs::Permissions, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path,
};

use crate::{
    commands::{FAILED, NOT_FOUND, NOT_RUNNING, OK, USAGE, assert_answer, assert_fields},
    support::{Answer, Lobby, Node, Visitor, eventually, program, text},
};

/// What the dispatcher answers to one of its commands.
fn ask(lobby: &Lobby, arguments: &[&str]) -> Answer {
    lobby.dispatcher.causeway(&[&["dispatcher"], arguments].concat())
}

fn run(folder: &Path, arguments: &[&str]) -> Answer {
    Answer::of(program(folder).arg("dispatcher").args(arguments))
}

/// What comes of starting one.
fn start(folder: &Path, arguments: &[&str]) -> Answer {
    run(folder, &[&["--network", "nowhere"], arguments].concat())
}

#[test]
fn the_status_tells_whose_the_peers_are_and_how_they_are() {
    let lobby = Lobby::start("telling", &["--pool", "1", "--max-peers", "3"]);
    let node = Visitor::default().enter(lobby.port());
    lobby.wait_vacant(1);
    let status = lobby.status();
    let fields = [
        "id",
        "name",
        "kind",
        "url",
        "listening",
        "pool",
        "max_peers",
        "waiting",
        "peers",
        "warnings",
        "version",
    ];
    assert_fields(&status, &fields);
    assert_eq!((&status["kind"], &status["name"]), (&"dispatcher".into(), &"lobby".into()));
    assert_eq!(
        (&status["pool"], &status["max_peers"], &status["waiting"]),
        (&1.into(), &3.into(), &0.into())
    );
    let held = lobby.kept_as(&node);
    let fields = ["number", "id", "state", "user", "age_s", "visited_s", "resident_kib", "trouble"];
    assert_fields(&held, &fields);
    assert!(!text(&held, "user").is_empty() && held["resident_kib"].as_u64() > Some(0), "{held}");
    let vacant = lobby.kept().into_iter().find(|peer| peer["state"] == "vacant").unwrap();
    assert_eq!(vacant["user"], "");

    let counts = "1 held, 0 asleep, 1 vacant (of 1 wanted), 2 of 3 in all";
    let parts = ["dispatcher lobby", &lobby.url(), text(&status, "id"), counts, "0 people"];
    let head = [text(&held, "user").get(..8).unwrap(), "PEER", "MEMORY", "held", "vacant"];
    assert_answer(&ask(&lobby, &["status"]), OK, &[&parts[..], &head].concat());
    // As every node's.
    assert_answer(&lobby.dispatcher.causeway(&["status"]), OK, &parts);
    let general = lobby.dispatcher.status();
    assert_eq!((&general["kind"], &general["url"]), (&status["kind"], &status["url"]));
}

#[test]
fn a_peer_is_stopped_woken_and_deleted_by_number_id_or_beginning() {
    let lobby = Lobby::start("acting", &["--pool", "1"]);
    let port = lobby.port();
    let mut visitor = Visitor::default();
    let node = visitor.enter(port);
    let number = lobby.number(&node);

    lobby.wait_vacant(1);
    let kept = lobby.kept();
    let vacant = kept.iter().find(|peer| peer["state"] == "vacant").unwrap();
    assert_answer(&ask(&lobby, &["stop", text(vacant, "id")]), USAGE, &["nobody's", "delete it instead"]);
    assert_answer(&ask(&lobby, &["stop", &number.to_string()]), OK, &["sleeps until the next visit"]);
    lobby.wait_state(&node, "asleep");
    assert_eq!(lobby.process_of(number), None);
    assert!(lobby.kept_as(&node)["resident_kib"].is_null());
    assert_answer(&ask(&lobby, &["stop", &node]), NOT_RUNNING, &["this peer does not run"]);
    assert_answer(&ask(&lobby, &["wake", &node[..20]]), OK, &["being started"]);
    lobby.wait_state(&node, "held");
    assert_answer(&ask(&lobby, &["wake", &node]), OK, &["being started"]);
    assert_eq!(visitor.page(port, &node, "/").unwrap().status, 200);

    assert_answer(&ask(&lobby, &["delete", &node]), OK, &["removed, with everything in it"]);
    eventually("nothing of it is left", || {
        let gone = lobby.process_of(number).is_none() && !lobby.data_of(number).exists();
        gone.then_some(())
    });
    assert!(lobby.kept().iter().all(|peer| peer["id"] != node.as_str()));
    assert_eq!(visitor.page(port, &node, "/").unwrap().status, 404);
    assert_answer(&ask(&lobby, &["wake", &node]), NOT_FOUND, &[&node]);
    // Whose it was comes as somebody new.
    assert_ne!(visitor.enter(port), node);
    lobby.wait_vacant(1);
}

#[test]
fn a_peer_that_nobody_or_more_than_one_is_meant_by_is_refused() {
    let lobby = Lobby::start("unclear", &["--pool", "8"]);
    lobby.wait_vacant(8);
    for command in ["stop", "wake", "delete"] {
        for peer in ["nobody", "4711", "-", "0"] {
            assert_answer(&ask(&lobby, &[command, peer]), NOT_FOUND, &["no kept peer is called", peer]);
        }
        // As a variable of a script that is not set: of one peer alone it would mean that one.
        assert_answer(&ask(&lobby, &[command, ""]), NOT_FOUND, &["no kept peer"]);
    }
    let shared = eventually("two ids begin with the same letter", || {
        let (kept, mut seen) = (lobby.kept(), HashSet::new());
        let letters = kept.iter().filter_map(|peer| peer["id"].as_str()?.get(..1).map(str::to_owned));
        // What is all digits means a number.
        let mut letters = letters.filter(|letter| letter.parse::<u8>().is_err());
        let twice = letters.find(|letter| !seen.insert(letter.clone()));
        if twice.is_none() {
            // Another one takes its place.
            ask(&lobby, &["delete", &kept[0]["number"].to_string()]);
            lobby.wait_vacant(8);
        }
        twice
    });
    assert_answer(&ask(&lobby, &["delete", &shared]), NOT_FOUND, &["more than one id begins with", &shared]);
    assert_eq!(lobby.kept().len(), 8, "none was deleted");
}

#[test]
fn a_dispatcher_that_cannot_be_asked_or_started_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nothing");
    let data = ["--data", nowhere.to_str().unwrap()];
    for command in [&["status"][..], &["stop", "1"], &["wake", "1"], &["delete", "1"]] {
        assert_answer(&run(folder.path(), &[command, &data].concat()), NOT_RUNNING, &["nothing"]);
        assert_answer(&run(folder.path(), command), NOT_RUNNING, &["no dispatcher of yours is running"]);
    }
    assert_answer(&run(folder.path(), &["stop"]), USAGE, &["<PEER>"]);
    assert_answer(&run(folder.path(), &data), USAGE, &["--network"]);
    assert_answer(&start(folder.path(), &["--idle", "10ms"]), USAGE, &["--idle must be at least a second"]);
    assert_answer(&start(folder.path(), &["--max-peers", "0"]), USAGE, &["no peer for anybody", "--fellow"]);
    assert_answer(&start(folder.path(), &["--listen", "nowhere"]), USAGE, &["--listen"]);
    assert_answer(&start(folder.path(), &["--bridge", "nonsense"]), USAGE, &["nonsense"]);
    assert_answer(&start(folder.path(), &["--trusted-proxy", "traefik"]), USAGE, &["such as 10.0.1.0/24"]);
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "short\n").unwrap();
    let with_keys = ["--listen", "127.0.0.1:0", "--keys", keys.to_str().unwrap()];
    let start_with_keys = || start(folder.path(), &[&with_keys, &data[..]].concat());
    std::fs::set_permissions(&keys, Permissions::from_mode(0o644)).unwrap();
    assert_answer(&start_with_keys(), FAILED, &["chmod 600"]);
    std::fs::set_permissions(&keys, Permissions::from_mode(0o600)).unwrap();
    assert_answer(&start_with_keys(), FAILED, &["64 hexadecimal digits"]);
    let consul = ["--catalog", "consul", "--listen", "127.0.0.1:0"];
    assert_answer(&start(folder.path(), &consul), USAGE, &["--consul and --domain"]);
}

#[test]
fn a_second_one_on_the_same_data_or_port_is_refused_and_other_kinds_of_node_say_what_they_are() {
    let lobby = Lobby::start("second", &["--pool", "0"]);
    let folder = tempfile::tempdir().unwrap();
    let data = lobby.dispatcher.data().to_str().unwrap();
    assert_answer(
        &start(folder.path(), &["--listen", "127.0.0.1:0", "--data", data]),
        FAILED,
        &["is in use by causeway"],
    );
    let address = format!("127.0.0.1:{}", lobby.port());
    let own = folder.path().join("own");
    let taken = ["--listen", &address, "--data", own.to_str().unwrap()];
    assert_answer(&start(folder.path(), &taken), FAILED, &[&address]);
    let send = lobby.dispatcher.causeway(&["send", "anna", "hello"]);
    assert_answer(&send, USAGE, &["belongs to a dispatcher", "asks a peer"]);
    let links = lobby.dispatcher.causeway(&["links"]);
    assert_answer(&links, USAGE, &["belongs to a dispatcher", "asks a bridge"]);
    let peer = Node::peer("anna", "alone", folder.path()).with(&["--listen", "127.0.0.1"]).start();
    let status = peer.causeway(&["dispatcher", "status"]);
    assert_answer(&status, USAGE, &["belongs to a peer", "asks a dispatcher"]);
}

#[test]
fn what_the_dispatcher_is_told_by_its_environment_is_not_meant_for_its_peers() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let environment =
        [("CAUSEWAY_METRICS_LISTEN", &*port), ("CAUSEWAY_POOL", "2"), ("CAUSEWAY_DATA", "/nowhere")];
    let lobby = Lobby::start_told("environment", &[], &environment);
    lobby.wait_vacant(2);
    Visitor::default().enter(lobby.port());
}
