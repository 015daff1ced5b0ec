//! How long, and how many bytes, until all bridges know everything: `cargo run --release -p topology --example converge`.

use std::time::{Duration, Instant};

use proto::log::v1::How;
use topology::simulator::{Settings, Simulation};

fn main() {
    println!(
        "{:>8} {:>7} {:>8} {:>11} {:>12} {:>11} {:>11} {:>8} {:>8}",
        "bridges", "events", "from", "virtual ms", "KiB/bridge", "dup/event", "kB/event", "missed", "real s"
    );
    let sizes = std::env::args().nth(1).and_then(|size| size.parse().ok());
    for bridges in sizes.map_or_else(|| vec![3, 30, 300, 1_000], |size: usize| vec![size]) {
        #[expect(clippy::disallowed_methods, reason = "the real time it takes is shown, not used")]
        let begin = Instant::now();
        let settings = Settings {
            bridges,
            route_interval: Duration::from_secs(if bridges > 100 { 30 } else { 1 }),
            encode: bridges <= 100,
            ..Settings::default()
        };
        let mut simulation = Simulation::new(settings);
        let mut before = measure(&simulation);
        report(&mut simulation, "start", &mut before, begin);
        for round in 0..3 {
            for node in (0..bridges).step_by((bridges / 30).max(1)) {
                let peer = simulation.nodes[node].local_peer(1 + round);
                simulation.join(node, peer, How::Registered);
            }
            report(&mut simulation, "changes", &mut before, begin);
        }
    }
}

/// Accepted events, duplicates, bytes, own events.
fn measure(simulation: &Simulation) -> [u64; 4] {
    let counts = (0..simulation.nodes.len()).map(|node| simulation.core(node).counts());
    counts.fold([0, 0, simulation.bytes, 0], |[accepted, duplicate, bytes, own], counts| {
        [
            accepted + counts.events_accepted,
            duplicate + counts.events_duplicate,
            bytes,
            own + counts.own_events,
        ]
    })
}

fn report(simulation: &mut Simulation, phase: &str, before: &mut [u64; 4], begin: Instant) {
    let time = simulation.run_until(Duration::from_secs(60), Simulation::converged);
    let after = measure(simulation);
    let [accepted, duplicate, bytes, own] = std::array::from_fn(|at| after[at] - before[at]);
    let bridges = simulation.nodes.len() as u64;
    let missed = after[3] * (bridges - 1) - after[0];
    println!(
        "{bridges:>8} {own:>7} {phase:>8} {:>11} {:>12.1} {:>11.3} {:>11.2} {missed:>8} {:>8.1}",
        time.map_or_else(|| "never".to_owned(), |time| time.as_millis().to_string()),
        bytes as f64 / bridges as f64 / 1024.0,
        duplicate as f64 / accepted.max(1) as f64,
        bytes as f64 / accepted.max(1) as f64 / 1e3,
        begin.elapsed().as_secs_f64()
    );
    *before = after;
}
