//! Counts of events, outages and flapping.

use std::collections::BTreeMap;

use identity::NodeId;
use proto::{log::v1::Kind, topology::v1};

use crate::{Hlc, limits::WORST_ROWS};

use super::{
    Past, PastError, Placed, Wanted, names::Names, rfc3339, tell::kind_name, tell::subject, world::World,
};

/// Coming up at least so often is flapping.
const FLAPS: u64 = 3;
const HOUR_MS: u64 = 3_600_000;

/// What is counted while events pass.
#[derive(Debug, Default)]
struct Counting {
    events: u64,
    kinds: BTreeMap<i32, u64>,
    bridges: BTreeMap<NodeId, u64>,
    hours: BTreeMap<u64, u64>,
    /// How often a peer came, and a link came up by the word of one end.
    comings: BTreeMap<(NodeId, Option<NodeId>), u64>,
    links: BTreeMap<(NodeId, NodeId), Hlc>,
    outages: Vec<(NodeId, NodeId, Hlc, Option<Hlc>)>,
}

impl Past<'_> {
    /// Events per kind, bridge and hour; what came and went most often; the longest outages of links that had been up.
    ///
    /// # Errors
    /// [`PastError`] when nothing is held, or for an instant before the first event.
    pub fn stats(&self, request: &v1::StatsRequest) -> Result<v1::StatsResponse, PastError> {
        let (since, until) = (Hlc(request.since), Hlc(request.until));
        let end = self.world(until)?;
        let mut counting = Counting::default();
        let mut names = Names::default();
        let mut world = World::default();
        let filter = v1::Filter { until: request.until, ..v1::Filter::default() };
        let wanted: Wanted = self.wanted(&filter)?;
        for placed in self.range(wanted).into_placed() {
            names.learn(&placed.log.owner, &placed.event, self.verifier);
            let effect = world.apply(&placed.log, &placed.event, self.verifier);
            if placed.event.time >= since {
                counting.count(&placed, effect.again);
            }
            if effect.ways {
                counting.follow_links(&placed, &world, since);
            }
        }
        Ok(counting.finish(&names, end.at))
    }
}

impl Counting {
    /// Whoever is said again to be there did not come again.
    fn count(&mut self, placed: &Placed, again: bool) {
        let Placed { log, event, .. } = placed;
        self.events += 1;
        *self.kinds.entry(event.kind).or_default() += 1;
        *self.bridges.entry(log.owner).or_default() += 1;
        *self.hours.entry(event.time.millis() / HOUR_MS).or_default() += 1;
        let about = subject(event).filter(|_| !again);
        match (event.known_kind(), about) {
            (Some(Kind::PeerJoined), Some(peer)) => *self.comings.entry((peer, None)).or_default() += 1,
            // Both ends say so; the lower one's word is counted.
            (Some(Kind::LinkUp), Some(other)) if log.owner < other => {
                *self.comings.entry((log.owner, Some(other))).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Notes the links that came up or went down with this event.
    fn follow_links(&mut self, placed: &Placed, world: &World, since: Hlc) {
        let (owner, time) = (placed.log.owner, placed.event.time);
        let known = self.links.keys().filter(|(one, other)| *one == owner || *other == owner).copied();
        let down: Vec<_> = known.filter(|(one, other)| !world.joined(one, other)).collect();
        for ends in down {
            self.links.remove(&ends);
            self.outages.push((ends.0, ends.1, time, None));
        }
        let claimed = world.bridges.get(&owner).into_iter().flat_map(|past| past.fold.links.keys());
        for other in claimed.filter(|other| world.joined(&owner, other)) {
            let ends = (owner.min(*other), owner.max(*other));
            if self.links.insert(ends, time).is_none() {
                let open = self.outages.iter_mut().rev().find(|it| (it.0, it.1) == ends && it.3.is_none());
                if let Some(outage) = open {
                    outage.3 = Some(time);
                }
            }
        }
        self.outages.retain(|(.., end)| end.is_none_or(|end| end >= since));
    }

    fn finish(self, names: &Names, end: Hlc) -> v1::StatsResponse {
        let mut flapping: Vec<_> = self.comings.into_iter().filter(|(_, count)| *count >= FLAPS).collect();
        flapping.sort_by_key(|(ends, count)| (std::cmp::Reverse(*count), *ends));
        let flaps = |((one, other), count): ((NodeId, Option<NodeId>), u64)| v1::Count {
            key: other.map_or_else(|| one.to_string(), |other| format!("{one}-{other}")),
            name: other.map_or_else(
                || names.call(&one),
                |other| format!("link {} - {}", names.call(&one), names.call(&other)),
            ),
            count,
        };
        let mut outages: Vec<v1::Outage> = self
            .outages
            .into_iter()
            .map(|(one, other, from, to)| outage(names, (one, other), from, to, end))
            .collect();
        outages.sort_by_key(|outage| std::cmp::Reverse(outage.milliseconds));
        outages.truncate(WORST_ROWS);
        let kind = |(kind, count): (i32, u64)| {
            let name = kind_name(kind).into_owned();
            v1::Count { key: name.clone(), name, count }
        };
        let bridge = |(id, count): (NodeId, u64)| v1::Count {
            key: id.to_string(),
            name: names.name(&id).into(),
            count,
        };
        let hour = |(hour, count): (u64, u64)| {
            let key = rfc3339(Hlc::at(hour * HOUR_MS));
            v1::Count { name: key.clone(), key, count }
        };
        v1::StatsResponse {
            events: self.events,
            by_kind: self.kinds.into_iter().map(kind).collect(),
            by_bridge: self.bridges.into_iter().map(bridge).collect(),
            by_hour: self.hours.into_iter().map(hour).collect(),
            flapping: flapping.into_iter().take(WORST_ROWS).map(flaps).collect(),
            outages,
        }
    }
}

fn outage(names: &Names, ends: (NodeId, NodeId), from: Hlc, to: Option<Hlc>, end: Hlc) -> v1::Outage {
    let (one, other) = ends;
    v1::Outage {
        one: one.to_bytes(),
        one_name: names.name(&one).to_owned(),
        other: other.to_bytes(),
        other_name: names.name(&other).to_owned(),
        from: from.0,
        from_text: rfc3339(from),
        to: to.map_or(0, |to| to.0),
        to_text: to.map(rfc3339).unwrap_or_default(),
        milliseconds: to.unwrap_or(end).millis().saturating_sub(from.millis()),
    }
}
