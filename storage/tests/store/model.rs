//! The store against a model, where closing, killing the tail and cutting are among the operations.

use std::collections::VecDeque;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use storage::{AppendError, Log, LogError, OpenError, Store};

use crate::support::{open, record};

const LOG: &str = "model";

#[derive(Debug, Clone)]
enum Operation {
    /// One append of records of these lengths.
    Append(Vec<usize>),
    /// As many appends of one record each, not waited for between.
    AppendSingles(u64),
    /// In thousandths of what is there.
    Truncate(u64),
    Drop(u64),
    Reopen,
    /// Bytes from the end of the data file, while it is closed.
    CutTail(u64),
    ReadBack(u64),
    Read(u64, u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let length = prop_oneof![8 => 0..300_usize, 2 => 300..7_000_usize, 1 => 7_000..60_000_usize];
    prop_oneof![
        6 => prop::collection::vec(length, 0..40).prop_map(Operation::Append),
        4 => (1..150_u64).prop_map(Operation::AppendSingles),
        2 => (0..1000_u64).prop_map(Operation::Truncate),
        2 => (0..1000_u64).prop_map(Operation::Drop),
        3 => Just(Operation::Reopen),
        2 => (1..60_000_u64).prop_map(Operation::CutTail),
        2 => (0..1000_u64).prop_map(Operation::ReadBack),
        2 => (0..1000_u64, 0..1000_u64).prop_map(|(from, to)| Operation::Read(from, to)),
    ]
}

/// What the log should hold: its first position and its records.
#[derive(Debug, Default)]
struct Model {
    dropped: u64,
    records: VecDeque<Bytes>,
    /// Makes records different that come again to the same position.
    made: u64,
}

impl Model {
    fn head(&self) -> u64 {
        self.dropped + self.records.len() as u64
    }

    /// A position from first to head.
    fn at(&self, thousandths: u64) -> u64 {
        self.dropped + self.records.len() as u64 * thousandths / 1000
    }

    fn push(&mut self, length: usize) -> Bytes {
        self.made += 1;
        let bytes = record(LOG, self.made, length).slice(..length);
        self.records.push_back(bytes.clone());
        bytes
    }

    fn truncate(&mut self, after: u64) {
        self.records.truncate((after - self.dropped) as usize);
    }

    fn check(&self, log: &Log, from: u64, to: u64) {
        let found: Vec<_> = log.range(from..=to).map(Result::unwrap).collect();
        let from = from.max(self.dropped + 1);
        let count = (to.min(self.head()) + 1).saturating_sub(from) as usize;
        let skip = (from - self.dropped - 1) as usize;
        let expected: Vec<_> = (from..).zip(self.records.iter().skip(skip).take(count).cloned()).collect();
        assert_eq!(found, expected);
        assert_eq!((log.head(), log.first(), log.damage()), (self.head(), self.dropped + 1, None));
    }
}

struct Run<'a> {
    dir: &'a Path,
    store: Option<Store>,
    log: Option<Log>,
    model: Model,
}

impl Run<'_> {
    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn close(&mut self) {
        self.log = None;
        self.store = None;
    }

    fn open(&mut self) {
        let store = open(self.dir);
        self.log = Some(store.log(LOG).unwrap());
        self.store = Some(store);
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Append(lengths) => {
                let records: Vec<_> = lengths.into_iter().map(|length| self.model.push(length)).collect();
                let (count, head) = (records.len() as u64, self.model.head());
                let appended = self.log().append_sync(records).unwrap();
                assert_eq!((appended.first, appended.last), (head + 1 - count, head));
            }
            Operation::AppendSingles(count) => {
                let records: Vec<_> = (0..count).map(|at| self.model.push(at as usize)).collect();
                let tickets: Vec<_> = records.into_iter().map(|one| self.log().append(vec![one])).collect();
                let last = tickets.into_iter().map(|ticket| ticket.wait().unwrap().last).last();
                assert_eq!(last, Some(self.model.head()));
            }
            Operation::Truncate(at) => {
                let after = self.model.at(at);
                self.log().truncate_after(after).unwrap();
                self.model.truncate(after);
            }
            Operation::Drop(at) => {
                let before = self.model.at(at) + 1;
                self.log().drop_before(before).unwrap();
                self.model.records.drain(..(before - 1 - self.model.dropped) as usize);
                self.model.dropped = before - 1;
            }
            Operation::Reopen => {
                self.close();
                self.open();
                self.model.check(self.log(), 0, u64::MAX);
            }
            Operation::CutTail(bytes) => self.cut_tail(bytes),
            Operation::ReadBack(at) => {
                let from = self.model.at(at);
                let found: Vec<_> = self.log().backward_from(from).map(|found| found.unwrap().1).collect();
                let count = (from - self.model.dropped) as usize;
                assert!(found.iter().rev().eq(self.model.records.iter().take(count)));
            }
            Operation::Read(from, to) => self.model.check(self.log(), self.model.at(from), self.model.at(to)),
        }
    }

    /// All is there, or the loss is told and all before it is there, or the store says that it is damaged.
    fn cut_tail(&mut self, bytes: u64) {
        self.close();
        let file = std::fs::OpenOptions::new().write(true).open(self.dir.join("sled/db")).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(bytes)).unwrap();
        drop(file);
        match Store::open(self.dir, storage::Options::default()) {
            Ok(store) => {
                self.log = Some(store.log(LOG).unwrap());
                self.store = Some(store);
                self.accept_loss();
            }
            Err(OpenError::Damaged { .. }) => self.begin_again(),
            Err(other) => panic!("{other}"),
        }
        self.model.check(self.log(), 0, u64::MAX);
    }

    fn accept_loss(&mut self) {
        let log = self.log().clone();
        let mut last = log.first() - 1;
        let mut told = log.damage().map(|damage| damage.position);
        for found in log.iter() {
            match found {
                // Older states of the log hold older records at a position; these are in the model no more.
                Ok((position, _)) => last = position,
                Err(storage::ReadError::Damaged { position, .. }) => told = Some(position),
                Err(other) => panic!("{other}"),
            }
        }
        if told.is_none() {
            // Dropped records may be back: no damage, they are dropped again.
            return self.log().drop_before(self.model.dropped + 1).unwrap();
        }
        assert_eq!(told, Some(last + 1), "the damage is told at its position");
        if log.damage().is_some() {
            let refused = log.append_sync(vec![Bytes::new()]);
            assert!(matches!(refused, Err(AppendError::Damaged { .. })), "{refused:?}");
        }
        let whole = |log: &Log| log.range(0..=last).map(|found| found.unwrap().1).collect::<Vec<_>>();
        let before = whole(&log);
        match log.truncate_after(last) {
            // What is to be cut lies on a page that the engine cannot read, so the cut is refused, and the place named.
            Err(LogError::Damaged { position, .. }) => {
                assert_eq!((position, whole(&log)), (last + 1, before), "a refused cut changes nothing");
                drop(log);
                self.close();
                return self.begin_again();
            }
            cut => cut.unwrap(),
        }
        assert_eq!(whole(&log), before);
        let first = log.first();
        self.model.dropped = first - 1;
        self.model.records = log.iter().map(|found| found.unwrap().1).collect();
        assert_eq!(self.model.head(), last.max(first - 1));
    }

    fn begin_again(&mut self) {
        std::fs::remove_dir_all(self.dir).unwrap();
        self.model = Model::default();
        self.open();
    }
}

/// More by `STORAGE_MODEL_CASES`.
fn cases() -> u32 {
    std::env::var("STORAGE_MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(32)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_model_does(operations in prop::collection::vec(operation(), 1..30)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let mut run = Run { dir: &path, store: None, log: None, model: Model::default() };
        run.open();
        for operation in operations {
            run.apply(operation);
        }
        run.model.check(run.log(), 0, u64::MAX);
        run.apply(Operation::Reopen);
    }
}
