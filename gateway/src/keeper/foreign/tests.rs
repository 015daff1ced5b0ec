use identity::NodeId;
use storage::Options;
use topology::{Epoch, History as _};

use super::*;

fn id(owner: u8) -> LogId {
    LogId { owner: NodeId::from_bytes([owner; 32]), epoch: Epoch::from_bytes([3; 16]) }
}

fn entries(range: std::ops::RangeInclusive<u8>) -> Vec<Entry> {
    range
        .map(|n| Entry { event: vec![n; 10].into(), hash: [n; 32], signature: bytes::Bytes::new() })
        .collect()
}

fn encoded(range: std::ops::RangeInclusive<u8>) -> Vec<bytes::Bytes> {
    entries(range).iter().map(Entry::encode).collect()
}

struct Bench {
    folder: tempfile::TempDir,
    store: Arc<Store>,
    logs: StoredLogs,
    foreign: Foreign,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path().join("store"), Options::default()).unwrap());
        let logs = StoredLogs::default();
        let foreign = Foreign::new(Arc::clone(&store), logs.clone());
        Self { folder, store, logs, foreign, now: Instant::now() }
    }

    fn append(&mut self, owner: u8, first: u64, numbers: std::ops::RangeInclusive<u8>) {
        self.foreign.append(id(owner), first, &entries(numbers));
    }

    fn settle(&mut self) -> Vec<Kept> {
        self.foreign.settle(self.now)
    }

    fn stored(&self, owner: u8) -> Vec<bytes::Bytes> {
        let log = self.store.log(&name_of(&id(owner))).unwrap();
        log.iter().map(|found| found.unwrap().1).collect()
    }

    /// From now on the store fails for this log, which holds these entries elsewhere.
    fn break_store(&self, owner: u8, numbers: std::ops::RangeInclusive<u8>) {
        let other = Store::open(self.folder.path().join("broken"), Options::default()).unwrap();
        let log = other.log(&name_of(&id(owner))).unwrap();
        log.append_sync(encoded(numbers)).unwrap();
        self.logs.insert(id(owner), log);
        other.close();
    }

    fn mend_store(&self, owner: u8) {
        self.logs.remove(&id(owner));
    }
}

fn durable(owner: u8, through: u64) -> Kept {
    Kept::Foreign { log: id(owner), through }
}

fn has_failed(kept: &Kept, owner: u8) -> bool {
    matches!(kept, Kept::Failed { log, .. } if *log == id(owner))
}

/// Told the other way round, the core took the first half for lost, and asked for what could not be appended any more.
#[test]
fn what_is_durable_is_told_before_the_failure_behind_it() {
    let mut bench = Bench::new();
    bench.append(2, 1, 1..=2);
    bench.append(2, 4, 4..=5);
    bench.append(2, 6, 6..=6);
    let told = bench.settle();
    assert_eq!(told[0], durable(2, 2));
    assert!(told.len() == 2 && has_failed(&told[1], 2), "{told:?}");
    bench.append(2, 3, 3..=3);
    assert_eq!(bench.settle(), [durable(2, 3)]);
}

/// Such a log once stood still until the next start, and nobody was told.
#[test]
fn a_log_of_which_the_store_kept_what_it_refused_goes_on_where_the_core_does() {
    let mut bench = Bench::new();
    bench.append(2, 1, 1..=1);
    assert_eq!(bench.settle(), [durable(2, 1)]);
    bench.break_store(2, 1..=1);
    bench.append(2, 2, 2..=3);
    assert!(has_failed(&bench.settle()[0], 2));
    bench.mend_store(2);
    // The reopened database has it; what was under way behind it goes on from there, and is not believed.
    bench.store.log(&name_of(&id(2))).unwrap().append_sync(encoded(2..=3)).unwrap();
    bench.append(2, 4, 4..=4);
    assert_eq!(bench.settle(), []);
    // The core asks anew, and gets another branch.
    bench.append(2, 2, 7..=8);
    assert_eq!(bench.settle(), [durable(2, 3)]);
    let wanted: Vec<_> = [encoded(1..=1), encoded(7..=8)].concat();
    assert_eq!(bench.stored(2), wanted);
}

/// It once slept with the journal and the own log behind it.
#[test]
fn a_second_failure_is_told_later_and_nothing_waits_for_that() {
    let mut bench = Bench::new();
    bench.append(2, 9, 9..=9);
    assert!(has_failed(&bench.settle()[0], 2));
    bench.append(3, 9, 9..=9);
    bench.append(4, 1, 1..=1);
    assert_eq!(bench.settle(), [durable(4, 1)]);
    assert_eq!(bench.foreign.patience(bench.now), Some(STORE_RETRY));
    bench.now += STORE_RETRY;
    assert_eq!(bench.foreign.patience(bench.now), Some(Duration::ZERO));
    let told = bench.settle();
    assert!(told.len() == 1 && has_failed(&told[0], 3), "{told:?}");
}

/// Nothing could be appended to such a log before the next start.
#[test]
fn a_cut_that_the_store_refused_is_tried_again() {
    let mut bench = Bench::new();
    bench.append(2, 1, 1..=5);
    assert_eq!(bench.settle(), [durable(2, 5)]);
    bench.break_store(2, 1..=5);
    let number = bench.logs.cut(id(2), 3);
    bench.foreign.truncate(id(2), 3, number);
    assert_eq!(bench.logs.read(&id(2), 4, 10, 1_000), [], "readers keep to it");
    assert_eq!(bench.foreign.patience(bench.now), Some(Duration::ZERO));
    bench.foreign.retry(bench.now);
    assert_eq!(bench.foreign.patience(bench.now), Some(STORE_RETRY));
    bench.mend_store(2);
    bench.now += STORE_RETRY;
    bench.foreign.retry(bench.now);
    assert_eq!(bench.foreign.patience(bench.now), None);
    assert_eq!(bench.stored(2), encoded(1..=3));
}

#[test]
fn a_cut_that_the_store_refused_comes_before_the_next_append() {
    let mut bench = Bench::new();
    bench.append(2, 1, 1..=5);
    bench.settle();
    bench.break_store(2, 1..=5);
    let number = bench.logs.cut(id(2), 3);
    bench.foreign.truncate(id(2), 3, number);
    bench.mend_store(2);
    bench.append(2, 4, 8..=9);
    assert_eq!(bench.settle(), [durable(2, 5)]);
    let wanted: Vec<_> = [entries(1..=3), entries(8..=9)].concat();
    assert_eq!(bench.logs.read(&id(2), 1, 10, 1_000), wanted);
}
