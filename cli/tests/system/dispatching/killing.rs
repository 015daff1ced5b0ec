//! kill -9 of the dispatcher at random moments of logins: everybody gets to a peer that is theirs alone, and stays theirs.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::support::{Lobby, Seed, Visitor, eventually, eventually_within, visitor::node_of};

/// Kills, some of them twice.
const ROUNDS: u64 = 30;
const POOL: usize = 2;
/// The longest that a login is under way before a kill, and that a start is before a second one.
const LONGEST_CALM: Duration = Duration::from_millis(400);
const LONGEST_START: Duration = Duration::from_millis(300);
/// A peer may be started, stopped and started again for one login.
const LIMIT: Duration = Duration::from_secs(120);

/// Somebody who got in, and where to.
#[derive(Debug)]
struct Guest {
    visitor: Visitor,
    node: String,
}

/// Comes until the page of a peer is there; whatever goes wrong on the way is tried again, as a person does.
fn come(visitor: &mut Visitor, port: &AtomicU16) -> String {
    eventually_within(LIMIT, "somebody gets in", || {
        let now = port.load(Ordering::Acquire);
        let go = visitor.ask(now).ok()?.go()?;
        let opened = visitor.follow(&go).ok()?;
        (opened.status == 303).then(|| node_of(&go).to_owned())
    })
}

/// Kills the dispatcher and starts it again, without waiting.
fn restart(lobby: &mut Lobby) {
    lobby.dispatcher.kill();
    lobby.dispatcher.launch();
}

fn wait(longest: Duration, seed: &mut Seed) -> Duration {
    let calm = longest.mul_f64(seed.below(1000) as f64 / 1000.0);
    let until = Instant::now() + calm;
    thread::sleep(until.saturating_duration_since(Instant::now()));
    calm
}

/// One kill while somebody new logs in, and somebody who was there before.
fn round(lobby: &mut Lobby, port: &AtomicU16, guests: &mut Vec<Guest>, seed: &mut Seed) {
    let place = usize::try_from(seed.below(guests.len().max(1) as u64)).unwrap();
    let again = (!guests.is_empty()).then(|| guests.swap_remove(place));
    thread::scope(|scope| {
        let arrive = |mut visitor: Visitor, expected: Option<String>| {
            let node = come(&mut visitor, port);
            assert!(expected.is_none_or(|expected| expected == node), "a peer was lost");
            Guest { visitor, node }
        };
        let mut coming = vec![scope.spawn(move || arrive(Visitor::default(), None))];
        coming.extend(again.map(|guest| scope.spawn(move || arrive(guest.visitor, Some(guest.node)))));
        let calm = wait(LONGEST_CALM, seed);
        restart(lobby);
        if seed.below(3) == 0 {
            wait(LONGEST_START, seed);
            restart(lobby);
        }
        lobby.dispatcher.wait_until_it_answers();
        port.store(lobby.port(), Ordering::Release);
        println!("killed after {calm:?}");
        guests.extend(coming.into_iter().map(|guest| guest.join().unwrap()));
    });
}

/// One process for each peer that does not sleep, and none beside them.
fn wait_nothing_left_running(lobby: &Lobby) {
    eventually("each process is a peer that is kept, and alone in that", || {
        let (mut running, kept) = (lobby.processes(), lobby.kept());
        running.sort_unstable();
        let awake = kept.iter().filter(|peer| peer["state"] == "held" || peer["state"] == "vacant");
        let mut numbers: Vec<_> = awake.map(|peer| peer["number"].as_u64().unwrap()).collect();
        numbers.sort_unstable();
        let is_so = running.iter().map(|(number, _)| *number).collect::<Vec<_>>() == numbers;
        if !is_so {
            println!("running: {running:?}, awake: {numbers:?}");
        }
        is_so.then_some(())
    });
}

#[test]
fn whenever_it_is_killed_everybody_gets_in_and_no_peer_is_lost_or_given_twice() {
    let mut seed = Seed::of_this_run();
    let pool = POOL.to_string();
    let arguments = ["--pool", &pool, "--idle", "3s", "--logins-per-minute", "0"];
    let mut lobby = Lobby::start("kills", &arguments);
    let (port, mut guests) = (AtomicU16::new(lobby.port()), Vec::new());
    for number in 0..ROUNDS {
        println!("round {number}");
        round(&mut lobby, &port, &mut guests, &mut seed);
        let nodes: BTreeSet<_> = guests.iter().map(|guest| &guest.node).collect();
        assert_eq!(nodes.len(), guests.len(), "a peer was given to two: {guests:?}");
    }
    for guest in &mut guests {
        assert_eq!(come(&mut guest.visitor, &port), guest.node);
        let page = guest.visitor.page(port.load(Ordering::Acquire), &guest.node, "/").unwrap();
        assert_eq!(page.status, 200, "{page:?}");
    }
    lobby.wait_vacant(POOL);
    wait_nothing_left_running(&lobby);
}
