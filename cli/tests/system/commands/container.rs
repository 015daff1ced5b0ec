//! `causeway-peer`, the program of containers.

use super::{NOT_RUNNING, OK, USAGE, assert_answer};
use crate::support::{Node, network};

#[test]
fn the_program_of_containers_is_a_peer_like_others_and_nothing_else() {
    let (folder, lan) = (tempfile::tempdir().unwrap(), network("lan"));
    let local = ["--listen", "127.0.0.1"];
    let anna = Node::peer("anna", &lan, folder.path()).with(&local).start();
    let mut ben = Node::peer("ben", &lan, folder.path()).with(&local).like_in_a_container().start();
    anna.wait_online("ben");
    ben.wait_online("anna");
    anna.deliver(&ben.id(), "hello");
    assert_eq!(ben.status()["received"], 1);
    assert_answer(&ben.causeway(&["health"]), OK, &["It answers."]);

    for absent in ["bridge", "dispatcher", "demo", "send"] {
        assert_answer(&ben.causeway(&[absent]), USAGE, &["unrecognized subcommand", absent]);
    }
    assert_answer(&ben.causeway(&["--help"]), OK, &["container", "`causeway`", "health"]);

    assert_eq!(ben.terminate().code(), Some(0));
    assert_answer(&ben.causeway(&["health"]), NOT_RUNNING, &["not well"]);
}
