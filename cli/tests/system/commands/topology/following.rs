//! `log --follow`: each event once, whatever happens to the bridge.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

use super::{OK, Story, assert_answer, ids};
use crate::support::{Past, eventually, text};

/// Kills of the bridge that is followed.
const ROUNDS: usize = 3;

/// Somebody who follows a log.
struct Follower {
    child: Child,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Follower {
    fn of(story: &Story, arguments: &[&str]) -> Self {
        let arguments = [&["topology", "log", "--follow", "--json"], arguments].concat();
        let mut command = story.towns.attic.command(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let put = Arc::clone(&seen);
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                put.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, seen }
    }

    fn ids(&self) -> Vec<String> {
        ids(&self.seen.lock().unwrap())
    }

    /// Waits until it has seen all that the bridge holds now.
    fn wait_for_all(&self, past: &Past, filter: &[&str]) {
        let held = ids(&past.json(&[&["log"], filter].concat()));
        eventually(&format!("all {} events are followed", held.len()), || {
            let seen = self.ids();
            held.iter().all(|id| seen.contains(id)).then_some(())
        });
    }

    /// Ends it; what it told on stderr.
    fn end(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut told = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        told
    }
}

/// What was seen of each log is its events from the first on, none twice and none left out.
fn assert_without_gaps(seen: &[String]) {
    let mut logs: BTreeMap<&str, u64> = BTreeMap::new();
    for id in seen {
        let (log, sequence) = id.rsplit_once('.').unwrap();
        let last = logs.entry(log).or_default();
        assert_eq!(sequence.parse::<u64>().unwrap(), *last + 1, "{id} comes after {log}.{last}: {seen:?}");
        *last += 1;
    }
}

#[test]
fn a_followed_log_neither_loses_nor_repeats_an_event_across_kills() {
    let mut story = Story::begin();
    let follower = Follower::of(&story, &[]);
    follower.wait_for_all(&story.past(), &[]);
    for _ in 0..ROUNDS {
        story.towns.attic.kill();
        // What happens meanwhile is only in the other bridge's log.
        let guest = story.towns.in_cloud("guest");
        eventually("the tower logs the guest", || {
            let joined = Past::of(&story.towns.tower).json(&["log", "--node", &guest.id()]);
            (!joined.is_empty()).then_some(())
        });
        story.towns.attic.start_again();
        story.towns.attic.wait_links(1);
        // It is back, and followed again, before the next kill.
        follower.wait_for_all(&story.past(), &[]);
        drop(guest);
    }
    crate::support::wait_until_held(&story.towns.tower, &story.towns.attic);
    follower.wait_for_all(&story.past(), &[]);
    let seen = follower.ids();
    let told = follower.end();
    assert_without_gaps(&seen);
    let held = ids(&story.past().json(&["log"]));
    let invented: Vec<_> = seen.iter().filter(|id| !held.contains(id)).collect();
    assert!(invented.is_empty(), "followed, and not in the log: {invented:?}");
    assert_eq!(told.matches("the bridge is gone").count(), ROUNDS, "{told}");
}

#[test]
fn a_filter_holds_for_what_is_followed_too() {
    let mut story = Story::begin();
    let filter = ["--node", "carla"];
    let follower = Follower::of(&story, &filter);
    follower.wait_for_all(&story.past(), &filter);
    story.towns.attic.kill();
    story.towns.attic.start_again();
    story.carla.terminate();
    eventually("carla's goodbye is followed", || {
        let seen = follower.seen.lock().unwrap();
        seen.iter().any(|event| event["kind"] == "peer_left").then_some(())
    });
    follower.wait_for_all(&story.past(), &filter);
    let seen = follower.seen.lock().unwrap().clone();
    assert!(seen.iter().all(|event| text(event, "subject_name") == "carla"), "{seen:?}");
    let all = ids(&seen);
    assert_eq!(all, ids(&story.past().json(&["log", "--node", "carla"])));
    follower.end();
}

#[test]
fn following_what_can_not_grow_shows_it_and_ends() {
    let mut story = Story::begin();
    let file = story.exported("whole.causeway");
    story.towns.attic.terminate();
    for past in [Past::in_file(&file), story.past()] {
        let followed = past.ask(&["log", "--follow", "--json"]);
        assert_answer(&followed, OK, &[]);
        assert_eq!(followed.out, past.tell(&["log", "--json"]));
    }
}
