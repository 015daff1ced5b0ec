//! What the system sees: an acknowledgement only after an fdatasync of every file that got data.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::process::Command;

use crate::support::{child_through, is_child, open, record, skip};

const CALLS: &str = "trace=openat,open,creat,close,dup,dup2,dup3,fcntl,\
    write,writev,pwrite64,pwritev,pwritev2,fallocate,ftruncate,fsync,fdatasync,sync_file_range";
const COMMITS: u64 = 40;

#[test]
fn the_child_that_is_traced() {
    let Some(dir) = is_child() else { return };
    let store = open(&dir);
    let log = store.log("log").unwrap();
    writeln!(std::io::stdout(), "\nopened").unwrap();
    for at in 1..=COMMITS {
        let length = if at % 10 == 0 { 100_000 } else { 3_000 };
        log.append_sync(vec![record("log", at, length)]).unwrap();
        writeln!(std::io::stdout(), "\nacknowledged").unwrap();
    }
    log.truncate_after(COMMITS / 2).unwrap();
    writeln!(std::io::stdout(), "\nacknowledged").unwrap();
    log.drop_before(COMMITS / 4).unwrap();
    writeln!(std::io::stdout(), "\nacknowledged").unwrap();
}

#[test]
fn every_acknowledgement_follows_a_sync_of_all_that_was_written() {
    if Command::new("strace").arg("-V").output().is_err() {
        return skip("strace is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let (store, trace) = (dir.path().join("store"), dir.path().join("trace"));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-s", "64", "-e", CALLS, "-o"]).arg(&trace);
    let output = child_through(strace, "system_calls::the_child_that_is_traced", &store).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(&trace).unwrap();
    let mut files = Files::new(store.to_str().unwrap());
    for line in text.lines() {
        files.see(line);
    }
    assert_eq!(files.acknowledged, COMMITS + 2, "the markers were seen");
    assert!(files.synced > COMMITS, "the syncs were seen");
    // The positive control: the data went where it was looked for.
    assert!(files.written.contains("sled/db"), "{:?}", files.written);
}

/// Follows which files of the store hold data that was not synced. A file's data is safe when a sync **begins** after
/// its last write has ended.
struct Files<'a> {
    root: &'a str,
    open: HashMap<u64, String>,
    unfinished: HashMap<&'a str, String>,
    dirty: HashSet<String>,
    written: HashSet<String>,
    acknowledged: u64,
    synced: u64,
    opened: bool,
}

impl<'a> Files<'a> {
    fn new(root: &'a str) -> Self {
        Self {
            root,
            open: HashMap::new(),
            unfinished: HashMap::new(),
            dirty: HashSet::new(),
            written: HashSet::new(),
            acknowledged: 0,
            synced: 0,
            opened: false,
        }
    }

    /// One line of strace: `PID call(arguments) = result`, perhaps in two halves.
    fn see(&mut self, line: &'a str) {
        let Some((pid, rest)) = line.split_once(' ') else { return };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            self.begin(begun);
            self.unfinished.insert(pid, begun.to_owned());
        } else if let Some((_, ended)) = rest.split_once("resumed>") {
            let whole = self.unfinished.remove(pid).unwrap_or_default() + ended;
            self.end(&whole);
        } else {
            self.begin(rest);
            self.end(rest);
        }
    }

    fn begin(&mut self, call: &str) {
        if call.starts_with("write(1,") && call.contains("opened") {
            self.opened = true;
        } else if call.starts_with("write(1,") && call.contains("acknowledged") {
            self.acknowledged += 1;
            assert!(self.dirty.is_empty(), "acknowledged, but {:?} is not synced", self.dirty);
        }
    }

    fn end(&mut self, call: &str) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let failed = call.rsplit("= ").next().is_none_or(|result| result.starts_with('-'));
        let first = rest.split([',', ')']).next().and_then(|number| number.trim().parse::<u64>().ok());
        match name {
            "openat" | "open" | "creat" if !failed => self.open_file(call),
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" | "ftruncate" | "fallocate" => {
                if let Some(path) = first.and_then(|number| self.open.get(&number)) {
                    self.written.insert(path.clone());
                    if self.opened && holds_records(path) {
                        self.dirty.insert(path.clone());
                    }
                }
            }
            "fsync" | "fdatasync" => {
                assert!(!failed, "{call}");
                self.synced += 1;
                if let Some(path) = first.and_then(|number| self.open.get(&number)) {
                    self.dirty.remove(path);
                }
            }
            "dup" | "dup2" | "dup3" | "fcntl" => self.duplicate(call, first),
            _ => {}
        }
    }

    fn open_file(&mut self, call: &str) {
        let path = call.split('"').nth(1).unwrap_or_default();
        let number = call.rsplit("= ").next().and_then(|number| number.trim().parse().ok());
        let (Some(number), Some(path)) = (number, path.strip_prefix(self.root)) else {
            if let Some(number) = number {
                self.open.remove(&number);
            }
            return;
        };
        self.open.insert(number, path.trim_start_matches('/').to_owned());
    }

    fn duplicate(&mut self, call: &str, from: Option<u64>) {
        if call.starts_with("fcntl") && !call.contains("F_DUPFD") {
            return;
        }
        let to = call.rsplit("= ").next().and_then(|number| number.trim().parse().ok());
        if let (Some(path), Some(to)) = (from.and_then(|from| self.open.get(&from)).cloned(), to) {
            self.open.insert(to, path);
        }
    }
}

/// `heads` says how far was acknowledged, and is on purpose written after the sync; `lock` and `ballast` hold nothing.
fn holds_records(path: &str) -> bool {
    !matches!(path, "heads" | "lock" | "ballast")
}
