//! A peer where multicast does not work, as on many guests' and company networks: it names a bridge instead.

use super::stage::Stage;
use crate::support::{Node, eventually};

#[test]
fn a_peer_without_multicast_finds_all_others_through_the_bridge_it_names() {
    let Some(stage) = Stage::set("no multicast") else { return };
    let host = stage.host_at_home("ben", "10.1.0.4/24");
    host.block_multicast();
    let bridge = format!("10.1.0.2:{}", stage.attic.port("control"));
    let ben = Node::peer("ben", "home", stage.folder.path()).on(&host);
    // Whoever names no bridge is alone there: so it is the bridge that makes the difference below.
    let mut ben = ben.start();
    eventually("its announcements and those of others are dropped", || {
        (host.counted("deaf") >= 3).then_some(())
    });
    assert_eq!(ben.json(&["peers"]), Vec::<serde_json::Value>::new());
    ben.terminate();

    let ben = ben.with(&["--bridge", &bridge]).start();
    ben.wait_online("anna");
    let row = ben.wait_online("carla");
    assert_eq!(row["via"], serde_json::json!([stage.attic.id(), stage.tower.id()]), "{row}");
    stage.anna.wait_online("ben");
    stage.carla.wait_online("ben");
    // With a neighbour it talks directly: the bridge tells where it is.
    for (node, other) in [(&ben, "anna"), (&stage.anna, "ben")] {
        eventually("they talk directly", || (node.known(other)?["via"] == "lan").then_some(()));
    }
    assert_eq!(ben.deliver("anna", "I hear nobody")["via"], "lan");
    assert_eq!(stage.anna.deliver("ben", "we hear you")["via"], "lan");
    ben.deliver("carla", "and you are far away");
    stage.carla.deliver("ben", "not so far");
    ben.wait_received("anna", &["we hear you".into()]);
    ben.wait_received("carla", &["not so far".into()]);
    stage.carla.wait_received("ben", &["and you are far away".into()]);
}
