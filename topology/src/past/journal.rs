//! What a bridge's journal adds: when it came to know what, from whom, and over which link.

use std::collections::BTreeMap;

use bytes::Bytes;
use identity::NodeId;
use prost::Message as _;
use proto::{
    journal::v1::{PeerSeen, Record, record::Input},
    link::v1::frame,
    log::v1::Segment,
    topology::v1,
};

use crate::{Epoch, Head, Hlc, LogId};

use super::{Past, PastError, diff::changes, names::Names, rfc3339, world::World};

/// How the bridge whose journal it is saw or heard of peers' claims.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// The claims that are looked for: log and sequence.
    wanted: BTreeMap<(LogId, u64), Option<String>>,
    peer: NodeId,
    me: NodeId,
    links: BTreeMap<u64, (NodeId, String)>,
    /// The last sighting before each claim of the own log.
    sightings: Vec<(i64, String)>,
}

impl Past<'_> {
    /// The bridge whose journal is there, which must be the one that is named.
    fn journal_of(&self, named: &NodeId) -> Result<Box<dyn Iterator<Item = Record> + '_>, PastError> {
        let mut records = self.archive.journal().ok_or(PastError::NoJournal)?.peekable();
        // Every run names its bridge; a shortened journal may begin in the middle of one.
        let owner =
            self.archive.journal().into_iter().flatten().find_map(|record| match read(&record)?.input? {
                Input::Start(start) => NodeId::try_from(&start.node_id).ok(),
                _ => None,
            });
        if records.peek().is_none() {
            return Err(PastError::NoJournal);
        }
        match owner.or(self.me) {
            Some(owner) if owner == *named => Ok(Box::new(records.filter_map(|record| read(&record)))),
            Some(owner) => Err(PastError::OthersJournal { owner, asked: *named }),
            None => Err(PastError::NoJournal),
        }
    }

    /// What a bridge held at an instant, 0 for now, by its journal.
    pub(super) fn world_known(&self, bridge: &NodeId, at: Hlc) -> Result<World, PastError> {
        // Now is whatever it knows.
        let now = at == Hlc::default();
        let until = if now { i64::MAX } else { i64::try_from(at.millis()).unwrap_or(i64::MAX) };
        let positions = held_at(self.journal_of(bridge)?, until).ok_or(PastError::JournalBegins)?;
        let ends: BTreeMap<LogId, u64> = self.archive.logs().into_iter().collect();
        let mut latest: BTreeMap<NodeId, (Epoch, u64)> = BTreeMap::new();
        for (log, through) in positions {
            let through = through.min(ends.get(&log).copied().unwrap_or(0));
            if through > 0 {
                // By id: a later epoch of an owner comes later.
                latest.insert(log.owner, (log.epoch, through));
            }
        }
        let parts = latest.into_iter().map(|(owner, (epoch, through))| (LogId { owner, epoch }, through));
        let mut known = World::folded(self.archive, self.verifier, Hlc::default(), parts);
        known.check_all(self.verifier);
        Ok(known)
    }

    /// The same as a state seen by that bridge; `unknown` is what was otherwise.
    pub(super) fn state_known(&self, named: &str, at: Hlc) -> Result<v1::State, PastError> {
        let mut so = self.world(at)?;
        so.check_all(self.verifier);
        let mut names = self.names(&so);
        let bridge = self.find(&so, &mut names, named)?;
        let known = self.world_known(&bridge, at)?;
        let both = [self.names(&known), names];
        let from = known.bridges.contains_key(&bridge).then_some(bridge);
        let mut state = super::state::state(&known, &both[0], from);
        state.unknown = changes([&known, &so], &both);
        Ok(state)
    }

    /// How the claims came here, by the journal: for as many as it tells of.
    pub(super) fn arrivals(
        &self,
        peer: &NodeId,
        claims: impl IntoIterator<Item = (LogId, u64, Hlc)>,
        names: &Names,
    ) -> BTreeMap<(LogId, u64), String> {
        let Some(me) = self.me else { return BTreeMap::new() };
        let Ok(records) = self.journal_of(&me) else { return BTreeMap::new() };
        let claims: Vec<_> = claims.into_iter().collect();
        let wanted = claims.iter().map(|(log, sequence, _)| ((*log, *sequence), None)).collect();
        let mut arrivals =
            Arrivals { wanted, peer: *peer, me, links: BTreeMap::new(), sightings: Vec::new() };
        records.for_each(|record| arrivals.take(record, names));
        arrivals.finish(&claims)
    }
}

fn read(record: &Bytes) -> Option<Record> {
    Record::decode(record.clone()).ok()
}

/// How far each log was durable here at an instant; `None` when the journal begins later.
fn held_at(records: impl Iterator<Item = Record>, until_ms: i64) -> Option<BTreeMap<LogId, u64>> {
    let mut held: Option<BTreeMap<LogId, u64>> = None;
    let mut me = None;
    for record in records {
        if record.wall_ms > until_ms {
            break;
        }
        match record.input {
            Some(Input::Start(start)) => {
                me = NodeId::try_from(&start.node_id).ok();
                let loaded = start.loaded.iter().filter_map(|head| Head::from_proto(head).ok());
                held = Some(loaded.map(|head| (head.log, head.sequence)).collect());
            }
            Some(Input::Stored(stored)) => {
                if let (Ok(log), Some(held)) = (LogId::from_fields(&stored.owner, &stored.epoch), &mut held) {
                    held.insert(log, stored.through);
                }
            }
            Some(Input::Appended(appended)) => {
                let log = me.and_then(|me| LogId::from_fields(me.as_bytes(), &appended.epoch).ok());
                if let (Some(log), Some(held)) = (log, &mut held) {
                    held.insert(log, appended.through);
                }
            }
            _ => {}
        }
    }
    held
}

impl Arrivals {
    fn take(&mut self, record: Record, names: &Names) {
        let wall_ms = record.wall_ms;
        match record.input {
            Some(Input::Start(_)) => self.links.clear(),
            Some(Input::LinkUp(up)) => {
                if let Ok(bridge) = NodeId::try_from(&up.bridge) {
                    self.links.insert(up.link, (bridge, up.address));
                }
            }
            Some(Input::PeerSeen(seen)) if is_about(&seen, &self.peer) => {
                self.sightings.push((wall_ms, sighting(&seen)));
            }
            Some(Input::Frame(carried)) => {
                if let Some(frame::Kind::Segment(segment)) = carried.frame.and_then(|frame| frame.kind) {
                    self.take_segment(carried.link, &segment, wall_ms, names);
                }
            }
            _ => {}
        }
    }

    fn take_segment(&mut self, link: u64, segment: &Segment, wall_ms: i64, names: &Names) {
        let Ok(log) = LogId::from_fields(&segment.owner, &segment.epoch) else { return };
        let last = segment.first.saturating_add(segment.events.len() as u64);
        let Some((bridge, address)) = self.links.get(&link) else { return };
        for (_, arrival) in self.wanted.range_mut((log, segment.first)..(log, last)) {
            let at = rfc3339(Hlc::at(u64::try_from(wall_ms).unwrap_or(0)));
            let place = if address.is_empty() { String::new() } else { format!(" ({address})") };
            arrival.get_or_insert_with(|| {
                format!("came here at {at} over the link to {}{place}", names.call(bridge))
            });
        }
    }

    fn finish(self, claims: &[(LogId, u64, Hlc)]) -> BTreeMap<(LogId, u64), String> {
        let mut found: BTreeMap<_, _> =
            self.wanted.into_iter().filter_map(|(claim, arrival)| Some((claim, arrival?))).collect();
        for (log, sequence, time) in claims.iter().filter(|(log, ..)| log.owner == self.me) {
            let until = i64::try_from(time.millis()).unwrap_or(i64::MAX);
            let last = self.sightings.iter().rev().find(|(wall_ms, _)| *wall_ms <= until);
            if let Some((_, sighting)) = last {
                found.insert((*log, *sequence), sighting.clone());
            }
        }
        found
    }
}

fn is_about(seen: &PeerSeen, peer: &NodeId) -> bool {
    let id = seen.announcement.as_ref().and_then(|signed| {
        proto::node::v1::Announcement::decode(signed.body.clone())
            .ok()
            .map(|announcement| announcement.node_id)
    });
    id.is_some_and(|id| id == peer.as_bytes()[..])
}

fn sighting(seen: &PeerSeen) -> String {
    let mut text =
        format!("seen here by {}", if seen.source.is_empty() { "an unknown source" } else { &seen.source });
    if !seen.interface.is_empty() {
        text.push_str(&format!(", on {}", seen.interface));
    }
    if !seen.address.is_empty() {
        text.push_str(&format!(", from {}", seen.address));
    }
    text
}
