//! Whoever is killed while appending has lost nothing that was acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::support::{Random, child, copy_dir, is_child, open, read_checked, record, until};

const ROUNDS: u64 = 25;
const LOGS: [&str; 3] = ["a", "b", "c"];

fn length(position: u64) -> usize {
    if position.is_multiple_of(97) { 30_000 } else { (position * 7 % 400) as usize }
}

/// Appends until it is killed, and says what was acknowledged.
#[test]
fn the_child_that_is_killed() {
    let Some(dir) = is_child() else { return };
    let store = open(&dir);
    std::thread::scope(|scope| {
        for name in LOGS {
            let log = store.log(name).unwrap();
            scope.spawn(move || {
                loop {
                    let next = log.head() + 1;
                    let records =
                        (next..next + 1 + next % 5).map(|at| record(name, at, length(at))).collect();
                    let last = log.append_sync(records).unwrap().last;
                    writeln!(std::io::stdout(), "ack {name} {last}").unwrap();
                }
            });
        }
    });
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random::new(1);
    for round in 0..ROUNDS {
        let acknowledged = run_and_kill(dir.path(), 0, Duration::from_millis(20 + random.below(200)));
        let store = open(dir.path());
        for (name, acknowledged) in LOGS.into_iter().zip(acknowledged) {
            let log = store.log(name).unwrap();
            assert_eq!(log.damage(), None, "round {round}");
            assert!(log.head() >= acknowledged, "round {round}: {name} has {} of {acknowledged}", log.head());
            assert_eq!(read_checked(&log, length), (log.head(), None), "round {round}");
        }
    }
    let store = open(dir.path());
    assert!(LOGS.iter().all(|name| store.log(name).unwrap().head() > ROUNDS), "the children appended");
}

/// Kills the child after so many acknowledgements and then some time. The last acknowledged position of each log.
fn run_and_kill(dir: &Path, count: u64, after: Duration) -> [u64; 3] {
    let mut child = child("kill::the_child_that_is_killed", dir).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&seen);
    let reader = std::thread::spawn(move || {
        let mut heads = [0; 3];
        for line in lines.map_while(Result::ok) {
            let mut words = line.split(' ').skip_while(|word| *word != "ack").skip(1);
            let (Some(name), Some(Ok(last))) = (words.next(), words.next().map(str::parse)) else { continue };
            let at = LOGS.iter().position(|log| *log == name).unwrap();
            heads[at] = last;
            counted.fetch_add(1, Ordering::SeqCst);
        }
        heads
    });
    until("the child's acknowledgements", || seen.load(Ordering::SeqCst) >= count);
    // The moment of the kill is meant to be any.
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn what_a_killed_process_acknowledged_is_missed_when_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let old = tempfile::tempdir().unwrap();
    run_and_kill(dir.path(), 30, Duration::ZERO);
    drop(open(dir.path()));
    copy_dir(dir.path(), old.path());
    let acknowledged = run_and_kill(dir.path(), 30, Duration::ZERO);
    std::fs::remove_dir_all(dir.path().join("sled")).unwrap();
    copy_dir(&old.path().join("sled"), &dir.path().join("sled"));
    let store = open(dir.path());
    let mut told = 0;
    for (name, acknowledged) in LOGS.into_iter().zip(acknowledged) {
        let log = store.log(name).unwrap();
        if log.head() < acknowledged {
            assert_eq!(log.damage().map(|damage| damage.position), Some(log.head() + 1));
            told += 1;
        }
    }
    assert!(told > 0, "the second child appended: {acknowledged:?}");
}
