//! Names, reasons, and everything that is shown.

use std::collections::BTreeMap;

use conversation::same_name;
use identity::NodeId;
use proto::node::v1::NodeKind;

use super::Actor;
use crate::{
    away::Away,
    command::{CommandError, Face, Overview, SessionView},
    limits::SKEW_WARNED,
};

/// A shorter beginning of an id is not taken for one.
const MIN_PREFIX: usize = 8;

impl Actor {
    /// Who is meant: an id, its beginning, or a name.
    pub(super) fn resolve(&self, text: &str) -> Result<NodeId, CommandError> {
        if let Ok(id) = text.parse::<NodeId>() {
            return Ok(id);
        }
        let known = self.known_names();
        let lower = text.to_lowercase();
        // Also when one of several is written just so: whoever chose that spelling may mean to be taken for the other.
        let alike = |id: &NodeId, name: &str| {
            same_name(name, text) || (lower.len() >= MIN_PREFIX && id.to_string().starts_with(&lower))
        };
        let found: Vec<_> = known.iter().filter(|(id, name)| alike(id, name)).map(|(id, _)| *id).collect();
        match found.as_slice() {
            [id] => Ok(*id),
            [] => Err(CommandError::Unknown(format!(
                "nobody known is called `{text}`: `causeway peers` lists those who are; a whole node id always works"
            ))),
            several => Err(CommandError::Ambiguous(self.describe_candidates(text, several))),
        }
    }

    fn describe_candidates(&self, text: &str, several: &[NodeId]) -> String {
        let list: Vec<_> = several.iter().map(|id| format!("{id} ({})", self.describe(*id))).collect();
        format!("`{text}` may be any of {}: name the id; {}", several.len(), list.join(", "))
    }

    fn describe(&self, id: NodeId) -> String {
        let talked = match self.core.contact(id).filter(|contact| contact.sent + contact.received > 0) {
            Some(contact) => format!("{} messages so far", contact.sent + contact.received),
            None => "never talked to".to_owned(),
        };
        let snapshot = self.discovery.snapshot();
        let place = match snapshot.neighbours.get(&id) {
            Some(node) if node.is_direct() => "on this network",
            Some(_) => "through a bridge",
            None => "away",
        };
        format!("{}, {talked}, {place}", self.name(id))
    }

    /// Peers of the history and those that are there, with their names.
    fn known_names(&self) -> BTreeMap<NodeId, String> {
        let mut names: BTreeMap<_, _> =
            self.core.contacts().map(|contact| (contact.id, contact.name)).collect();
        for (id, node) in &self.discovery.snapshot().neighbours {
            let name = node.name().unwrap_or_default();
            if node.kind() == NodeKind::Peer && (!name.is_empty() || !names.contains_key(id)) {
                names.insert(*id, name.to_owned());
            }
        }
        names.remove(&self.announcer.id());
        names
    }

    fn name(&self, id: NodeId) -> String {
        if id == self.announcer.id() {
            return self.announcer.description().name().to_owned();
        }
        let snapshot = self.discovery.snapshot();
        let seen = snapshot.neighbours.get(&id).and_then(|node| node.name()).map(str::to_owned);
        seen.or_else(|| self.core.contact(id).map(|contact| contact.name)).unwrap_or_default()
    }

    pub(super) fn face(&self, id: NodeId) -> Face {
        let via = self.active_path(id).map(|path| path.hops().to_vec()).unwrap_or_default();
        Face { name: self.name(id), reason: self.reason(id), via }
    }

    /// Why messages to a peer wait: one true sentence.
    fn reason(&self, id: NodeId) -> String {
        let name = self.shown_name(id);
        if self.core.is_blocked(id) {
            return format!("you blocked {name}: nothing goes there until you unblock it");
        }
        if let Some(reason) = self.core.stalled(id) {
            return format!("{name} cannot store messages at present: {reason}");
        }
        if self.active.contains_key(&id) {
            return format!("on its way to {name}");
        }
        let dial = self.dials.get(&id);
        if let Some(error) = dial.and_then(|dial| dial.error.as_ref()) {
            return format!("{name} was not reached, trying again: {error}");
        }
        let snapshot = self.discovery.snapshot();
        if snapshot.neighbours.contains_key(&id) {
            return if self.is_dialling(id) {
                format!("connecting to {name}")
            } else {
                format!("about to connect to {name}")
            };
        }
        let absence = Away::sentence(self.away.get(&id).copied(), &name);
        match self.bridge_trouble() {
            Some(trouble) => format!("{absence}; {trouble}"),
            None => format!("{absence}; it is sent as soon as {name} is there"),
        }
    }

    fn shown_name(&self, id: NodeId) -> String {
        let name = self.name(id);
        if name.is_empty() { format!("{}", id.short()) } else { name }
    }

    /// A bridge that is not reached may be why a peer is not seen.
    fn bridge_trouble(&self) -> Option<String> {
        let snapshot = self.discovery.snapshot();
        snapshot.bridges.iter().find_map(|bridge| match &bridge.state {
            discovery::BridgeState::Waiting { reason } => {
                Some(format!("the bridge {} is not reached: {reason}", bridge.target))
            }
            discovery::BridgeState::Draining => Some(format!("the bridge {} is stopping", bridge.target)),
            _ => None,
        })
    }

    pub(super) fn overview(&self) -> Overview {
        let known: Vec<_> = self.core.known().collect();
        let waiting = known.iter().filter(|contact| contact.queued > 0);
        let reasons = waiting.map(|contact| (contact.id, self.reason(contact.id))).collect();
        Overview {
            totals: self.core.totals(),
            known,
            namesakes: self.core.namesakes().collect(),
            sessions: self.active.iter().filter_map(|(peer, key)| self.session_view(*peer, *key)).collect(),
            warnings: self.warnings(),
            trouble: self.writer.failure().map(str::to_owned),
            snapshot: self.discovery.snapshot(),
            away: self.away.clone(),
            reasons,
        }
    }

    fn session_view(&self, peer: NodeId, key: conversation::SessionKey) -> Option<SessionView> {
        let open = self.sessions.get(&key)?;
        Some(SessionView {
            peer,
            name: self.name(peer),
            path: open.path.clone(),
            round_trip_us: u32::try_from(open.round_trip.as_micros()).unwrap_or(u32::MAX),
            since_ms: open.since_ms,
            key_exchange: open.key_exchange.to_owned(),
            skew_ms: open.skew_ms,
            typing: self.typing.contains_key(&peer),
        })
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<_> = self.core.warnings().map(ToString::to_string).collect();
        if let Some(reason) = self.writer.failure() {
            warnings.push(format!("no message can be stored: {reason}"));
        }
        warnings.extend(self.notes.current());
        for (peer, key) in &self.active {
            let skew = self.sessions.get(key).map_or(0, |open| open.skew_ms);
            if u128::from(skew.unsigned_abs()) > SKEW_WARNED.as_millis() {
                let (name, side) = (self.shown_name(*peer), if skew > 0 { "ahead of" } else { "behind" });
                let seconds = skew.unsigned_abs() / 1_000;
                warnings.push(format!("the clock of {name} is {seconds} s {side} ours: shown times mislead"));
            }
        }
        let snapshot = self.discovery.snapshot();
        for bridge in &snapshot.bridges {
            if let discovery::BridgeState::Waiting { reason } = &bridge.state {
                warnings.push(format!("the bridge {} is not reached: {reason}", bridge.target));
            }
        }
        for other in
            snapshot.other_networks.iter().filter(|other| other.network.name == snapshot.network.name)
        {
            warnings.push(format!(
                "another network with the name {} is on the same wire: its nodes are not yours",
                other.network.name
            ));
        }
        warnings.extend(self.twins.iter().cloned());
        warnings
    }
}
