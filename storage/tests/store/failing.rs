//! sled itself fails in the middle of its work, and the store recovers.
//!
//! The failure is a real one: the data file may not grow beyond a limit that the process sets for itself. The shell starts
//! the child with SIGXFSZ ignored, so that a write beyond the limit is an error.

use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use storage::{AppendError, Health, ReadError};

use crate::support::{child_through, is_child, open, read_checked, record, until};

const LIMIT: u64 = 3 * 1024 * 1024;

#[test]
fn the_child_whose_files_may_not_grow() {
    let Some(dir) = is_child() else { return };
    let store = open(&dir);
    let log = store.log("log").unwrap();
    for round in 1..=3 {
        let before = log.head();
        set_limit(Some(LIMIT * round));
        let failed = append_until_failed(&log);
        assert!(
            matches!(&failed, AppendError::Failed { reason } if reason.contains("file size")),
            "{failed}"
        );
        assert!(log.head() > before, "some were acknowledged first");
        let head = log.head();
        // Meanwhile reads give what was acknowledged, or say that they cannot.
        for found in log.iter() {
            match found {
                Ok((position, bytes)) => assert_eq!(bytes, record("log", position, 4_000)),
                Err(ReadError::Unavailable { .. }) => break,
                Err(other) => panic!("{other}"),
            }
        }
        set_limit(None);
        until("the recovery", || store.health() == Health::Ok);
        assert_eq!(log.damage(), None);
        assert!(log.head() >= head, "what was acknowledged is there");
        log.append_sync(vec![record("log", log.head() + 1, 4_000)]).unwrap();
        assert_eq!(read_checked(&log, |_| 4_000), (log.head(), None));
    }
    let metrics = store.metrics();
    assert!(metrics.failures >= 3 && metrics.recoveries >= 3, "{metrics:?}");
}

#[test]
fn a_database_that_fails_is_opened_again_without_loss() {
    let dir = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    let output =
        child_through(shell, "failing::the_child_whose_files_may_not_grow", dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let store = open(dir.path());
    let log = store.log("log").unwrap();
    assert!(log.head() > 500, "the child did its work: {}", log.head());
    assert_eq!(read_checked(&log, |_| 4_000), (log.head(), None));
}

fn set_limit(current: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: current.or(maximum), maximum }).unwrap();
}

fn append_until_failed(log: &storage::Log) -> AppendError {
    loop {
        let next = log.head() + 1;
        if let Err(error) = log.append_sync(vec![record("log", next, 4_000)]) {
            return error;
        }
    }
}
