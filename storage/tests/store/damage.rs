//! Files that were overwritten, cut, zeroed, lost or exchanged: told, and never taken for records.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use storage::{AppendError, LogError, OpenError, Options, ReadError, Store};

use crate::support::{Random, copy_dir, open, read_checked, record, wait_all};

/// More by `STORAGE_DAMAGE_ROUNDS`.
const ROUNDS: u64 = 60;
/// What sled writes as one, bytes: the place that is told lies in the piece in which the damage begins, or nearer.
const SEGMENT: u64 = 512 * 1024;
const LOGS: [&str; 3] = ["first", "second", "third"];
const RECORDS: u64 = 1_500;

fn length(position: u64) -> usize {
    if position.is_multiple_of(301) { 40_000 } else { (position * 13 % 700) as usize }
}

/// Written in several runs, so that there are snapshots, merged blocks and a tail.
fn make(dir: &Path) {
    for run in 0..3 {
        let store = open(dir);
        for name in LOGS {
            let log = store.log(name).unwrap();
            let next = log.head() + 1;
            let tickets: Vec<_> =
                (next..next + RECORDS / 3).map(|at| log.append(vec![record(name, at, length(at))])).collect();
            wait_all(tickets);
            assert_eq!(log.head(), (run + 1) * RECORDS / 3);
        }
    }
}

/// Where a file was spoilt, and how.
struct Spoilt {
    bytes: Range<u64>,
    what: String,
}

impl Spoilt {
    fn new(offset: u64, length: u64, what: String) -> Self {
        Self { bytes: offset..offset + length, what }
    }

    fn is_told_by(&self, position: u64) -> bool {
        position < self.bytes.end && position + SEGMENT > self.bytes.start
    }
}

fn spoil(path: &Path, random: &mut Random) -> Spoilt {
    let file = fs::OpenOptions::new().write(true).read(true).open(path).unwrap();
    let size = file.metadata().unwrap().len();
    let length = 1 << random.below(15);
    let near_end = random.below(2) == 0;
    let reach = if near_end { 200_000.min(size) } else { size };
    let offset = size - reach + random.below(reach);
    match random.below(4) {
        0 => {
            file.set_len(offset).unwrap();
            Spoilt::new(offset, size - offset, format!("cut at {offset} of {size}"))
        }
        1 => {
            file.write_all_at(&vec![0; length as usize], offset).unwrap();
            Spoilt::new(offset, length, format!("zeroed {length} at {offset} of {size}"))
        }
        2 => {
            let mut byte = [0];
            file.read_exact_at(&mut byte, offset).unwrap();
            file.write_all_at(&[byte[0] ^ (1 << random.below(8))], offset).unwrap();
            Spoilt::new(offset, 1, format!("flipped a bit at {offset} of {size}"))
        }
        _ => {
            let garbage: Vec<_> = (0..length).map(|_| random.next() as u8).collect();
            file.write_all_at(&garbage, offset).unwrap();
            Spoilt::new(offset, length, format!("garbage of {length} at {offset} of {size}"))
        }
    }
}

/// What became of a spoilt store: whole, or told with a place, in the file when it was opened or else in the log.
fn look(dir: &Path, seed: u64, spoilt: &Spoilt) -> &'static str {
    let what = &format!("seed {seed}: {}", spoilt.what);
    let store = match Store::open(dir, Options::default()) {
        Ok(store) => store,
        Err(OpenError::Damaged { position, what: told, .. }) => {
            let near = position.is_some_and(|position| spoilt.is_told_by(position));
            assert!(near, "{what}: told at {position:?}: {told}");
            return "told at open";
        }
        Err(other) => panic!("{what}: {other}"),
    };
    let mut outcome = "whole";
    for name in LOGS {
        match store.log(name) {
            Ok(log) => {
                let (last, error) = read_checked(&log, length);
                match error {
                    None => assert_eq!(last, RECORDS, "{what}: {name} lost its end in silence"),
                    Some(ReadError::Damaged { position, .. }) => {
                        assert_eq!(position, last + 1, "{what}: {name}");
                        outcome = "told at its position";
                    }
                    Some(other) => panic!("{what}: {other}"),
                }
                for found in log.backward() {
                    match found {
                        Ok((position, bytes)) => {
                            assert_eq!(bytes, record(name, position, length(position)), "{what}");
                        }
                        Err(ReadError::Damaged { .. }) => outcome = "told at its position",
                        Err(other) => panic!("{what}: {other}"),
                    }
                }
            }
            Err(LogError::Damaged { .. }) => outcome = "told at the log",
            Err(other) => panic!("{what}: {other}"),
        }
    }
    outcome
}

#[test]
fn spoilt_data_is_told_and_never_read_as_records() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    make(&whole);
    let rounds =
        std::env::var("STORAGE_DAMAGE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut outcomes = BTreeMap::new();
    for seed in 0..rounds {
        let spoilt = dir.path().join("spoilt");
        copy_dir(&whole, &spoilt);
        let how = spoil(&spoilt.join("sled/db"), &mut Random::new(seed + 1));
        let outcome = look(&spoilt, seed, &how);
        *outcomes.entry(outcome).or_insert(0_u64) += 1;
        fs::remove_dir_all(&spoilt).unwrap();
    }
    eprintln!("of {rounds}: {outcomes:?}");
    // The positive control: spoiling did something, and not all of it made the store unreadable.
    assert!(outcomes.get("told at its position").is_some_and(|told| *told > rounds / 10), "{outcomes:?}");
}

#[test]
fn a_lost_end_is_told_and_the_log_takes_nothing_until_it_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let old = tempfile::tempdir().unwrap();
    copy_dir(dir.path(), old.path());
    let store = open(dir.path());
    store.log("first").unwrap().append_sync(vec![record("first", RECORDS + 1, 10); 7]).unwrap();
    store.log("later").unwrap().append_sync(vec![record("later", 1, 10); 3]).unwrap();
    drop(store);
    // sled's files as they were before, the witnessed heads as they are now.
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    copy_dir(&old.path().join("sled"), &dir.path().join("sled"));

    for _ in 0..2 {
        let store = open(dir.path());
        assert_eq!(store.logs(""), ["first", "later", "second", "third"]);
        let log = store.log("first").unwrap();
        assert_eq!(log.damage().unwrap().position, RECORDS + 1);
        let Some(Err(ReadError::Damaged { position, log: name, what })) = log.iter_from(RECORDS + 1).next()
        else {
            panic!("not told");
        };
        assert_eq!((position, name.as_str()), (RECORDS + 1, "first"));
        assert!(what.contains(&format!("{} to {}", RECORDS + 1, RECORDS + 7)), "{what}");
        assert!(matches!(log.append_sync(vec![record("first", 1, 1)]), Err(AppendError::Damaged { .. })));
        assert_eq!(store.log("later").unwrap().damage().unwrap().position, 1);
        assert_eq!(store.log("second").unwrap().damage(), None);
    }
    let store = open(dir.path());
    let log = store.log("first").unwrap();
    log.truncate_after(RECORDS).unwrap();
    log.append_sync(vec![record("first", RECORDS + 1, length(RECORDS + 1))]).unwrap();
    store.remove("later").unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(read_checked(&store.log("first").unwrap(), length), (RECORDS + 1, None));
    assert_eq!(store.log("later").unwrap().damage(), None);
}

/// Changes one bit of what lies under this key.
fn change_a_bit(dir: &Path, key: &[u8]) {
    let database = sled::open(dir.join("sled")).unwrap();
    let mut value = database.get(key).unwrap().unwrap().to_vec();
    *value.last_mut().unwrap() ^= 1;
    database.insert(key, value).unwrap();
    database.flush().unwrap();
}

#[test]
fn a_small_block_that_is_damaged_before_the_last_takes_nothing_whole_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("log").unwrap();
    for at in 1..=10 {
        log.append_sync(vec![record("log", at, 100)]).unwrap();
    }
    drop((log, store));
    let key = [&[2][..], &1_u64.to_be_bytes(), &3_u64.to_be_bytes(), &[0, 0]].concat();
    change_a_bit(dir.path(), &key);
    for head in 10..12 {
        let store = open(dir.path());
        let log = store.log("log").unwrap();
        assert_eq!((log.damage(), log.head()), (None, head));
        assert!(matches!(log.get(3), Err(ReadError::Damaged { position: 3, .. })));
        log.append_sync(vec![record("log", head + 1, 100)]).unwrap();
        for at in (1..=head + 1).filter(|at| *at != 3) {
            assert_eq!(log.get(at).unwrap().unwrap(), record("log", at, 100));
        }
    }
}

#[test]
fn a_data_file_that_is_gone_is_told() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let store = open(dir.path());
    for name in LOGS {
        assert_eq!(store.log(name).unwrap().damage().unwrap().position, 1);
    }
}

#[test]
fn a_newer_format_is_told_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    fs::write(dir.path().join("format"), "causeway storage format 2\n").unwrap();
    let refused = Store::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, OpenError::NewerFormat { found: 2, supported: 1, .. }), "{refused}");
    for text in ["", "something", "causeway storage format 0\n"] {
        fs::write(dir.path().join("format"), text).unwrap();
        assert!(
            matches!(Store::open(dir.path(), Options::default()), Err(OpenError::Damaged { .. })),
            "{text}"
        );
    }
}

#[test]
fn what_a_crash_leaves_beside_the_data_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    fs::write(dir.path().join("sled/snap.FFFFFFFFFFFFFFFF.generating"), "half a snapshot").unwrap();
    fs::write(dir.path().join("format.new"), "half a format").unwrap();
    fs::write(dir.path().join("heads"), vec![7; 1000]).unwrap();
    let store = open(dir.path());
    for name in LOGS {
        assert_eq!(read_checked(&store.log(name).unwrap(), length), (RECORDS, None));
    }
}
