//! Many writers and readers at once.

use std::sync::atomic::{AtomicBool, Ordering};

use storage::{AppendError, Options, ReadError, Store};

use crate::support::{open, read_checked, record, wait_all};

const WRITERS: u64 = 16;
const EACH: u64 = 60;

#[test]
fn many_writers_share_commits_and_keep_their_records_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("shared").unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let log = log.clone();
            scope.spawn(move || {
                for at in 0..EACH {
                    let pair = vec![format!("{writer} {at}").into(), "second".into()];
                    let appended = log.append_sync(pair).unwrap();
                    assert_eq!(log.get(appended.first).unwrap().unwrap(), format!("{writer} {at}"));
                    assert_eq!(log.get(appended.last).unwrap().unwrap(), "second");
                }
            });
        }
    });
    let metrics = store.metrics();
    assert_eq!(metrics.records, 2 * WRITERS * EACH);
    assert!(metrics.commits < WRITERS * EACH, "{metrics:?}");
    assert_eq!(log.head(), 2 * WRITERS * EACH);
}

#[test]
fn readers_never_take_a_change_for_damage() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("busy").unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for backward in [false, true] {
            let (log, over) = (log.clone(), &over);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let found: Box<dyn Iterator<Item = _>> =
                        if backward { Box::new(log.backward()) } else { Box::new(log.iter()) };
                    for found in found {
                        match found {
                            Ok((position, bytes)) => assert_eq!(bytes, record("busy", position, 90)),
                            Err(ReadError::Cut { .. }) => {}
                            Err(other) => panic!("{other}"),
                        }
                    }
                }
            });
        }
        for round in 0..150 {
            let next = log.head() + 1;
            let tickets: Vec<_> =
                (next..next + 10).map(|at| log.append(vec![record("busy", at, 90)])).collect();
            wait_all(tickets);
            match round % 10 {
                3 => log.truncate_after(log.head() - 7).unwrap(),
                7 => log.drop_before(log.head().saturating_sub(60)).unwrap(),
                _ => {}
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(read_checked(&log, |_| 90), (log.head(), None));
    assert_eq!(store.metrics().damaged_reads, 0);
}

#[test]
fn a_full_queue_refuses_or_blocks_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { queue_bytes: 4_000, queue_count: 4, ..Options::default() };
    let store = Store::open(dir.path(), options).unwrap();
    let log = store.log("narrow").unwrap();
    let (mut busy, mut stored) = (0, 0_u64);
    while busy == 0 {
        let tickets: Vec<_> = (0..100).map(|_| log.try_append(vec![vec![1; 1_000].into()])).collect();
        for ticket in tickets {
            match ticket.wait() {
                Ok(_) => stored += 1,
                Err(AppendError::Busy) => busy += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert_eq!(log.head(), stored);
    let tickets: Vec<_> = (0..100).map(|_| log.append(vec![vec![2; 1_000].into()])).collect();
    wait_all(tickets);
    assert_eq!(log.head(), stored + 100);
}
