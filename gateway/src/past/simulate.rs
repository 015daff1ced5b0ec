//! An exported journal through the core again, and what came out beside what was.

use std::{collections::HashMap, path::Path};

use identity::NodeId;
use proto::topology::v1::{Change, Event};
use topology::{
    LogId, Strict,
    journal::{Outcome, ReplayError, WhatIf, first_difference, simulate},
    past::{Archive, Past, PastError, compare},
};

use super::{FileError, file};

/// Why nothing was simulated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no journal in it.
    #[error("the file holds no journal: export it on the bridge with --journal")]
    NoJournal,
    /// The journal does not replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A name of a link's end.
    #[error(transparent)]
    Past(#[from] PastError),
    /// A link of others.
    #[error(
        "the journal is that of {0}, and only its own links can be taken down: what others did is fixed in what they sent"
    )]
    OthersLink(String),
}

/// A link to take down: its two ends, by name or id, and when, in milliseconds since 1970.
pub type DropLink = (String, String, i64);

/// What came out of a simulation.
#[derive(Debug)]
pub struct Simulated {
    /// What was left out of the file, and why.
    pub notes: Vec<String>,
    /// Whose journal it is.
    pub bridge: NodeId,
    /// Its name.
    pub name: String,
    /// Records that were replayed, and those before the first start, which were not.
    pub records: u64,
    /// See `records`.
    pub skipped: u64,
    /// The bridge's own logs, one for each run.
    pub runs: Vec<Run>,
    /// How the end would have been another one.
    pub changes: Vec<Change>,
}

/// The log of one run as it was, and as it came out.
#[derive(Debug)]
pub struct Run {
    /// When it began, RFC 3339.
    pub began: String,
    /// Events of the log that was.
    pub was: usize,
    /// Events of the log that came out.
    pub came: usize,
    /// The first event that differs; `None`: byte for byte the same.
    pub differs_at: Option<u64>,
    /// What happened in the log that was and not in the one that came out, and the other way round. What merely happened
    /// at another time is in neither.
    pub only: [Vec<Event>; 2],
}

impl Simulated {
    /// Whether every log came out byte for byte as it was.
    pub fn is_same(&self) -> bool {
        self.runs.iter().all(|run| run.differs_at.is_none())
    }
}

/// Replays the journal of an exported file. Blocks.
///
/// # Errors
/// [`SimulateError`] says what is missing.
pub fn simulate_file(
    path: &Path,
    seed: Option<[u8; 32]>,
    drops: &[DropLink],
) -> Result<Simulated, SimulateError> {
    let (exported, notes) = file::read_good(path)?;
    if exported.journal().is_none() {
        return Err(SimulateError::NoJournal);
    }
    let plain = simulate(&exported, &WhatIf::default())?;
    let file = Past::new(&exported, &Strict, None);
    let dropped = drops.iter().map(|drop| far_end(&file, plain.bridge, drop)).collect::<Result<_, _>>()?;
    let what_if = WhatIf { seed, dropped };
    if !what_if.is_any() {
        return told((&exported, &plain), notes, true);
    }
    // Against what the same records give unchanged: the file's logs may end some events earlier than its journal.
    told((&plain.history, &simulate(&exported, &what_if)?), notes, false)
}

/// The other end of a link of the journal's bridge, and when it goes down.
fn far_end(
    past: &Past<'_>,
    bridge: NodeId,
    (one, other, at): &DropLink,
) -> Result<(NodeId, i64), SimulateError> {
    let ends = [past.node(one)?, past.node(other)?];
    let far = ends.iter().find(|end| **end != bridge).filter(|_| ends.contains(&bridge));
    far.map(|far| (*far, *at)).ok_or_else(|| SimulateError::OthersLink(past.called(&bridge)))
}

fn told(
    (archive, outcome): (&dyn Archive, &Outcome),
    notes: Vec<String>,
    may_end_earlier: bool,
) -> Result<Simulated, SimulateError> {
    let was = Past::new(archive, &Strict, None);
    let came = Past::new(&outcome.history, &Strict, None);
    let mut runs = runs((archive, &was), (outcome, &came));
    if let Some(last) = runs.last_mut().filter(|_| may_end_earlier) {
        // The journal was read a moment after the logs.
        let common = last.was.min(last.came) as u64;
        last.differs_at = last.differs_at.filter(|at| *at <= common);
    }
    Ok(Simulated {
        notes,
        bridge: outcome.bridge,
        name: was.called(&outcome.bridge),
        records: outcome.records,
        skipped: outcome.skipped,
        runs,
        changes: compare(&was, &came)?,
    })
}

/// The runs of the journal's bridge, the first one first. Where randomness was another, epochs have other names, but runs
/// come in the same order.
fn runs(was: (&dyn Archive, &Past<'_>), came: (&Outcome, &Past<'_>)) -> Vec<Run> {
    let (outcome, history) = (came.0, &came.0.history);
    let own = |archive: &dyn Archive| -> Vec<LogId> {
        let logs = archive.logs().into_iter().map(|(log, _)| log);
        logs.filter(|log| log.owner == outcome.bridge).collect()
    };
    let (mut before, after) = (own(was.0), own(history));
    // Runs of which the journal tells nothing any more, or not yet, are in the logs alone.
    let untold = before.len().saturating_sub(after.len());
    before.drain(..untold);
    let run = |(old, new): (LogId, LogId)| {
        let (was_events, came_events) = (was.1.told(old), came.1.told(new));
        Run {
            began: was_events.first().map(|event| event.time_text.clone()).unwrap_or_default(),
            was: was_events.len(),
            came: came_events.len(),
            differs_at: first_difference((was.0, &old), (history, &new)),
            only: [without(&was_events, &came_events), without(&came_events, &was_events)],
        }
    };
    before.into_iter().zip(after).map(run).collect()
}

/// The events of one log that have no like in another, in their order.
fn without(events: &[Event], others: &[Event]) -> Vec<Event> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    others.iter().for_each(|event| *known.entry(&event.text).or_default() += 1);
    let alone = events.iter().filter(|event| match known.get_mut(event.text.as_str()) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    });
    alone.cloned().collect()
}
