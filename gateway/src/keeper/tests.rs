use std::time::Duration;

use identity::NodeId;
use storage::{Options, Store};
use topology::History as _;

use super::*;
use crate::stored_logs::{JOURNAL, name_of};

fn id(owner: u8) -> LogId {
    LogId { owner: NodeId::from_bytes([owner; 32]), epoch: Epoch::from_bytes([3; 16]) }
}

fn entries(range: std::ops::RangeInclusive<u8>) -> Vec<Entry> {
    range.map(|n| Entry { event: vec![n; 10].into(), hash: [n; 32], signature: Bytes::new() }).collect()
}

/// Reads what is told until nothing of it is missing.
fn wait_for(told: &mut mpsc::Receiver<Kept>, mut wanted: Vec<Kept>) -> Vec<Kept> {
    let mut all = Vec::new();
    let started = std::time::Instant::now();
    while !wanted.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "{wanted:?} is missing, told was {all:?}");
        let kept = told.blocking_recv().unwrap_or_else(|| panic!("{wanted:?} is missing, told was {all:?}"));
        wanted.retain(|one| *one != kept);
        all.push(kept);
    }
    all
}

#[test]
fn everything_is_stored_in_order_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), Options::default()).unwrap());
    let logs = StoredLogs::default();
    let (keeper, mut told) = Keeper::spawn(Arc::clone(&store), logs.clone(), None).unwrap();
    for n in 1..=3_u8 {
        keeper.write(Write::Journal(vec![n].into()));
        keeper.write(Write::Own { log: id(1), first: n.into(), entries: entries(n..=n) });
    }
    keeper.write(Write::Foreign { log: id(2), first: 1, entries: entries(1..=5) });
    let number = logs.cut(id(2), 2);
    keeper.write(Write::Truncate { log: id(2), keep: 2, number });
    keeper.write(Write::Foreign { log: id(2), first: 3, entries: entries(8..=9) });
    let epoch = id(1).epoch;
    wait_for(&mut told, vec![Kept::Own { epoch, through: 3 }, Kept::Foreign { log: id(2), through: 4 }]);
    keeper.finish().unwrap().join().unwrap();
    assert_eq!(logs.read(&id(1), 1, 10, 1_000), entries(1..=3));
    let hashes: Vec<u8> = logs.read(&id(2), 1, 10, 1_000).iter().map(|entry| entry.hash[0]).collect();
    assert_eq!(hashes, [1, 2, 8, 9]);
    assert_eq!(store.log(JOURNAL).unwrap().head(), 3);
}

#[test]
fn a_foreign_append_out_of_place_fails_once_and_what_follows_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), Options::default()).unwrap());
    let (keeper, mut told) = Keeper::spawn(Arc::clone(&store), StoredLogs::default(), None).unwrap();
    keeper.write(Write::Foreign { log: id(2), first: 2, entries: entries(2..=3) });
    keeper.write(Write::Foreign { log: id(2), first: 4, entries: entries(4..=4) });
    let failed = loop {
        if let Kept::Failed { log, .. } = told.blocking_recv().unwrap() {
            break log;
        }
    };
    assert_eq!(failed, id(2));
    keeper.write(Write::Foreign { log: id(2), first: 1, entries: entries(1..=1) });
    let all = wait_for(&mut told, vec![Kept::Foreign { log: id(2), through: 1 }]);
    assert!(!all.iter().any(|kept| matches!(kept, Kept::Failed { .. })), "{all:?}");
    assert_eq!(store.log(&name_of(&id(2))).unwrap().head(), 1);
}

/// The own log once took its records anew from wherever the store said that it ended.
#[test]
fn what_a_failed_store_kept_of_the_own_log_is_told_and_not_appended_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), Options::default()).unwrap());
    let logs = StoredLogs::default();
    let kept = entries(1..=2).iter().map(Entry::encode).collect();
    store.log(&name_of(&id(1))).unwrap().append_sync(kept).unwrap();
    let (keeper, mut told) = Keeper::spawn(Arc::clone(&store), logs.clone(), None).unwrap();
    keeper.write(Write::Own { log: id(1), first: 1, entries: entries(1..=3) });
    keeper.finish();
    wait_for(&mut told, vec![Kept::Own { epoch: id(1).epoch, through: 3 }]);
    assert_eq!(logs.read(&id(1), 1, 10, 1_000), entries(1..=3));
}

/// What waited of the epoch before was once forgotten when the next one began.
#[test]
fn an_epoch_that_ends_is_stored_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), Options::default()).unwrap());
    let (keeper, mut told) = Keeper::spawn(store, StoredLogs::default(), None).unwrap();
    let next = LogId { epoch: Epoch::from_bytes([4; 16]), ..id(1) };
    // The first write may be taken up alone; of those behind it, some go together.
    for n in 1..=100_u8 {
        keeper.write(Write::Own { log: id(1), first: n.into(), entries: entries(n..=n) });
    }
    keeper.write(Write::Own { log: next, first: 1, entries: entries(1..=1) });
    keeper.finish();
    let both = [(id(1).epoch, 100), (next.epoch, 1)];
    wait_for(&mut told, both.map(|(epoch, through)| Kept::Own { epoch, through }).into());
}

#[test]
fn what_waits_is_counted_and_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), Options::default()).unwrap());
    let (keeper, mut told) = Keeper::spawn(store, StoredLogs::default(), None).unwrap();
    keeper.write(Write::Journal(vec![0; 10_000].into()));
    let started = std::time::Instant::now();
    while keeper.waiting() > 0 {
        told.blocking_recv().unwrap();
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}
