//! Directories that cannot be written.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use storage::{AppendError, Health, OpenError, Options, ReadError, Store};

use crate::support::{
    LoopDisk, Mount, child, child_through, is_child, open, read_checked, record, skip, until,
};

/// What the child says when it has seen what it was to see.
const TOLD: &str = "the refusal was told";

#[test]
fn a_read_only_file_system_is_told_and_nothing_is_lost() {
    let Some(disk) = Mount::tmpfs("64m") else { return };
    let dir = disk.path().join("store");
    let store = open(&dir);
    store.log("log").unwrap().append_sync(vec![record("log", 1, 50)]).unwrap();
    drop(store);
    disk.remount("ro");
    let refused = Store::open(&dir, Options::default()).unwrap_err();
    assert!(matches!(refused, OpenError::ReadOnly { .. }), "{refused}");
    assert!(refused.to_string().contains("writable"), "{refused}");
    let refused = Store::open(disk.path().join("new"), Options::default()).unwrap_err();
    assert!(matches!(refused, OpenError::ReadOnly { .. }), "{refused}");
    disk.remount("rw");
    let store = open(&dir);
    assert_eq!(read_checked(&store.log("log").unwrap(), |_| 50), (1, None));
}

#[test]
fn a_file_system_that_becomes_read_only_refuses_appends_and_passes_for_no_damage() {
    let Some(disk) = LoopDisk::new() else { return };
    let dir = disk.path().join("store");
    let store = open(&dir);
    let log = store.log("log").unwrap();
    log.append_sync((1..=400).map(|at| record("log", at, 900)).collect()).unwrap();
    disk.fail();
    until("a refusal", || match log.append_sync(vec![record("log", log.head() + 1, 900)]) {
        Ok(_) => false,
        Err(AppendError::ReadOnly | AppendError::Failed { .. }) => true,
        Err(other) => panic!("{other}"),
    });
    until("the node to know", || store.health() == Health::ReadOnly);
    let head = log.head();
    assert!(head >= 400);
    // A page that sled was about to move cannot be read until the database is opened again.
    match read_checked(&log, |_| 900) {
        (_, Some(ReadError::Unavailable { .. })) => {}
        read => assert_eq!(read, (head, None)),
    }
    drop((log, store));
    disk.repair();
    let store = open(&dir);
    let log = store.log("log").unwrap();
    assert_eq!(log.damage(), None);
    assert!(log.head() >= head, "{} of {head}", log.head());
    assert_eq!(read_checked(&log, |_| 900), (log.head(), None));
}

#[test]
fn the_child_whom_modes_bind() {
    let Some(dir) = is_child() else { return };
    let refused = Store::open(&dir, Options::default()).unwrap_err();
    assert!(matches!(refused, OpenError::ReadOnly { .. }), "{refused}");
    assert!(refused.to_string().contains("writable"), "{refused}");
    println!("{TOLD}");
}

#[test]
fn a_directory_without_permission_is_told() {
    const CHILD: &str = "read_only::the_child_whom_modes_bind";
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o500)).unwrap();
    let mut child = if rustix::process::geteuid().is_root() {
        // Root may write everywhere, but for this right.
        let mut bound = Command::new("setpriv");
        bound.args(["--bounding-set", "-dac_override", "--inh-caps", "-dac_override"]);
        child_through(bound, CHILD, dir.path())
    } else {
        child(CHILD, dir.path())
    };
    match child.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => skip("`setpriv` of util-linux is missing"),
        output => {
            let output = output.unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains(TOLD), "{output:?}");
        }
    }
}

#[test]
fn a_file_where_the_directory_should_be_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    std::fs::write(&path, "a file").unwrap();
    assert!(matches!(Store::open(&path, Options::default()).unwrap_err(), OpenError::Io { .. }));
}
