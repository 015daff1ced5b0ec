//! Wrong clocks: a bridge that is a day ahead, a person who lives in 1970. Everything works, and the skew is shown.

use std::{env, fs, path::PathBuf};

use tempfile::NamedTempFile;

use crate::support::{Node, eventually, network};

const DAY_MS: i64 = 24 * 3600 * 1000;
/// What a slow machine may add to a measured skew.
const NOISE_MS: i64 = 60_000;

/// The library that gives a program another clock; none, said loudly, where it is missing.
pub(crate) fn other_clock() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let found = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.exists());
    if found.is_none() {
        assert!(
            env::var_os("CI").is_none_or(|ci| ci.is_empty()),
            "libfaketime is missing, and in CI this must run: apt-get install faketime"
        );
        eprintln!("\n!!! SKIPPED: wrong clocks\n!!! libfaketime is missing: apt-get install faketime\n");
    }
    found
}

/// A clock that stands in a file: of whoever has it in the environment, and of whom that starts.
#[derive(Debug)]
pub(crate) struct Clock {
    library: PathBuf,
    file: NamedTempFile,
}

impl Clock {
    /// One that is right; none, said loudly, where there is no other clock than the machine's.
    pub(crate) fn right() -> Option<Self> {
        let clock = Self { library: other_clock()?, file: NamedTempFile::new().expect("there is room") };
        clock.set("+0");
        Some(clock)
    }

    /// Moves it away from the machine's, as `+90d` or `+5m`.
    pub(crate) fn set(&self, offset: &str) {
        // As a whole: it may be read at any moment.
        let next = NamedTempFile::new_in(self.file.path().parent().expect("it is in a folder")).unwrap();
        fs::write(&next, offset).expect("there is room");
        next.persist(self.file.path()).expect("they are on one file system");
    }

    /// What goes by this clock, time that has passed included. Whoever has it asks the file anew each time, so that all
    /// of them have moved when [`Clock::set`] returns.
    pub(crate) fn environment(&self) -> [(&str, &str); 4] {
        [
            ("LD_PRELOAD", self.library.to_str().expect("it is of the system")),
            ("FAKETIME_TIMESTAMP_FILE", self.file.path().to_str().expect("it is ours")),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_RESET", "1"),
        ]
    }
}

pub(crate) fn with_clock(node: Node, library: &std::path::Path, clock: &str) -> Node {
    node.environment("LD_PRELOAD", library.to_str().unwrap())
        .environment("FAKETIME", clock)
        .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .environment("FAKETIME_DONT_RESET", "1")
        .environment("TZ", "UTC")
}

#[test]
fn a_day_ahead_and_1970_work_and_the_skew_is_shown() {
    let Some(library) = other_clock() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (home, cloud) = (network("home"), network("cloud"));
    let node = |node: Node| node.with(&["--listen", "127.0.0.1"]);
    let attic = node(Node::bridge("attic", &home, folder.path()));
    let tower = node(Node::bridge("tower", &cloud, folder.path())).with(&["--trust", &attic.id()]).start();
    let _attic = with_clock(attic, &library, "+1d").with(&["--link", &tower.link_url("127.0.0.1")]).start();
    let anna = node(Node::peer("anna", &home, folder.path()));
    let anna = with_clock(anna, &library, "@1970-01-02 00:00:00").start();
    let ben = node(Node::peer("ben", &home, folder.path())).start();
    let carla = node(Node::peer("carla", &cloud, folder.path())).start();

    let starts = anna.status()["started_at"].as_str().unwrap().to_owned();
    assert!(starts.starts_with("1970-"), "anna's clock is not the one she was given: {starts}");
    for (one, other) in [(&anna, &ben), (&anna, &carla), (&ben, &carla)] {
        one.wait_online(other.name());
        other.wait_online(one.name());
        one.deliver(other.name(), "what time is it?");
        other.deliver(one.name(), "here it is another");
    }
    carla.wait_received("anna", &["what time is it?".into()]);
    anna.wait_received("carla", &["here it is another".into()]);

    let skew = eventually("the tower has measured the attic's clock", || {
        tower.json(&["links"]).first()?["skew_ms"].as_i64().filter(|skew| *skew != 0)
    });
    assert!((skew - DAY_MS).abs() < NOISE_MS, "the attic is a day ahead, not {skew} ms");
    eventually("the tower warns of it", || {
        let warnings = tower.status()["warnings"].to_string();
        warnings.contains("clock").then_some(())
    });
    let skew = eventually("carla has measured anna's clock", || {
        let status = carla.status();
        let session = status["sessions"].as_array()?.iter().find(|session| session["name"] == "anna")?;
        session["skew_ms"].as_i64().filter(|skew| *skew != 0)
    });
    assert!(skew < -365 * DAY_MS, "anna lives in 1970, not {skew} ms from here");
}
