//! A disk without room, at the start and later.

use std::path::Path;

use storage::{AppendError, Health, OpenError, Options, Store};

use crate::support::{Mount, read_checked, record, until};

const MIB: u64 = 1024 * 1024;

fn options() -> Options {
    Options { reserve: 4 * MIB, ..Options::default() }
}

/// Fills a file system up to this many free bytes, with a file that can be removed again.
fn fill(dir: &Path, leave: u64) -> std::path::PathBuf {
    let path = dir.join("filler");
    let system = rustix::fs::statvfs(dir).unwrap();
    let free = system.f_bavail * system.f_frsize;
    let file = std::fs::File::create(&path).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, free - leave).unwrap();
    path
}

#[test]
fn a_new_store_needs_room() {
    let Some(disk) = Mount::tmpfs("16m") else { return };
    let filler = fill(disk.path(), 2 * MIB);
    let refused = Store::open(disk.path().join("store"), options());
    assert!(
        matches!(refused, Err(OpenError::Full { free: ..=2_097_152, needed: 4_194_304, .. })),
        "{refused:?}"
    );
    std::fs::remove_file(filler).unwrap();
    let store = Store::open(disk.path().join("store"), options()).unwrap();
    assert_eq!(store.health(), Health::Ok);
}

#[test]
fn a_disk_that_fills_up_refuses_appends_reads_on_and_recovers_by_itself() {
    let Some(disk) = Mount::tmpfs("48m") else { return };
    let dir = disk.path().join("store");
    let store = Store::open(&dir, options()).unwrap();
    let log = store.log("log").unwrap();
    let refused = append_until_refused(&log);
    assert!(matches!(refused, AppendError::Full { .. }), "{refused}");
    assert!(matches!(store.health(), Health::Full { .. }), "{:?}", store.health());
    let head = log.head();
    assert!(head > 100);
    assert_eq!(read_checked(&log, |_| 5_000), (head, None));

    // Full to the last byte: it still opens, reads, and says how it is.
    drop(store);
    let filler = fill(disk.path(), 0);
    let store = Store::open(&dir, options()).unwrap();
    let log = store.log("log").unwrap();
    assert!(matches!(store.health(), Health::Full { .. }), "{:?}", store.health());
    assert_eq!(read_checked(&log, |_| 5_000), (head, None));
    assert!(matches!(log.append_sync(vec![record("log", head + 1, 5_000)]), Err(AppendError::Full { .. })));

    std::fs::remove_file(filler).unwrap();
    disk.remount("size=96m");
    until("health without an append", || store.health() == Health::Ok);
    log.append_sync(vec![record("log", head + 1, 5_000)]).unwrap();
    assert_eq!(read_checked(&log, |_| 5_000), (head + 1, None));
}

#[test]
fn a_disk_that_others_fill_at_once_costs_nothing_that_was_acknowledged() {
    let Some(disk) = Mount::tmpfs("64m") else { return };
    let dir = disk.path().join("store");
    let store = Store::open(&dir, options()).unwrap();
    let log = store.log("log").unwrap();
    for round in 0..3 {
        let filler = fill(disk.path(), round * 3 * MIB);
        let refused = append_until_refused(&log);
        assert!(matches!(refused, AppendError::Full { .. } | AppendError::Failed { .. }), "{refused}");
        let head = log.head();
        std::fs::remove_file(filler).unwrap();
        until("room again", || store.health() == Health::Ok);
        log.append_sync(vec![record("log", head + 1, 5_000)]).unwrap();
        assert_eq!(read_checked(&log, |_| 5_000), (head + 1, None), "round {round}");
    }
    drop(store);
    let store = Store::open(&dir, options()).unwrap();
    let log = store.log("log").unwrap();
    assert_eq!(read_checked(&log, |_| 5_000), (log.head(), None));
}

fn append_until_refused(log: &storage::Log) -> AppendError {
    loop {
        let next = log.head() + 1;
        let records = (next..next + 20).map(|at| record("log", at, 5_000)).collect();
        if let Err(error) = log.append_sync(records) {
            return error;
        }
    }
}
