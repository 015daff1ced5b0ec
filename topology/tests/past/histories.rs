//! Random histories of a few bridges.

use std::{fmt::Write as _, time::Duration};

use proto::{
    log::v1::How,
    topology::v1::{DiffRequest, Filter, State, StateAtRequest, StatsRequest, VerifyResponse},
};
use topology::{
    MemoryHistory, Strict,
    past::{Archive, Past},
    simulator::{Settings, Simulation},
};

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// A peer comes to a bridge.
    Join(usize, u64),
    /// It leaves.
    Leave(usize, u64),
    /// All links of a bridge are cut.
    Cut(usize),
    /// They work again.
    Heal(usize),
    /// A bridge is killed and started again.
    Restart(usize),
    /// Nothing, for some tenths of a second.
    Pass(u64),
}

/// Few bridges.
pub(crate) const BRIDGES: usize = 4;

/// Lets it happen, and then lets everybody hear of it.
pub(crate) fn lived(seed: u64, steps: &[Step]) -> Simulation {
    lived_with(Settings { bridges: BRIDGES, seed, ..Settings::default() }, steps)
}

/// The same with other settings.
pub(crate) fn lived_with(settings: Settings, steps: &[Step]) -> Simulation {
    let mut simulation = Simulation::new(settings);
    simulation
        .run_until(Duration::from_secs(30), Simulation::converged)
        .expect("no convergence at the start");
    for step in steps {
        match *step {
            Step::Join(bridge, number) => {
                let peer = simulation.nodes[bridge].local_peer(number);
                simulation.join(bridge, peer, How::Registered);
            }
            Step::Leave(bridge, number) => {
                let (description, _) = simulation.nodes[bridge].local_peer(number);
                simulation.leave(bridge, description.id());
            }
            Step::Cut(bridge) => {
                simulation.wires_of(bridge).into_iter().for_each(|(one, other)| simulation.cut(one, other));
            }
            Step::Heal(bridge) => heal(&mut simulation, bridge),
            Step::Restart(bridge) => {
                simulation.crash(bridge);
                simulation.recover(bridge);
            }
            Step::Pass(tenths) => simulation.run_for(Duration::from_millis(100 * tenths)),
        }
        simulation.run_for(Duration::from_millis(20));
    }
    (0..BRIDGES).for_each(|bridge| heal(&mut simulation, bridge));
    simulation.run_until(Duration::from_secs(120), Simulation::converged).expect("no convergence at the end");
    simulation
}

fn heal(simulation: &mut Simulation, bridge: usize) {
    simulation.wires_of(bridge).into_iter().for_each(|(one, other)| simulation.heal(one, other));
}

/// What a bridge has on its disk.
pub(crate) fn archive(simulation: &Simulation, node: usize) -> MemoryHistory {
    let history = MemoryHistory::default();
    for (log, entries) in simulation.nodes[node].disk.logs() {
        history.store(log, 1, &entries);
    }
    history
}

/// Questions from nobody's point of view.
pub(crate) fn past(archive: &dyn Archive) -> Past<'_> {
    Past::new(archive, &Strict, None)
}

/// The first line in which two answers differ.
pub(crate) fn difference(one: &str, other: &str) -> Option<String> {
    let pair = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    pair.map(|(one, other)| format!("{one}\n{other}"))
        .or_else(|| (one != other).then(|| "one is longer".into()))
}

/// The ids of all events in their order.
pub(crate) fn events(past: Past<'_>) -> Vec<String> {
    past.range(past.wanted(&Filter::default()).unwrap()).map(|event| event.id).collect()
}

pub(crate) fn state_at_event(past: Past<'_>, event: &str) -> State {
    past.state_at(&StateAtRequest { at_event: event.to_owned(), ..StateAtRequest::default() }).unwrap()
}

/// All answers, as a text to compare.
pub(crate) fn all_answers(past: Past<'_>) -> String {
    let mut answers = String::new();
    let wanted = past.wanted(&Filter::default()).unwrap();
    let events: Vec<_> = past.range(wanted).collect();
    let (first, last) = past.span().unwrap();
    let middle = first.0 + (last.0 - first.0) / 2;
    for event in &events {
        writeln!(answers, "{} {} {}", event.id, event.time_text, event.text).unwrap();
    }
    for at in [first.0, middle, last.0] {
        let state = past.state_at(&StateAtRequest { at, ..StateAtRequest::default() }).unwrap();
        writeln!(answers, "{state:?}").unwrap();
    }
    for (from, to) in [(0, middle), (middle, last.0), (first.0, 0)] {
        writeln!(answers, "{:?}", past.diff(&DiffRequest { from, to }).unwrap()).unwrap();
    }
    writeln!(answers, "{:?}", past.stats(&StatsRequest::default()).unwrap()).unwrap();
    // How often an owner signed on the way is not the same for all: who passes on may join two segments to one.
    writeln!(answers, "{:?}", VerifyResponse { signatures: 0, ..past.verify() }).unwrap();
    answers
}
