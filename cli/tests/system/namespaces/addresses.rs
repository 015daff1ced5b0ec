//! IP addresses that change in mid conversation: a peer's, its bridge's, and the one the home is seen under.

use super::stage::Stage;
use crate::support::eventually;

#[test]
fn a_peer_with_a_changed_address_is_reached_again() {
    let Some(stage) = Stage::set("peer's address") else { return };
    stage.assert_talk("before");
    stage.hosts.anna.change_address("eth0", "10.1.0.3/24", "10.1.0.33/24");
    stage.hosts.anna.default_route("10.1.0.1");
    stage.assert_talk("after");
    let knows = |host: &str| {
        let row = stage.attic.known("anna")?;
        let addresses = row["addresses"].as_array()?.iter().filter_map(|address| address.as_str());
        Some(addresses.filter(|address| address.starts_with(&format!("{host}:"))).count())
    };
    eventually("the attic knows the new address, and the old one no more", || {
        (knows("10.1.0.33")? == 1 && knows("10.1.0.3")? == 0).then_some(())
    });
}

#[test]
fn a_bridge_with_a_changed_address_links_again() {
    let Some(stage) = Stage::set("bridge's address") else { return };
    stage.assert_talk("before");
    stage.hosts.attic.change_address("eth0", "10.1.0.2/24", "10.1.0.22/24");
    stage.hosts.attic.default_route("10.1.0.1");
    stage.assert_talk("after");
}

#[test]
fn a_home_with_a_changed_outer_address_links_again() {
    let Some(stage) = Stage::set("outer address") else { return };
    stage.assert_talk("before");
    stage.router.change_address("out", "198.51.100.1/24", "198.51.100.77/24");
    stage.assert_talk("after");
}
