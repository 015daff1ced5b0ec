//! Two bridges in one network: when one is drained, or killed, in mid conversation, the other takes over.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::stage::{Stage, TOWER};
use crate::support::{Node, eventually};

/// A machine that runs other tests on its two cores may add this much to what is promised.
const NOISE: Duration = Duration::from_secs(3);
/// What a drain may cost the people.
const DRAINED: Duration = Duration::from_secs(1);
/// What a silent death may.
const KILLED: Duration = Duration::from_secs(7);
/// Between two messages: a tenth of the shortest pause that is to be seen.
const PACE: Duration = Duration::from_millis(50);
/// Messages before and after the fault.
const CALM: usize = 40;

/// When each message of a conversation came.
struct Listener {
    child: Child,
    arrived: thread::JoinHandle<Vec<Instant>>,
}

impl Listener {
    fn at(node: &Node) -> Self {
        let mut command = node.command(&["inbox", "--follow", "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let arrived = thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines.filter(|line| line.contains("\"in\"")).map(|_| Instant::now()).collect()
        });
        Self { child, arrived }
    }

    /// The longest time between two messages.
    fn longest_gap(mut self) -> Duration {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let times = self.arrived.join().unwrap();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}

fn with_two_bridges(test: &str) -> Option<(Stage, Node)> {
    let stage = Stage::set(test)?;
    let host = stage.host_at_home("cellar", "10.1.0.5/24");
    let cellar = Node::bridge("cellar", "home", stage.folder.path()).on(&host);
    let trusted = stage.tower.causeway(&["trust", "add", &cellar.id()]);
    assert_eq!(trusted.code, 0, "{trusted:?}");
    let cellar = cellar.with(&["--link", &stage.tower.link_url(TOWER)]).start();
    cellar.wait_links(1);
    eventually("anna is registered with both", || {
        (stage.anna.status()["homes"].as_array()?.len() == 2).then_some(())
    });
    stage.tower.wait_links(2);
    stage.assert_talk("both bridges are there");
    Some((stage, cellar))
}

/// Talks from Anna to Carla, does something to the bridge that carries it, and tells the longest pause.
fn pause_when(stage: &mut Stage, cellar: &mut Node, fault: impl FnOnce(&mut Node)) -> Duration {
    let via = stage.anna.deliver("carla", "which way?")["via"].clone();
    let before = stage.carla.received("anna");
    let listener = Listener::at(&stage.carla);
    let carrier = if via[0] == cellar.id() { cellar } else { &mut stage.attic };
    println!("carried by {}", carrier.name());
    let (anna, carla) = (&stage.anna, &stage.carla);
    let over = AtomicBool::new(false);
    let sent = thread::scope(|scope| {
        let talking = scope.spawn(|| {
            let mut sent = Vec::new();
            while !over.load(Ordering::Acquire) {
                sent.push(format!("number {}", sent.len()));
                anna.send("carla", sent.last().unwrap());
                thread::sleep(PACE);
            }
            sent
        });
        let _over = OverWhenDropped(&over);
        let arrived = |more: usize| {
            let wanted = carla.received("anna").len() + more;
            eventually("the conversation goes on", || (carla.received("anna").len() >= wanted).then_some(()));
        };
        arrived(CALM);
        fault(carrier);
        arrived(CALM);
        drop(_over);
        talking.join().unwrap()
    });
    stage.carla.wait_received("anna", &[before, sent].concat());
    listener.longest_gap()
}

struct OverWhenDropped<'a>(&'a AtomicBool);

impl Drop for OverWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_drained_bridge_hands_over_within_a_moment() {
    let Some((mut stage, mut cellar)) = with_two_bridges("drained") else { return };
    let pause = pause_when(&mut stage, &mut cellar, |bridge| bridge.signal(Signal::TERM));
    println!("the longest pause round a drain: {pause:?}, promised {DRAINED:?}");
    assert!(pause <= DRAINED + NOISE, "{pause:?}");
}

#[test]
fn a_killed_bridge_is_replaced_by_the_other() {
    let Some((mut stage, mut cellar)) = with_two_bridges("killed") else { return };
    let pause = pause_when(&mut stage, &mut cellar, Node::kill);
    println!("the longest pause round a kill: {pause:?}, promised {KILLED:?}");
    assert!(pause <= KILLED + NOISE, "{pause:?}");
}

#[test]
fn a_bridge_that_falls_silent_is_replaced_by_the_other() {
    let Some((mut stage, mut cellar)) = with_two_bridges("silent") else { return };
    // Stopped: nobody gets a reset, as when a machine loses its power.
    let pause = pause_when(&mut stage, &mut cellar, |bridge| bridge.signal(Signal::STOP));
    println!("the longest pause round a silent death: {pause:?}, promised {KILLED:?}");
    assert!(pause <= KILLED + NOISE, "{pause:?}");
}
