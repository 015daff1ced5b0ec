//! What differs between two instants.

use std::collections::{BTreeMap, BTreeSet};

use identity::NodeId;
use proto::topology::v1::{self, ChangeKind};

use crate::Hlc;

use super::{
    Past, PastError,
    names::Names,
    rfc3339,
    state::{islands, status},
    world::World,
};

/// A change of cost below this part of the old cost is no news.
const COST_NEWS_PERCENT: u64 = 20;

impl Past<'_> {
    /// What joined, left, moved, linked and broke between two instants. Before the first event there was nothing.
    ///
    /// # Errors
    /// [`PastError::NoEvents`] when nothing is held, [`PastError::BeforeFirst`] when both instants lie before the first
    /// event.
    pub fn diff(&self, request: &v1::DiffRequest) -> Result<v1::DiffResponse, PastError> {
        let (first, _) = self.span().ok_or(PastError::NoEvents)?;
        let mut later = self.world(Hlc(request.to))?;
        later.check_all(self.verifier);
        let from = Hlc(request.from);
        let mut earlier = if from < first { World::default() } else { self.world(from)? };
        earlier.check_all(self.verifier);
        let names = [self.names(&earlier), self.names(&later)];
        Ok(v1::DiffResponse {
            from: from.0,
            from_text: rfc3339(from),
            to: later.at.0,
            to_text: rfc3339(if request.to == 0 { later.at } else { Hlc(request.to) }),
            changes: changes([&earlier, &later], &names),
        })
    }
}

/// What the end of one history has otherwise than the end of another.
///
/// # Errors
/// [`PastError::NoEvents`] when one of them is empty.
pub fn compare(one: &Past<'_>, other: &Past<'_>) -> Result<Vec<v1::Change>, PastError> {
    let mut worlds = [one.world(Hlc::default())?, other.world(Hlc::default())?];
    for (past, world) in [one, other].into_iter().zip(&mut worlds) {
        world.check_all(past.verifier);
    }
    let names = [one.names(&worlds[0]), other.names(&worlds[1])];
    Ok(changes([&worlds[0], &worlds[1]], &names))
}

/// Two worlds, their names, and what was found to differ.
struct Comparison<'a> {
    worlds: [&'a World; 2],
    names: &'a [Names; 2],
    found: Vec<v1::Change>,
}

/// What differs: bridges, links, then peers, then which bridges reach each other.
pub(super) fn changes(worlds: [&World; 2], names: &[Names; 2]) -> Vec<v1::Change> {
    let mut comparison = Comparison { worlds, names, found: Vec::new() };
    comparison.bridges();
    comparison.links();
    comparison.peers();
    comparison.islands();
    comparison.found
}

/// The name of a kind of change.
fn kind_name(kind: ChangeKind) -> String {
    kind.as_str_name().trim_start_matches("CHANGE_KIND_").to_lowercase()
}

impl Comparison<'_> {
    fn call(&self, id: &NodeId) -> String {
        let known = self.names.iter().rev().map(|names| names.name(id)).find(|name| !name.is_empty());
        known.map_or_else(|| format!("{}", id.short()), str::to_owned)
    }

    fn name(&self, id: &NodeId) -> String {
        self.names
            .iter()
            .rev()
            .map(|names| names.name(id))
            .find(|name| !name.is_empty())
            .unwrap_or("")
            .to_owned()
    }

    fn put(&mut self, kind: ChangeKind, ends: (&NodeId, Option<&NodeId>), words: [String; 2], text: String) {
        let [before, after] = words;
        self.found.push(v1::Change {
            kind: kind.into(),
            kind_name: kind_name(kind),
            subject: ends.0.to_bytes(),
            subject_name: self.name(ends.0),
            other: ends.1.map(|id| id.to_bytes()).unwrap_or_default(),
            other_name: ends.1.map(|id| self.name(id)).unwrap_or_default(),
            before,
            after,
            text,
        });
    }

    fn bridges(&mut self) {
        let [earlier, later] = self.worlds;
        let ids: BTreeSet<NodeId> = earlier.bridges.keys().chain(later.bridges.keys()).copied().collect();
        for id in ids {
            let name = self.call(&id);
            match (earlier.bridges.get(&id), later.bridges.get(&id)) {
                (None, Some(past)) => {
                    let network =
                        past.fold.network.as_ref().map(|network| network.name.clone()).unwrap_or_default();
                    let text = format!("bridge {name} of network {network} came to be known");
                    self.put(ChangeKind::BridgeJoined, (&id, None), [String::new(), network], text);
                }
                (Some(_), None) => {
                    let text = format!("bridge {name} is not in the logs any more");
                    self.put(ChangeKind::BridgeGone, (&id, None), Default::default(), text);
                }
                (Some(before), Some(after)) => {
                    if before.epoch != after.epoch {
                        let what =
                            if after.fold.restates > 0 { "began its log anew" } else { "started again" };
                        let text = format!("bridge {name} {what} at {}", rfc3339(after.fold.started));
                        let words = [rfc3339(before.fold.started), rfc3339(after.fold.started)];
                        self.put(ChangeKind::BridgeRestarted, (&id, None), words, text);
                    }
                    let words = [word(status(before)), word(status(after))];
                    if words[0] != words[1] {
                        let text = format!("bridge {name} was {} and is {}", words[0], words[1]);
                        self.put(ChangeKind::BridgeStatus, (&id, None), words, text);
                    }
                }
                (None, None) => {}
            }
        }
    }

    fn links(&mut self) {
        let all: BTreeSet<(NodeId, NodeId)> = self.worlds.iter().flat_map(|world| ends(world)).collect();
        for (one, other) in all {
            let up = self.worlds.map(|world| world.joined(&one, &other));
            let costs = self.worlds.map(|world| cost(world, &one, &other));
            let (left, right) = (self.call(&one), self.call(&other));
            let ends = (&one, Some(&other));
            match up {
                [false, true] => {
                    let text = format!("the link between {left} and {right} came up");
                    self.put(ChangeKind::LinkUp, ends, ["down".into(), "up".into()], text);
                }
                [true, false] => {
                    let text = format!("the link between {left} and {right} went down");
                    self.put(ChangeKind::LinkDown, ends, ["up".into(), "down".into()], text);
                }
                [true, true] if costs[0].abs_diff(costs[1]) * 100 > costs[0] * COST_NEWS_PERCENT => {
                    let text = format!(
                        "the link between {left} and {right} cost {} us, now {} us",
                        costs[0], costs[1]
                    );
                    self.put(ChangeKind::LinkCost, ends, costs.map(|cost| cost.to_string()), text);
                }
                _ => {}
            }
        }
    }

    fn peers(&mut self) {
        let [before, after] = self.worlds.map(World::peers);
        for id in before.union(&after) {
            let homes =
                self.worlds.map(|world| world.claims(id).map(|(home, _)| home).collect::<BTreeSet<_>>());
            let words = homes
                .clone()
                .map(|homes| homes.iter().map(|home| self.call(home)).collect::<Vec<_>>().join(", "));
            let name = self.call(id);
            match (before.contains(id), after.contains(id)) {
                (false, true) => {
                    let text = format!("{name} came, at {}", words[1]);
                    self.put(ChangeKind::PeerJoined, (id, None), words, text);
                }
                (true, false) => {
                    let text = format!("{name} left {}", words[0]);
                    self.put(ChangeKind::PeerLeft, (id, None), words, text);
                }
                _ if homes[0] != homes[1] => {
                    let text = format!("{name} moved from {} to {}", words[0], words[1]);
                    self.put(ChangeKind::PeerMoved, (id, None), words, text);
                }
                _ => {}
            }
            self.peer_itself(id);
        }
    }

    /// Name and sleep of a peer that is in both worlds.
    fn peer_itself(&mut self, id: &NodeId) {
        let named = [self.names[0].name(id).to_owned(), self.names[1].name(id).to_owned()];
        if named.iter().all(|name| !name.is_empty()) && named[0] != named[1] {
            let text = format!("{} is called {} now", named[0], named[1]);
            self.put(ChangeKind::PeerRenamed, (id, None), named, text);
        }
        if self.worlds.iter().any(|world| world.claims(id).next().is_none()) {
            return;
        }
        let asleep = self.worlds.map(|world| world.claims(id).any(|(_, claim)| claim.asleep.is_some()));
        if asleep[0] != asleep[1] {
            let words = asleep.map(|asleep| if asleep { "asleep" } else { "awake" }.to_owned());
            let text = format!("{} was {} and is {}", self.call(id), words[0], words[1]);
            self.put(ChangeKind::PeerSleep, (id, None), words, text);
        }
    }

    /// Bridges that reach each other at one of the instants only: what a cut link means for everybody.
    fn islands(&mut self) {
        let [before, after] = self.worlds.map(|world| groups(&islands(world)));
        let common: BTreeSet<NodeId> = self.worlds[0].bridges.keys().copied().collect();
        let inner = |groups: &[BTreeSet<NodeId>]| -> BTreeSet<BTreeSet<NodeId>> {
            let kept =
                groups.iter().map(|group| group.intersection(&common).copied().collect::<BTreeSet<_>>());
            kept.filter(|group| !group.is_empty()).collect()
        };
        if common.is_empty() || inner(&before) == inner(&after) {
            return;
        }
        let words = [&before, &after].map(|groups| {
            let group =
                |ids: &BTreeSet<NodeId>| ids.iter().map(|id| self.call(id)).collect::<Vec<_>>().join(" ");
            groups.iter().map(group).collect::<Vec<_>>().join(" | ")
        });
        let Some(first) = common.first() else { return };
        let text = format!("who could reach whom changed: {} became {}", words[0], words[1]);
        self.put(ChangeKind::Islands, (first, None), words, text);
    }
}

fn groups(islands: &BTreeMap<NodeId, u32>) -> Vec<BTreeSet<NodeId>> {
    let mut groups: BTreeMap<u32, BTreeSet<NodeId>> = BTreeMap::new();
    for (id, island) in islands {
        groups.entry(*island).or_default().insert(*id);
    }
    groups.into_values().collect()
}

/// All links that an end calls up, by their ends.
fn ends(world: &World) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
    let links = world.bridges.iter().flat_map(|(id, past)| past.fold.links.keys().map(move |to| (id, to)));
    links.map(|(one, other)| (*one.min(other), *one.max(other)))
}

fn cost(world: &World, one: &NodeId, other: &NodeId) -> u64 {
    let side = |from: &NodeId, to: &NodeId| {
        world.bridges.get(from).and_then(|past| past.fold.links.get(to)).map_or(0, |link| link.cost_us)
    };
    side(one, other).max(side(other, one))
}

/// A status as a word.
fn word(status: v1::BridgeStatus) -> String {
    match status {
        v1::BridgeStatus::Running | v1::BridgeStatus::Unspecified => "running",
        v1::BridgeStatus::Draining => "about to stop",
        v1::BridgeStatus::Stopped => "stopped",
    }
    .to_owned()
}
