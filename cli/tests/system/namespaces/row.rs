//! Three bridges in a row: the outer two cannot reach each other.

use tempfile::TempDir;

use crate::support::{Node, World, eventually};

#[test]
fn messages_cross_three_bridges_in_a_row() {
    let Some(world) = World::new("row") else { return };
    let folder = TempDir::new().unwrap();
    let lans = [world.lan("left"), world.lan("right")];
    let (left, middle, right) = (world.host("left"), world.host("middle"), world.host("right"));
    left.plug("eth0", &lans[0], &["10.1.0.1/24"]);
    middle.plug("eth0", &lans[0], &["10.1.0.2/24"]);
    middle.plug("eth1", &lans[1], &["10.2.0.2/24"]);
    right.plug("eth0", &lans[1], &["10.2.0.1/24"]);
    let bridge = |name: &str, host| Node::bridge(name, name, folder.path()).on(host);
    let (west, hub, east) = (bridge("west", &left), bridge("hub", &middle), bridge("east", &right));
    let hub = hub.with(&["--trust", &west.id(), "--trust", &east.id()]).start();
    let west = west.with(&["--link", &hub.link_url("10.1.0.2")]).start();
    let east = east.with(&["--link", &hub.link_url("10.2.0.2")]).start();
    hub.wait_links(2);

    let anna = Node::peer("anna", "west", folder.path()).on(&left).start();
    let carla = Node::peer("carla", "east", folder.path()).on(&right).start();
    let row = anna.wait_online("carla");
    assert_eq!(row["via"], serde_json::json!([west.id(), hub.id(), east.id()]), "{row}");
    carla.wait_online("anna");
    let sent: Vec<_> = (0..20).map(|number| format!("number {number}")).collect();
    for text in &sent {
        anna.send("carla", text);
        carla.send("anna", text);
    }
    carla.wait_received("anna", &sent);
    anna.wait_received("carla", &sent);
    // A bridge knows the peers two links away, and those of the middle are nobody's direct neighbours.
    assert!(west.known("carla").is_some());
    assert_eq!(west.known("east").unwrap()["via"], serde_json::json!([hub.id(), east.id()]));
    assert_eq!(west.known("hub").unwrap()["via"], serde_json::json!([hub.id()]));
    drop(hub);
    let lost = eventually("no way leads to east", || {
        west.known("east").filter(|east| east["state"] == "unreachable")
    });
    assert!(lost["via"].is_null(), "{lost}");
}
