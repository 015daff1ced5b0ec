//! Peers that sleep, as others see them: bridges say so, and whoever writes to one has it woken.

use crate::support::{Lobby, Node, Visitor, eventually, network, text};

/// A dispatcher whose peers soon sleep, a bridge of their network, and a peer of another network behind a bridge of its own.
struct Stage {
    lobby: Lobby,
    tower: Node,
    attic: Node,
    anna: Node,
}

impl Stage {
    fn start(test: &str) -> Self {
        let lobby = Lobby::start(test, &["--idle", "1s", "--pool", "1", "--peer-listen", "127.0.0.1"]);
        let home = network("home");
        let attic = Node::bridge("attic", &home, lobby.folder()).with(&["--listen", "127.0.0.1"]);
        let tower = lobby.bridge("tower").with(&["--trust", &attic.id()]).start();
        let attic = attic.with(&["--link", &tower.link_url("127.0.0.1")]).start();
        attic.wait_links(1);
        let anna = Node::peer("anna", &home, lobby.folder()).with(&["--listen", "127.0.0.1"]).start();
        Self { lobby, tower, attic, anna }
    }

    /// A peer that is somebody's, and sleeps by now.
    fn sleeper(&self) -> String {
        let node = Visitor::default().enter(self.lobby.port());
        self.lobby.wait_state(&node, "asleep");
        node
    }
}

fn wait_seen(by: &Node, id: &str, state: &str) {
    eventually(&format!("{} sees {id} {state}", by.name()), || {
        by.json(&["peers"]).iter().any(|peer| peer["id"] == *id && peer["state"] == state).then_some(())
    });
}

/// Sends, and waits until it has arrived.
fn reach(by: &Node, id: &str, words: &str) {
    let sent = by.json(&["send", id, words, "--wait", "60"]).remove(0);
    assert_eq!(text(&sent, "state"), "at_peer", "{sent}");
}

#[test]
fn whoever_writes_to_a_sleeping_peer_has_it_woken_also_from_another_network() {
    let stage = Stage::start("dozing");
    let node = stage.sleeper();
    wait_seen(&stage.tower, &node, "asleep");
    wait_seen(&stage.attic, &node, "asleep");
    wait_seen(&stage.anna, &node, "asleep");
    reach(&stage.anna, &node, "good morning");

    let ben = stage.lobby.neighbour("ben");
    stage.lobby.wait_state(&node, "asleep");
    wait_seen(&ben, &node, "asleep");
    reach(&ben, &node, "and from next door");
}

#[test]
fn a_bridge_and_a_dispatcher_that_start_anew_know_again_who_sleeps() {
    let mut stage = Stage::start("forgetful");
    let node = stage.sleeper();
    wait_seen(&stage.tower, &node, "asleep");
    stage.tower.kill();
    stage.tower.start_again();
    wait_seen(&stage.tower, &node, "asleep");
    stage.lobby.dispatcher.kill();
    stage.tower.kill();
    stage.tower.start_again();
    stage.lobby.dispatcher.start_again();
    wait_seen(&stage.tower, &node, "asleep");
    wait_seen(&stage.anna, &node, "asleep");
    reach(&stage.anna, &node, "still there?");
}

#[test]
fn a_sleeping_peer_that_is_removed_is_not_there_once_somebody_reaches_for_it() {
    let stage = Stage::start("removed");
    let node = stage.sleeper();
    wait_seen(&stage.anna, &node, "asleep");
    assert_eq!(stage.lobby.dispatcher.causeway(&["dispatcher", "delete", &node]).code, 0);
    let sent = stage.anna.json(&["send", &node, "anybody?"]).remove(0);
    assert_eq!(text(&sent, "state"), "queued", "{sent}");
    eventually("anna's bridge does not offer it any more", || {
        (!stage.anna.json(&["peers"]).iter().any(|peer| peer["id"] == *node && peer["state"] == "asleep"))
            .then_some(())
    });
}
