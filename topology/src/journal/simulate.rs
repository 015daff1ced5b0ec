//! A journal through the core again, with or without changes to what happened, compared with what was.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use identity::NodeId;
use prost::Message as _;
use proto::journal::v1::{LinkDown, Record, Start, record::Input};

use super::{Replay, ReplayError};
use crate::{Entry, Head, History as _, LogId, MemoryHistory, Unsigned, past::Archive};

/// What shall be otherwise than it was.
#[derive(Debug, Clone, Default)]
pub struct WhatIf {
    /// Another source of the core's randomness: other jitter, other epochs.
    pub seed: Option<[u8; 32]>,
    /// Links of the journal's bridge that go down, and do not come up again: the bridge at the other end, and when, in
    /// milliseconds since 1970.
    pub dropped: Vec<(NodeId, i64)>,
}

impl WhatIf {
    /// Whether anything shall be otherwise.
    pub fn is_any(&self) -> bool {
        self.seed.is_some() || !self.dropped.is_empty()
    }
}

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// Whose journal it is.
    pub bridge: NodeId,
    /// Records that were replayed.
    pub records: u64,
    /// Records before the first start, which cannot be replayed: the runs they belong to are not whole.
    pub skipped: u64,
    /// Runs of the bridge.
    pub runs: u64,
    /// The logs that came out, the own ones and foreign ones; heads are not signed.
    pub history: MemoryHistory,
}

/// Replays a journal over the logs that lay on the bridge's disk at each start, as the archive has them.
///
/// # Errors
/// [`ReplayError`] for a record that cannot be read, a journal without a start, and logs that are missing.
pub fn simulate(archive: &dyn Archive, what_if: &WhatIf) -> Result<Outcome, ReplayError> {
    let mut replay = Replay::new(Arc::new(Unsigned)).with_logs(archive);
    let mut changes = Changes { what_if, links: BTreeMap::new(), down: Vec::new() };
    let (mut bridge, mut records, mut skipped, mut runs) = (None, 0, 0, 0);
    for bytes in archive.journal().into_iter().flatten() {
        let record = Record::decode(bytes).map_err(|_| super::BadRecord("encoding"))?;
        if let Some(Input::Start(start)) = &record.input {
            bridge = NodeId::try_from(&start.node_id).ok();
            runs += 1;
        } else if bridge.is_none() {
            skipped += 1;
            continue;
        }
        for mut record in changes.apply(record) {
            if let (Some(Input::Start(start)), true) = (&mut record.input, what_if.is_any()) {
                find_instead(start, replay.history());
            }
            replay.record(record.encode_to_vec().into())?;
            records += 1;
        }
    }
    let bridge = bridge.ok_or(ReplayError::NoStart)?;
    Ok(Outcome { bridge, records, skipped, runs, history: replay.into_history() })
}

/// The first event in which two logs differ; `None` when they are byte for byte the same.
pub fn first_difference(one: (&dyn Archive, &LogId), other: (&dyn Archive, &LogId)) -> Option<u64> {
    let events =
        |(archive, log): (&dyn Archive, &LogId), first: u64| archive.read(log, first, BATCH, usize::MAX);
    let (was, came) = (one, other);
    let mut next = 1;
    loop {
        let (one, other) = (events(was, next), events(came, next));
        let differs = |(one, other): (&Entry, &Entry)| one.event != other.event;
        let pairs = one.iter().zip(&other);
        if let Some(at) = pairs.clone().position(differs) {
            return Some(next + at as u64);
        }
        let common = pairs.count() as u64;
        next += common;
        if one.len() != other.len() {
            return Some(next);
        }
        if common == 0 {
            return None;
        }
    }
}

/// Entries that are compared at once.
const BATCH: usize = 256;

/// A run finds on the disk what the runs before it would have left there.
fn find_instead(start: &mut Start, history: &MemoryHistory) {
    for found in &mut start.loaded {
        let Ok(head) = Head::from_proto(found) else { continue };
        let logs = Archive::logs(history);
        let Some((log, last)) = logs.into_iter().find(|(log, _)| *log == head.log) else { continue };
        let end = history.read(&log, last, 1, usize::MAX).pop();
        let hash = end.map_or(head.hash, |entry| entry.hash);
        if last < head.sequence || hash != head.hash {
            *found = Head { log, sequence: last, hash }.to_proto();
        }
    }
}

/// Makes records what they would have been.
struct Changes<'a> {
    what_if: &'a WhatIf,
    /// The links that are up, and where they lead.
    links: BTreeMap<u64, NodeId>,
    /// Links that were taken down: nothing of them happens any more.
    down: Vec<u64>,
}

impl Changes<'_> {
    fn apply(&mut self, mut record: Record) -> Vec<Record> {
        let mut out = self.due(&record);
        match &mut record.input {
            Some(Input::Start(start)) => {
                self.links.clear();
                self.down.clear();
                if let Some(seed) = self.what_if.seed {
                    start.seed = Bytes::copy_from_slice(&seed);
                }
            }
            Some(Input::LinkUp(up)) => {
                let Ok(bridge) = NodeId::try_from(&up.bridge) else { return out };
                if self.is_dropped(&bridge, record.wall_ms) {
                    self.down.push(up.link);
                    return out;
                }
                self.links.insert(up.link, bridge);
            }
            Some(Input::LinkDown(down)) if self.down.contains(&down.link) => return out,
            Some(Input::LinkSample(sample)) if self.down.contains(&sample.link) => return out,
            Some(Input::Frame(frame)) if self.down.contains(&frame.link) => return out,
            _ => {}
        }
        out.push(record);
        out
    }

    fn is_dropped(&self, bridge: &NodeId, wall_ms: i64) -> bool {
        self.what_if.dropped.iter().any(|(other, at)| other == bridge && *at <= wall_ms)
    }

    /// Links whose time has come.
    fn due(&mut self, record: &Record) -> Vec<Record> {
        let due: Vec<u64> = self
            .links
            .iter()
            .filter(|(_, bridge)| self.is_dropped(bridge, record.wall_ms))
            .map(|(link, _)| *link)
            .collect();
        let down = |link: u64| Record {
            mono_us: record.mono_us,
            wall_ms: record.wall_ms,
            input: Some(Input::LinkDown(LinkDown { link, reason: "taken down by the simulation".into() })),
        };
        due.into_iter()
            .map(|link| {
                self.links.remove(&link);
                self.down.push(link);
                down(link)
            })
            .collect()
    }
}
