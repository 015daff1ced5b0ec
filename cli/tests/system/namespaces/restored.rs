//! A bridge whose data comes from a backup: its neighbours know more of its log than it does.

use std::{fs, path::Path, process::Command};

use super::stage::Stage;
use crate::support::Node;

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success(), "cp -a {} {}", from.display(), to.display());
}

#[test]
fn a_bridge_restored_from_a_backup_goes_on_without_a_fork() {
    let Some(mut stage) = Stage::set("restored") else { return };
    stage.assert_talk("before the backup");
    stage.attic.kill();
    let (data, backup) = (stage.attic.data().to_path_buf(), stage.folder.path().join("backup"));
    copy(&data, &backup);
    stage.attic.start_again();
    stage.attic.wait_links(1);
    // What happens now is in the neighbour's copy of the log and not in the backup.
    let host = stage.host_at_home("ben", "10.1.0.4/24");
    let mut ben = Node::peer("ben", "home", stage.folder.path()).on(&host).start();
    stage.carla.wait_online("ben");
    stage.assert_talk("after the backup");

    stage.attic.kill();
    copy(&backup, &data);
    stage.attic.start_again();
    stage.attic.wait_links(1);
    stage.carla.wait_online("ben");
    stage.assert_talk("restored");
    stage.carla.deliver("ben", "still there?");
    // The log goes on, too: what changes from now on is seen on the other side.
    ben.terminate();
    crate::support::eventually("carla sees ben leave", || {
        stage.carla.known("ben").is_none_or(|ben| ben["state"] != "online").then_some(())
    });
    for bridge in [&stage.attic, &stage.tower] {
        let warnings = bridge.status()["warnings"].to_string();
        assert!(!warnings.contains("fork"), "{}: {warnings}", bridge.name());
    }
}

#[test]
fn a_bridge_that_lost_all_but_its_identity_goes_on() {
    let Some(mut stage) = Stage::set("emptied") else { return };
    stage.assert_talk("before");
    stage.attic.kill();
    for entry in fs::read_dir(stage.attic.data()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.file_name().is_some_and(|name| name == "identity") {
            continue;
        }
        let removed = if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
        removed.unwrap();
    }
    stage.attic.start_again();
    stage.attic.wait_links(1);
    stage.anna.wait_online("carla");
    stage.carla.wait_online("anna");
    stage.assert_talk("after");
}
