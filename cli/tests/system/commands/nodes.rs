//! `status` and `doctor`, and how nodes start and end.

use std::net::UdpSocket;

use rustix::process::Signal;

use super::{CHECK_FAILED, FAILED, NOT_RUNNING, OK, USAGE, assert_answer, assert_fields, assert_time};
use crate::support::{Answer, Node, Towns, eventually, lines, network, program, small_disk};

#[test]
fn the_status_of_both_kinds_of_node_is_told() {
    let towns = Towns::start();
    let anna = towns.at_home("anna");
    let status = anna.status();
    assert_fields(
        &status,
        &["id", "name", "kind", "network", "started_at", "homes", "sessions", "queued", "listening"],
    );
    assert_eq!((status["name"].as_str(), status["kind"].as_str()), (Some("anna"), Some("peer")));
    assert_time(&status["started_at"]);
    let status = towns.attic.status();
    assert_fields(
        &status,
        &["id", "name", "kind", "network", "links_up", "local_peers", "remote_peers", "warnings"],
    );
    assert_eq!(status["kind"], "bridge");
    assert_answer(&anna.causeway(&["status"]), OK, &["anna", &anna.id()]);
    assert_answer(&towns.attic.causeway(&["status"]), OK, &["attic", "links"]);
}

#[test]
fn nodes_end_well_on_both_signals_and_are_gone_for_the_others_at_once() {
    let (folder, lan) = (tempfile::tempdir().unwrap(), network("lan"));
    let local = ["--listen", "127.0.0.1"];
    let anna = Node::peer("anna", &lan, folder.path()).with(&local).start();
    for signal in [Signal::TERM, Signal::INT] {
        let mut ben = Node::peer("ben", &lan, folder.path()).with(&local).start();
        anna.wait_online("ben");
        ben.signal(signal);
        assert_eq!(ben.ended().code(), Some(0), "{signal:?}");
        eventually("anna hears the goodbye", || {
            anna.known("ben").is_none_or(|ben| ben["state"] != "online").then_some(())
        });
        let mut bridge = Node::bridge("attic", &lan, folder.path()).with(&local).start();
        bridge.signal(signal);
        assert_eq!(bridge.ended().code(), Some(0), "{signal:?}");
    }
}

#[test]
fn a_read_only_directory_is_told_with_what_to_do_by_whoever_would_write_there() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk("a read-only directory", folder.path()) else { return };
    let (used, new) = (disk.path().join("used"), disk.path().join("new"));
    let mut anna = Node::peer("anna", &network("lan"), folder.path()).with(&["--listen", "127.0.0.1"]);
    anna = anna.keeping(used.clone()).start();
    let id = anna.id();
    anna.terminate();
    disk.make_read_only();

    let lan = network("lan");
    let node =
        |kind: &'static str, data| (vec![kind, "--name", "a", "--network", &lan, "--interface", "lo"], data);
    let (peer, bridge, dispatcher) = ("peer", "bridge", "dispatcher");
    for (arguments, data) in
        [(vec!["id"], &new), node(peer, &new), node(bridge, &new), node(dispatcher, &new), node(peer, &used)]
    {
        let answer = Answer::of(program(folder.path()).args(&arguments).arg("--data").arg(data));
        assert_answer(&answer, FAILED, &["Read-only file system", "writable", "another data directory"]);
    }
    assert_eq!(anna.id(), id, "reading is all that this takes");
}

#[test]
fn a_name_that_nobody_could_use_is_refused_with_the_rule_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let long = "n".repeat(65);
    for kind in ["peer", "bridge", "dispatcher"] {
        for (name, network) in
            [("", "home"), (&long, "home"), ("anna", ""), ("anna", &long), ("a\nb", "home")]
        {
            let mut command = program(folder.path());
            command.args([kind, "--name", name, "--network", network]);
            command.args(["--listen", if kind == "dispatcher" { "127.0.0.1:0" } else { "127.0.0.1" }]);
            let answer = Answer::of(command.arg("--data").arg(folder.path().join(kind)));
            let (what, wrong) = if network == "home" { ("--name", name) } else { ("--network", network) };
            assert_answer(&answer, USAGE, &[what, &format!("{wrong:?}"), "bytes", "control characters"]);
        }
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "something was made for a node that cannot be");
}

#[test]
fn health_tells_whether_a_node_answers() {
    let (folder, lan) = (tempfile::tempdir().unwrap(), network("lan"));
    for node in [Node::peer("anna", &lan, folder.path()), Node::bridge("attic", &lan, folder.path())] {
        let mut node = node.with(&["--listen", "127.0.0.1"]).start();
        assert_answer(&node.causeway(&["health"]), OK, &["answers"]);
        node.signal(Signal::STOP);
        assert_answer(&node.causeway(&["health"]), NOT_RUNNING, &["not well"]);
        node.signal(Signal::KILL);
        node.ended();
        // Its socket is there still.
        assert_answer(&node.causeway(&["health"]), NOT_RUNNING, &["not well"]);
    }
}

#[test]
fn a_data_directory_in_use_is_refused_with_its_holder() {
    let (folder, lan) = (tempfile::tempdir().unwrap(), network("lan"));
    for node in [Node::peer("anna", &lan, folder.path()), Node::bridge("attic", &lan, folder.path())] {
        let kind = if node.name() == "anna" { "peer" } else { "bridge" };
        let node = node.with(&["--listen", "127.0.0.1"]).start();
        let second = node.causeway(&[kind, "--name", "second", "--network", &lan, "--interface", "lo"]);
        assert_answer(&second, FAILED, &[&node.process().to_string()]);
        node.status();
    }
}

#[test]
fn an_asked_for_port_that_is_taken_is_refused_and_a_default_gives_way() {
    let (folder, lan) = (tempfile::tempdir().unwrap(), network("lan"));
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let data = folder.path().join("attic");
    let mut command = program(folder.path());
    command.args(["bridge", "--name", "attic", "--network", &lan, "--listen", &listen, "--interface", "lo"]);
    assert_answer(&Answer::of(command.arg("--data").arg(&data)), FAILED, &[&listen]);

    // Held, so that no test beside this one can take a port that a bridge here gave back for a moment.
    let _default = eventually("the default port is free", || UdpSocket::bind("127.0.0.1:30020").ok());
    let local = ["--listen", "127.0.0.1"];
    let first = Node::bridge("first", &lan, folder.path()).with(&local).start();
    let mut second = Node::bridge("second", &lan, folder.path()).with(&local).start();
    for port in ["link", "proxy", "control", "greeting"] {
        assert_ne!(first.port(port), second.port(port), "{port}");
    }
    let remembered = second.port("link");
    second.terminate();
    second.start_again();
    assert_eq!(second.port("link"), remembered, "a link to it would no longer work");
}

#[test]
fn a_command_finds_the_only_running_node_and_lists_several() {
    let (folder, lan) = (tempfile::tempdir().unwrap(), network("lan"));
    let local = ["--listen", "127.0.0.1"];
    let anna = Node::peer("anna", &lan, folder.path()).with(&local).keeping_as_usual().start();
    let status = |arguments: &[&str]| Answer::of(program(folder.path()).args(arguments));
    assert_eq!(lines(&status(&["status", "--json"]).out)[0]["id"], anna.id());
    let _ben = Node::peer("ben", &lan, folder.path()).with(&local).keeping_as_usual().start();
    let answer = status(&["status"]);
    assert_answer(&answer, USAGE, &["peer-anna", "peer-ben"]);
    let _attic = Node::bridge("attic", &lan, folder.path()).with(&local).keeping_as_usual().start();
    assert_answer(&status(&["links"]), OK, &[]);
}

#[test]
fn the_doctor_finds_nodes_and_links_and_says_what_is_wrong() {
    let towns = Towns::start();
    let anna = towns.at_home("anna");
    let network = anna.status()["network"].as_str().unwrap().to_owned();
    let doctor = |arguments: &[&str]| Answer::of(program(towns.folder()).arg("doctor").args(arguments));
    let attics = |arguments: &[&str]| towns.attic.causeway(&[&["doctor"], arguments].concat());
    assert_answer(&doctor(&["--network", &network, "--interface", "lo"]), OK, &["lo"]);
    let url = towns.tower.link_url("127.0.0.1");
    assert_answer(&attics(&["--link", &url]), OK, &["UDP reaches"]);
    // Without a bridge of one's own, trust is nothing to be judged, and no made-up id to be advised.
    assert_answer(&doctor(&["--link", &url]), OK, &["UDP reaches", "was not asked"]);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let unreachable = format!("quic://{}/{}", silent.local_addr().unwrap(), towns.tower.id());
    assert_answer(&attics(&["--link", &unreachable]), CHECK_FAILED, &[]);
    let someone_else = format!("quic://127.0.0.1:{}/{}", towns.tower.port("link"), towns.attic.id());
    assert_answer(&attics(&["--link", &someone_else]), CHECK_FAILED, &[]);
    assert_answer(&doctor(&["--link", "nonsense"]), USAGE, &["quic://"]);
}
