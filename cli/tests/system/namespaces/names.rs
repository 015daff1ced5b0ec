//! A bridge that is dialled by its name, and moves.

use std::fs;

use tempfile::TempDir;

use crate::support::{Node, World};

/// Guards against a link that looks its name up once: whoever has a dynamic address would be lost with the next one.
#[test]
fn a_link_finds_the_address_that_its_name_stands_for_now() {
    let Some(world) = World::new("names") else { return };
    let folder = TempDir::new().unwrap();
    let names = folder.path().join("hosts");
    // Written in place: the file that is there is the one that the bridge sees.
    let stands_for = |address: &str| fs::write(&names, format!("{address} tower.example\n")).unwrap();
    stands_for("198.51.100.9");
    let lan = world.lan("net");
    let (attics, towers) = (world.host("attic").with_names(&names), world.host("tower"));
    attics.plug("eth0", &lan, &["198.51.100.2/24"]);
    towers.plug("eth0", &lan, &["198.51.100.9/24"]);
    let attic = Node::bridge("attic", "home", folder.path()).on(&attics);
    let tower = Node::bridge("tower", "cloud", folder.path()).on(&towers);
    let mut tower = tower.with(&["--trust", &attic.id()]).start();
    let attic = attic.with(&["--link", &tower.link_url("tower.example")]).start();
    attic.wait_links(1);

    tower.terminate();
    towers.change_address("eth0", "198.51.100.9/24", "198.51.100.77/24");
    stands_for("198.51.100.77");
    tower.start_again();
    // Nobody is where it was, and the tower dials nobody.
    tower.wait_links(1);
    attic.wait_links(1);
}
