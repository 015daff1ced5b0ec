//! Logs in the ordinary run of things.

use std::sync::Arc;
use std::task::{Context, Poll, Wake};

use bytes::Bytes;
use storage::{AppendError, Appended, LogError, MAX_APPEND, MAX_RECORD, Options, Store};

use crate::support::{open, read_checked, record, wait_all};

#[test]
fn positions_count_from_one_in_every_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for name in ["a", "b"] {
        let log = store.log(name).unwrap();
        assert_eq!((log.head(), log.first(), log.len(), log.is_empty()), (0, 1, 0, true));
        let appended = log.append_sync(vec![record(name, 1, 9), record(name, 2, 9)]).unwrap();
        assert_eq!(appended, Appended { first: 1, last: 2 });
        assert_eq!(log.append_sync(vec![]).unwrap(), Appended { first: 3, last: 2 });
        assert_eq!(log.append_sync(vec![record(name, 3, 9)]).unwrap().first, 3);
        assert_eq!(read_checked(&log, |_| 9), (3, None));
        assert!(log.size_on_disk() > 3 * 9);
    }
}

#[test]
fn a_ticket_is_a_future() {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(dir.path());
    let mut ticket = std::pin::pin!(log.1.append(vec![Bytes::from_static(b"x")]));
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let appended = loop {
        match ticket.as_mut().poll(&mut context) {
            Poll::Ready(result) => break result.unwrap(),
            Poll::Pending => std::thread::park(),
        }
    };
    assert_eq!(appended.first, 1);
}

#[test]
fn what_is_read_is_bounded_by_the_range_and_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, log) = open_log(dir.path());
    log.append_sync((1..=500).map(|at| record("log", at, 100)).collect()).unwrap();
    let positions = |range| log.range(range).map(|found| found.unwrap().0).collect::<Vec<_>>();
    assert_eq!(positions(0..=2), [1, 2]);
    assert_eq!(positions(499..=u64::MAX), [499, 500]);
    assert_eq!(positions(501..=600), [0; 0]);
    assert_eq!(log.get(0).unwrap(), None);
    assert_eq!(log.get(77).unwrap(), Some(record("log", 77, 100)));
    assert_eq!(log.get(501).unwrap(), None);
    let back: Vec<_> = log.backward().map(|found| found.unwrap().0).collect();
    assert!(back.iter().copied().eq((1..=500).rev()));
    assert_eq!(log.backward_from(3).map(|found| found.unwrap().0).collect::<Vec<_>>(), [3, 2, 1]);
}

#[test]
fn large_and_small_records_live_together() {
    let dir = tempfile::tempdir().unwrap();
    let length = |at: u64| [0, MAX_RECORD, 50, 6_130, 6_140, 3_100, 200_000][at as usize % 7];
    for round in 0..3 {
        let (_store, log) = open_log(dir.path());
        for at in round * 20 + 1..=round * 20 + 20 {
            log.append_sync(vec![record("log", at, length(at))]).unwrap();
        }
        assert_eq!(read_checked(&log, length), (round * 20 + 20, None));
        let back: Vec<_> = log.backward().map(|found| found.unwrap().0).collect();
        assert!(back.iter().copied().eq((1..=round * 20 + 20).rev()));
    }
}

#[test]
fn what_is_too_large_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, log) = open_log(dir.path());
    let large = Bytes::from(vec![0; MAX_RECORD + 1]);
    let refused = log.append_sync(vec![large.clone()]);
    assert_eq!(refused, Err(AppendError::TooLarge { bytes: MAX_RECORD + 1, allowed: MAX_RECORD }));
    let many = vec![large.slice(1..); MAX_APPEND / MAX_RECORD + 1];
    assert!(matches!(log.append_sync(many), Err(AppendError::TooLarge { allowed: MAX_APPEND, .. })));
    assert_eq!(log.head(), 0);
}

#[test]
fn an_append_at_another_position_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, log) = open_log(dir.path());
    let one = || vec![Bytes::from_static(b"x")];
    let tickets =
        [log.append_at(1, one()), log.append_at(2, one()), log.append_at(2, one()), log.append_at(3, one())];
    let results: Vec<_> = tickets.into_iter().map(storage::Ticket::wait).collect();
    assert_eq!(results[1], Ok(Appended { first: 2, last: 2 }));
    assert_eq!(results[2], Err(AppendError::Position { expected: 2, next: 3 }));
    assert_eq!(results[3], Ok(Appended { first: 3, last: 3 }));
}

#[test]
fn names_and_their_number_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options { max_logs: 2, ..Options::default() }).unwrap();
    assert_eq!(store.log("").unwrap_err(), LogError::Name { length: 0 });
    assert_eq!(store.log(&"x".repeat(129)).unwrap_err(), LogError::Name { length: 129 });
    store.log(&"x".repeat(128)).unwrap();
    store.log("b").unwrap();
    assert_eq!(store.log("c").unwrap_err(), LogError::TooMany { allowed: 2 });
    store.remove("b").unwrap();
    store.log("c").unwrap();
    assert_eq!(store.logs(""), ["c".to_owned(), "x".repeat(128)]);
    assert_eq!(store.logs("c"), ["c"]);
}

#[test]
fn a_removed_log_is_empty_when_it_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let (store, log) = open_log(dir.path());
    log.append_sync((1..=5_000).map(|at| record("log", at, 600)).collect()).unwrap();
    store.remove("log").unwrap();
    assert_eq!(log.append_sync(vec![Bytes::new()]), Err(AppendError::Removed));
    assert!(log.iter().next().unwrap().is_err());
    assert_eq!(store.remove("log"), Err(LogError::NotFound));
    drop(store);
    let (_store, log) = open_log(dir.path());
    assert_eq!((log.head(), log.damage()), (0, None));
    log.append_sync(vec![record("log", 1, 20)]).unwrap();
    assert_eq!(read_checked(&log, |_| 20), (1, None));
}

#[test]
fn a_closed_store_says_so_and_lost_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, log) = open_log(dir.path());
    let tickets: Vec<_> = (1..=200).map(|at| log.append(vec![record("log", at, 100)])).collect();
    store.close();
    wait_all(tickets);
    assert_eq!(log.append_sync(vec![Bytes::new()]), Err(AppendError::Closed));
    assert_eq!(log.get(1), Err(storage::ReadError::Closed));
    let (_store, log) = open_log(dir.path());
    assert_eq!(read_checked(&log, |_| 100), (200, None));
}

#[test]
fn dropping_the_front_keeps_positions_and_gives_space_back_to_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let (store, log) = open_log(dir.path());
    log.append_sync((1..=20_000).map(|at| record("log", at, 100)).collect()).unwrap();
    let before = log.size_on_disk();
    log.drop_before(19_990).unwrap();
    assert_eq!((log.first(), log.len()), (19_990, 11));
    assert!(log.size_on_disk() < before / 100, "{} of {before}", log.size_on_disk());
    assert_eq!(log.get(19_989).unwrap(), None);
    log.drop_before(u64::MAX).unwrap();
    assert_eq!((log.first(), log.len(), log.size_on_disk()), (20_001, 0, 0));
    log.append_sync(vec![record("log", 20_001, 100)]).unwrap();
    drop(store);
    let (_store, log) = open_log(dir.path());
    assert_eq!(read_checked(&log, |_| 100), (20_001, None));
}

fn open_log(dir: &std::path::Path) -> (Store, storage::Log) {
    let store = open(dir);
    let log = store.log("log").unwrap();
    (store, log)
}
