//! kill -9 at random moments, with traffic running: what `send` reported as stored arrives exactly once and in order.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{Node, Seed, Towns};

/// Kills of one process each.
const ROUNDS: u64 = 50;
/// The longest that traffic runs before a kill: a session, a handshake or a fsync may be under way at its end.
const LONGEST_CALM: Duration = Duration::from_millis(900);
/// Messages may wait for their retries after the last kill.
const LIMIT: Duration = Duration::from_secs(120);

/// Sends without pause; gives the messages of which `send` said that they are stored.
fn send_until(over: &AtomicBool, from: &Mutex<Node>, to: &str) -> Vec<String> {
    let (mut number, mut stored) = (0_u32, Vec::new());
    while !over.load(Ordering::Acquire) {
        number += 1;
        let text = format!("for {to}, number {number}");
        // The command is made under the lock and runs outside of it: kills come in the middle of it.
        let mut command = from.lock().unwrap().command(&["send", to, &text, "--json"]);
        if command.output().unwrap().status.success() {
            stored.push(text);
        } else {
            // Down, or killed just now. A message whose fate nobody told may arrive; it is not counted on.
            thread::sleep(Duration::from_millis(20));
        }
    }
    stored
}

/// What arrived, without what nobody was told is stored, must be what was stored; and nothing came twice.
fn assert_exactly_once(receiver: &Node, sender: &Node, stored: &[String]) {
    let from = sender.name();
    let last = stored.last().expect("messages were stored");
    crate::support::eventually_within(LIMIT, &format!("{last:?} arrives"), || {
        receiver.received(from).contains(last).then_some(())
    });
    let received = receiver.received(from);
    let number = |text: &String| -> u32 { text.rsplit(' ').next().unwrap().parse().unwrap() };
    for pair in received.windows(2) {
        let (before, after) = (number(&pair[0]), number(&pair[1]));
        assert!(before < after, "{} received {after} after {before}", receiver.name());
    }
    let missing: Vec<_> = stored.iter().filter(|text| !received.contains(text)).collect();
    let told = sender.json(&["inbox", "--from", receiver.name()]);
    let fate =
        |text: &&String| told.iter().find(|item| item["text"] == text.as_str()).map(ToString::to_string);
    let fates: Vec<_> = missing.iter().map(|text| (text, fate(text))).collect();
    assert!(missing.is_empty(), "{} lacks {} stored messages: {fates:#?}", receiver.name(), missing.len());
    println!("{}: {} stored, {} received of {from}", receiver.name(), stored.len(), received.len());
}

#[test]
fn every_stored_message_arrives_exactly_once_in_order_whatever_is_killed() {
    let mut seed = Seed::of_this_run();
    let mut towns = Towns::start();
    let (anna, carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
    anna.wait_online("carla");
    carla.wait_online("anna");
    let (anna, carla) = (Mutex::new(anna), Mutex::new(carla));
    let over = AtomicBool::new(false);
    let (there, back) = thread::scope(|scope| {
        let ends = OverWhenDropped(&over);
        let there = scope.spawn(|| send_until(&over, &anna, "carla"));
        let back = scope.spawn(|| send_until(&over, &carla, "anna"));
        for round in 0..ROUNDS {
            let calm = LONGEST_CALM.mul_f64(seed.below(1000) as f64 / 1000.0);
            let until = Instant::now() + calm;
            thread::sleep(until.saturating_duration_since(Instant::now()));
            let victim = match seed.below(4) {
                0 => restart(&mut anna.lock().unwrap()),
                1 => restart(&mut carla.lock().unwrap()),
                2 => restart(&mut towns.attic),
                _ => restart(&mut towns.tower),
            };
            println!("round {round}: killed {victim} after {calm:?}");
        }
        drop(ends);
        (there.join().unwrap(), back.join().unwrap())
    });

    let (mut anna, mut carla) = (anna.into_inner().unwrap(), carla.into_inner().unwrap());
    for node in [&mut anna, &mut carla, &mut towns.attic, &mut towns.tower] {
        node.wait_until_it_answers();
    }
    assert_exactly_once(&carla, &anna, &there);
    assert_exactly_once(&anna, &carla, &back);
}

/// kill -9, and a start without waiting: the next round finds it in whatever state it is.
fn restart(node: &mut Node) -> String {
    node.kill();
    node.launch();
    node.name().to_owned()
}

/// Ends the senders when a round panics, too: the scope would wait for them for ever.
struct OverWhenDropped<'a>(&'a AtomicBool);

impl Drop for OverWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
