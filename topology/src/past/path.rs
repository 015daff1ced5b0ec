//! The way between two nodes, and what changed it last.

use identity::NodeId;
use proto::topology::v1;

use crate::Hlc;

use super::{
    Merged, Past, PastError, Placed,
    archive::events_until,
    names::Names,
    state::{route, way},
    tell::{subject, told},
    world::World,
};

impl Past<'_> {
    /// The way between two nodes as of an instant, its cost, and the event after which it was so. A peer's ways begin at
    /// its homes: the best of them counts.
    ///
    /// # Errors
    /// [`PastError`] for nodes that no log names, and for an instant before the first event.
    pub fn path(&self, request: &v1::PathRequest) -> Result<v1::PathResponse, PastError> {
        let mut world = self.world(Hlc(request.at))?;
        world.check_all(self.verifier);
        let mut names = self.names(&world);
        let from = self.find(&world, &mut names, &request.from)?;
        let to = self.find(&world, &mut names, &request.to)?;
        let (changed_by, before) = self.last_change(world.at, &from, &to).unzip();
        Ok(v1::PathResponse {
            from: from.to_bytes(),
            from_name: names.name(&from).to_owned(),
            to: to.to_bytes(),
            to_name: names.name(&to).to_owned(),
            route: Some(best(&world, &names, &from, &to)),
            changed_by,
            before,
        })
    }

    /// The event that changed the way last, and the way before. Folds the whole history up to then once.
    fn last_change(&self, at: Hlc, from: &NodeId, to: &NodeId) -> Option<(v1::Event, v1::Route)> {
        let parts = self
            .archive
            .logs()
            .into_iter()
            .map(|(log, last)| (log, 1, events_until(self.archive, &log, last, at, true)));
        let mut world = World::default();
        let mut names = Names::default();
        let mut way = v1::Route::default();
        let mut change: Option<(Placed, v1::Route)> = None;
        for placed in Merged::new(self.archive, parts) {
            names.learn(&placed.log.owner, &placed.event, self.verifier);
            let effect = world.apply(&placed.log, &placed.event, self.verifier);
            let about = subject(&placed.event).is_some_and(|id| id == *from || id == *to);
            if !effect.ways && !about {
                continue;
            }
            world.check(from, self.verifier);
            world.check(to, self.verifier);
            let now = best(&world, &names, from, to);
            if now.bridges != way.bridges {
                change = Some((placed, std::mem::replace(&mut way, now)));
            } else {
                way = now;
            }
        }
        change.map(|(placed, before)| (told(&placed, &names), before))
    }
}

/// The best way between two nodes, whose claims were checked.
fn best(world: &World, names: &Names, from: &NodeId, to: &NodeId) -> v1::Route {
    let starts: Vec<NodeId> = if world.bridges.contains_key(from) {
        vec![*from]
    } else {
        world.claims(from).map(|(home, _)| home).collect()
    };
    let ways = starts.iter().map(|start| {
        let table = world.table(start);
        if world.bridges.contains_key(to) {
            table.bridge(to).map_or_else(
                || v1::Route {
                    reason: format!(
                        "no chain of links that are up leads from {} to {}",
                        names.call(start),
                        names.call(to)
                    ),
                    ..v1::Route::default()
                },
                |found| way(names, &found.bridges, found.cost_us),
            )
        } else {
            route(names, world.route(start, &table, to))
        }
    });
    let nowhere = || v1::Route {
        reason: format!("no bridge names {} then, so nothing leads away from it", names.call(from)),
        ..v1::Route::default()
    };
    ways.min_by_key(|way| (way.bridges.is_empty(), way.cost_us)).unwrap_or_else(nowhere)
}
