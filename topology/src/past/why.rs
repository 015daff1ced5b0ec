//! How a peer is known.

use std::collections::VecDeque;

use identity::NodeId;
use proto::topology::v1;

use crate::{
    Hlc, LogId,
    fold::{Claim, Record},
    limits::WHY_EVENTS,
};

use super::{
    Merged, Past, PastError, Placed, Wanted,
    archive::events_until,
    names::Names,
    state::{peer, route},
    tell::told,
    world::World,
};

impl Past<'_> {
    /// Each bridge's word on a peer as of an instant, the ways to it or why there is none, and its last events.
    ///
    /// # Errors
    /// [`PastError`] for a peer that no log names, and for an instant before the first event.
    pub fn why(&self, request: &v1::WhyRequest) -> Result<v1::WhyResponse, PastError> {
        let mut world = self.world(Hlc(request.at))?;
        world.check_all(self.verifier);
        let mut names = self.names(&world);
        let id = self.find(&world, &mut names, &request.peer)?;
        let mut from = self.point_of_view(&world, &mut names, &request.from)?;
        if !request.known_by.is_empty() {
            let bridge = self.find(&world, &mut names, &request.known_by)?;
            world = self.world_known(&bridge, Hlc(request.at))?;
            let so = std::mem::replace(&mut names, self.names(&world));
            names.fill(so);
            from = from.or(Some(bridge)).filter(|from| world.bridges.contains_key(from));
        }
        let views: Vec<NodeId> =
            from.map_or_else(|| world.bridges.keys().copied().collect(), |from| vec![from]);
        let way = |from: NodeId| v1::RouteFrom {
            bridge: from.to_bytes(),
            bridge_name: names.name(&from).to_owned(),
            route: Some(route(&names, world.route(&from, &world.table(&from), &id))),
        };
        let mut history = VecDeque::new();
        let request = v1::Filter { until: world.at.0, node: id.to_string(), ..v1::Filter::default() };
        let wanted = self.wanted(&request).unwrap_or_else(|_| Wanted::default());
        for event in self.range(wanted) {
            if history.len() == WHY_EVENTS {
                history.pop_front();
            }
            history.push_back(event);
        }
        Ok(v1::WhyResponse {
            peer: Some(peer(&world, &names, &id, None)),
            sightings: self.sightings(&world, &names, &id),
            routes: views.into_iter().map(way).collect(),
            history: history.into(),
        })
    }

    /// What each bridge says of a peer, with the event that says so and how it came here.
    fn sightings(&self, world: &World, names: &Names, id: &NodeId) -> Vec<v1::Sighting> {
        let claims = world.bridges.iter().filter_map(|(bridge, past)| {
            let (log, claim) = (LogId { owner: *bridge, epoch: past.epoch? }, past.fold.peers.get(id)?);
            Some((log, events_until(self.archive, &log, past.fold.through, claim.time, true), claim.as_ref()))
        });
        let claims: Vec<(LogId, u64, &Claim)> = claims.collect();
        let wanted = claims.iter().map(|(log, sequence, claim)| (*log, *sequence, claim.time));
        let mut arrivals = self.arrivals(id, wanted, names);
        let sighting = |(log, sequence, claim): (LogId, u64, &Claim)| {
            let placed: Option<Placed> = Merged::new(self.archive, [(log, sequence, sequence)]).next();
            let counts = matches!(claim.record, Record::Counts { .. });
            v1::Sighting {
                event: placed.map(|placed| told(&placed, names)),
                counts,
                reason: if counts { String::new() } else { refusal(names, &log.owner, id) },
                arrival: arrivals.remove(&(log, sequence)).unwrap_or_default(),
            }
        };
        claims.into_iter().map(sighting).collect()
    }
}

fn refusal(names: &Names, bridge: &NodeId, peer: &NodeId) -> String {
    format!(
        "does not count: {}'s own signed announcement does not name {} or its network, or a signature does not hold",
        names.call(peer),
        names.call(bridge)
    )
}
