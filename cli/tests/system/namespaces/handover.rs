//! Two bridges in one network: when one is drained, or killed, in mid conversation, the other takes over.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    stage::{Stage, TOWER},
    steady::talk_while,
};
use crate::support::{Node, eventually};

/// What a drain may cost the people.
const DRAINED: Duration = Duration::from_secs(1);
/// What a silent death may.
const KILLED: Duration = Duration::from_secs(7);
/// Messages before and after the fault.
const CALM: usize = 40;

/// When each message of a conversation came.
struct Listener {
    child: Child,
    arrived: thread::JoinHandle<Vec<Instant>>,
}

/// The longest times between two messages. A machine that runs other tests pauses without a fault, too.
struct Pauses {
    calm: Duration,
    fault: Duration,
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

    /// The longest times between two messages before a fault, and round it and after it.
    fn pauses(mut self, fault: Instant) -> Pauses {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let times = self.arrived.join().unwrap();
        let longest = |before: bool| {
            let pairs = times.windows(2).filter(|pair| (pair[1] < fault) == before);
            pairs.map(|pair| pair[1] - pair[0]).max().expect("messages came before the fault and after it")
        };
        Pauses { calm: longest(true), fault: longest(false) }
    }
}

impl Pauses {
    /// What the fault cost beyond what this machine costs by itself; but never twice what was promised.
    fn assert_within(&self, promised: Duration, what: &str) {
        let Self { calm, fault } = self;
        println!(
            "the longest pause round {what}: {fault:?}, in the calm before: {calm:?}, promised {promised:?}"
        );
        assert!(
            fault.saturating_sub(promised.min(*calm)) <= promised,
            "{fault:?} round {what}, {calm:?} before"
        );
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

/// Talks from Anna to Carla, does something to the bridge that carries it, and tells the pauses.
fn pauses_when(stage: &mut Stage, cellar: &mut Node, fault: impl FnOnce(&mut Node)) -> Pauses {
    let via = stage.anna.deliver("carla", "which way?")["via"].clone();
    let listener = Listener::at(&stage.carla);
    let carrier = if via[0] == cellar.id() { cellar } else { &mut stage.attic };
    println!("carried by {}", carrier.name());
    let mut began = None;
    talk_while(&stage.anna, &stage.carla, |arrive| {
        arrive(CALM);
        began = Some(Instant::now());
        fault(carrier);
        arrive(CALM);
    });
    listener.pauses(began.expect("it happened"))
}

#[test]
fn a_drained_bridge_hands_over_within_a_moment() {
    let Some((mut stage, mut cellar)) = with_two_bridges("drained") else { return };
    let pauses = pauses_when(&mut stage, &mut cellar, |bridge| bridge.signal(Signal::TERM));
    pauses.assert_within(DRAINED, "a drain");
}

#[test]
fn a_killed_bridge_is_replaced_by_the_other() {
    let Some((mut stage, mut cellar)) = with_two_bridges("killed") else { return };
    let pauses = pauses_when(&mut stage, &mut cellar, Node::kill);
    pauses.assert_within(KILLED, "a kill");
}

#[test]
fn a_bridge_that_falls_silent_is_replaced_by_the_other() {
    let Some((mut stage, mut cellar)) = with_two_bridges("silent") else { return };
    // Stopped: nobody gets a reset, as when a machine loses its power.
    let pauses = pauses_when(&mut stage, &mut cellar, |bridge| bridge.signal(Signal::STOP));
    pauses.assert_within(KILLED, "a silent death");
}
