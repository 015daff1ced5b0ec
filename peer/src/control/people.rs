//! The people: everybody there is something to say about, as a messenger shows them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use conversation::{ContactView, Item};
use discovery::Neighbour;
use identity::NodeId;
use proto::{control::v1 as control, node::v1::NodeKind};
use tonic::Status;

use super::convert::inbox_item;
use crate::{
    away::Away,
    command::{Face, Overview, SessionView},
    hosting::VACANT,
    limits::PREVIEW_BYTES,
    reader::Reader,
};

/// What was told of them. Looks again say what has changed since.
#[derive(Debug, Default)]
pub(super) struct People {
    told: BTreeMap<NodeId, control::Person>,
    /// The newest message of each conversation.
    newest: HashMap<NodeId, Item>,
}

impl People {
    /// Whoever is new or changed, and who is not there any more. Messages at `touched` positions changed.
    pub(super) async fn look(
        &mut self,
        overview: &Overview,
        reader: &Reader,
        touched: &BTreeSet<u64>,
    ) -> Result<control::PeopleNews, Status> {
        let known: BTreeMap<_, _> = overview.known.iter().map(|view| (view.id, view)).collect();
        self.look_at_newest(known.keys().copied().collect(), reader, touched).await?;
        let faces = faces(overview);
        let present = overview.snapshot.neighbours.values().filter(|node| is_somebody(node));
        let noted = known.values().filter(|view| view.pinned || view.verified || view.blocked);
        let ids: BTreeSet<_> = present.map(|node| node.id()).chain(noted.map(|view| view.id)).collect();
        let mut news = control::PeopleNews { all: self.told.is_empty(), ..control::PeopleNews::default() };
        for id in &ids {
            let mut person = person(*id, known.get(id).copied(), overview);
            let newest = self.newest.get(id).cloned();
            person.last = newest.map(|item| preview(inbox_item(item, &faces)));
            if self.told.get(id) != Some(&person) {
                news.people.push(person.clone());
                self.told.insert(*id, person);
            }
        }
        let gone: Vec<_> = self.told.keys().filter(|id| !ids.contains(id)).copied().collect();
        for id in gone {
            self.told.remove(&id);
            news.gone.push(id.to_bytes());
        }
        Ok(news)
    }

    async fn look_at_newest(
        &mut self,
        peers: Vec<NodeId>,
        reader: &Reader,
        touched: &BTreeSet<u64>,
    ) -> Result<(), Status> {
        let places = reader.newest(peers).await?;
        let shown: BTreeSet<_> = places.iter().map(|(peer, _)| *peer).collect();
        self.newest.retain(|peer, _| shown.contains(peer));
        let is_old = |peer: &NodeId, position: &u64| {
            touched.contains(position) || self.newest.get(peer).is_none_or(|item| item.position != *position)
        };
        let old = places.iter().filter(|(peer, position)| is_old(peer, position));
        let old: Vec<_> = old.map(|(_, position)| *position).collect();
        if !old.is_empty() {
            self.newest.extend(reader.items(old).await?.into_iter().map(|item| (item.peer(), item)));
        }
        Ok(())
    }
}

/// The names and reasons that messages are shown with.
pub(super) fn faces(overview: &Overview) -> BTreeMap<NodeId, Face> {
    let face = |id: NodeId, name: &str| {
        let reason = overview.reasons.get(&id).cloned().unwrap_or_default();
        (id, Face { name: name.to_owned(), reason, via: Vec::new() })
    };
    let known = overview.known.iter().map(|view| face(view.id, &view.name));
    let present = overview.snapshot.neighbours.iter();
    let present = present.filter_map(|(id, node)| node.name().map(|name| face(*id, name)));
    known.chain(present).collect()
}

/// A peer that is nobody's yet is nobody to talk to.
fn is_somebody(node: &Neighbour) -> bool {
    let is_vacant = node.description.as_ref().is_some_and(|it| it.attribute(VACANT).is_some());
    node.kind() == NodeKind::Peer && !is_vacant
}

fn person(id: NodeId, view: Option<&ContactView>, overview: &Overview) -> control::Person {
    let node = overview.snapshot.neighbours.get(&id);
    let session = overview.sessions.iter().find(|session| session.peer == id);
    let route = node.filter(|node| !node.is_direct()).and_then(|node| node.routes.first());
    let hops = match session {
        Some(session) => session.path.hops(),
        None => route.map_or(&[][..], |route| &route.hops),
    };
    let network = node.map(|node| route.map_or_else(|| node.network(), |route| &route.network).to_proto());
    let away = overview.away.get(&id).copied();
    let state = match (node, session) {
        (Some(_), None) if route.is_some_and(|route| route.asleep) => "asleep",
        (Some(_), _) | (None, Some(_)) => "online",
        (None, None) => Away::state(away),
    };
    let name =
        node.and_then(|node| node.name()).or_else(|| view.map(|view| view.name.as_str())).unwrap_or_default();
    let is_pair = |pair: &(NodeId, NodeId)| match pair {
        (one, other) if *one == id => Some(other.to_bytes()),
        (one, other) if *other == id => Some(one.to_bytes()),
        _ => None,
    };
    control::Person {
        node_id: id.to_bytes(),
        name: name.to_owned(),
        network,
        state: state.to_owned(),
        via: hops.iter().map(|hop| hop_of(*hop, overview)).collect(),
        last_seen_ms: if node.is_some() { 0 } else { away.map_or(0, |away| away.since_ms) },
        reason: overview.reasons.get(&id).cloned().unwrap_or_default(),
        contact: view.is_some_and(|view| view.pinned),
        unread: view.map_or(0, |view| view.unread),
        queued: view.map_or(0, |view| view.queued as u64),
        verified: view.is_some_and(|view| view.verified),
        blocked: view.is_some_and(|view| view.blocked),
        namesakes: overview.namesakes.iter().filter_map(is_pair).collect(),
        ..session.map(of_session).unwrap_or_default()
    }
}

/// What only a running session tells.
fn of_session(session: &SessionView) -> control::Person {
    control::Person {
        round_trip_us: session.round_trip_us,
        key_exchange: session.key_exchange.clone(),
        skew_ms: session.skew_ms,
        typing: session.typing,
        ..control::Person::default()
    }
}

fn hop_of(hop: NodeId, overview: &Overview) -> control::Hop {
    let name = overview.snapshot.neighbours.get(&hop).and_then(|node| node.name()).unwrap_or_default();
    control::Hop { node_id: hop.to_bytes(), name: name.to_owned() }
}

/// A message with the beginning of its text.
fn preview(mut item: control::InboxItem) -> control::InboxItem {
    let end = (0..=PREVIEW_BYTES.min(item.text.len())).rev().find(|end| item.text.is_char_boundary(*end));
    item.text.truncate(end.unwrap_or_default());
    item
}
