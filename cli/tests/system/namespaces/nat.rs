//! A home behind NAT without an open port, and a cloud: the main job.

use super::stage::Stage;
use crate::support::text;

#[test]
fn a_home_behind_nat_and_a_cloud_talk_both_ways() {
    let Some(stage) = Stage::set("home behind NAT") else { return };
    let route = [stage.attic.id(), stage.tower.id()];
    let message = stage.anna.deliver("carla", "out of the home");
    assert_eq!(message["via"], serde_json::json!(route), "{message}");
    let message = stage.carla.deliver("anna", "into the home");
    assert_eq!(message["state"], "at_peer");
    stage.carla.wait_received("anna", &["out of the home".into()]);
    stage.anna.wait_received("carla", &["into the home".into()]);
    // The tower sees the home as its router, so it cannot have dialled.
    let link = stage.tower.json(&["links"]).remove(0);
    assert!(text(&link, "address").starts_with("198.51.100.1:"), "{link}");
    // Addresses of peers stay in their network.
    assert_eq!(stage.anna.wait_online("carla")["addresses"], serde_json::json!([]));
}

#[test]
fn whoever_starts_later_finds_the_others_across() {
    let Some(stage) = Stage::set("later") else { return };
    let host = stage.host_at_home("ben", "10.1.0.4/24");
    let ben = crate::support::Node::peer("ben", "home", stage.folder.path()).on(&host).start();
    ben.wait_online("anna");
    ben.wait_online("carla");
    stage.carla.wait_online("ben");
    stage.carla.deliver("ben", "welcome");
    assert_eq!(ben.deliver("anna", "we are neighbours")["via"], "lan");
}
