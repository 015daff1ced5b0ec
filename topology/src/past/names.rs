//! What nodes are called, and which node a name means.

use std::collections::BTreeMap;

use bytes::Bytes;
use identity::{Network, NodeId};
use prost::Message as _;
use proto::{
    log::v1::{BridgeStarted, How, PeerClaim},
    node::v1::{Announcement, Ports},
};

use crate::{Event, Hlc, Verifier, event::Fact, fold::Claim};

use super::{Archive, Merged, Past, PastError, world::World};

/// The least beginning of an id that stands for it.
const SHORTEST_PREFIX: usize = 8;

/// Names by id, from descriptions that verify; the newest description counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    nodes: BTreeMap<NodeId, Named>,
    networks: BTreeMap<NodeId, Network>,
    /// What each bridge said of each peer last.
    claims: BTreeMap<(NodeId, NodeId), Announced>,
}

/// What is worth telling of a peer's announcement. Unverified: it is only for sentences.
#[derive(Debug, Clone, PartialEq)]
struct Announced {
    how: How,
    network: Option<proto::node::v1::Network>,
    homes: Vec<Bytes>,
    ports: Option<Ports>,
}

#[derive(Debug, Clone)]
struct Named {
    name: String,
    sequence: u64,
}

impl Names {
    /// The names in a world.
    pub(super) fn of(world: &World, verifier: &dyn Verifier) -> Self {
        let mut names = Self::default();
        for (id, past) in &world.bridges {
            names.nodes.entry(*id).or_insert_with(|| Named { name: String::new(), sequence: 0 });
            if let Some(description) = past.fold.description.as_ref().and_then(|it| verifier.description(it))
            {
                names.set(id, description.id(), description.name(), description.sequence());
            }
            names.networks.extend(past.fold.network.clone().map(|network| (*id, network)));
            for (peer, claim) in &past.fold.peers {
                names.learn_claim(id, peer, claim, verifier);
            }
        }
        names
    }

    /// What a claim says, whether it counts or not, as from the event that made it.
    fn learn_claim(&mut self, owner: &NodeId, peer: &NodeId, claim: &Claim, verifier: &dyn Verifier) {
        if let Some(description) = verifier.description(claim.description()) {
            self.set(peer, description.id(), description.name(), description.sequence());
        }
        let announcement = Some(claim.announcement().clone());
        let claim = PeerClaim { how: claim.how.into(), announcement, ..PeerClaim::default() };
        self.claims.extend(announced(&claim).map(|announced| ((*owner, *peer), announced)));
    }

    /// All names that any event ever gave.
    pub(super) fn ever(archive: &dyn Archive, verifier: &dyn Verifier) -> Self {
        let mut names = Self::default();
        let whole = archive.logs().into_iter().map(|(log, last)| (log, 1, last));
        Merged::new(archive, whole)
            .for_each(|placed| names.learn(&placed.log.owner, &placed.event, verifier));
        names
    }

    /// Keeps only what nodes are called.
    pub(super) fn forget_claims(&mut self) {
        self.claims.clear();
    }

    /// Takes over the names of nodes that have none here.
    pub(super) fn fill(&mut self, others: Self) {
        for (id, named) in others.nodes {
            let known = self.nodes.entry(id).or_insert_with(|| named.clone());
            if known.name.is_empty() {
                *known = named;
            }
        }
    }

    /// Takes over what an event says.
    pub(super) fn learn(&mut self, owner: &NodeId, event: &Event, verifier: &dyn Verifier) {
        self.learn_names(owner, event, verifier);
        self.learn_claims(owner, event);
    }

    /// What each bridge says of each peer.
    pub(super) fn learn_claims(&mut self, owner: &NodeId, event: &Event) {
        match event.fact() {
            Some(Fact::Claim(peer, claim)) => {
                self.claims.extend(announced(&claim).map(|announced| ((*owner, peer), announced)));
            }
            Some(Fact::Left(peer, _)) => {
                self.claims.remove(&(*owner, peer));
            }
            _ => {}
        }
    }

    /// What nodes are called, and which networks bridges serve.
    pub(super) fn learn_names(&mut self, owner: &NodeId, event: &Event, verifier: &dyn Verifier) {
        match event.fact() {
            Some(Fact::Started(BridgeStarted { description, network, .. })) => {
                if let Some(description) = description.and_then(|signed| verifier.description(&signed)) {
                    self.set(owner, description.id(), description.name(), description.sequence());
                }
                self.networks.extend(
                    network
                        .and_then(|network| Network::from_proto(&network).ok())
                        .map(|network| (*owner, network)),
                );
            }
            Some(Fact::Claim(peer, claim)) => {
                if let Some(description) = claim.description.as_ref().and_then(|it| verifier.description(it))
                {
                    self.set(&peer, description.id(), description.name(), description.sequence());
                }
            }
            _ => {}
        }
    }

    /// What a claim says that the bridge's last one about the peer did not, in words; nothing when that
    /// one is not known.
    pub(super) fn news(&self, owner: &NodeId, peer: &NodeId, claim: &PeerClaim) -> String {
        let mut news = Vec::new();
        if claim.description.is_some() {
            news.push("its description".to_owned());
        }
        if let (Some(now), Some(before)) = (announced(claim), self.claims.get(&(*owner, *peer))) {
            if now.how != before.how {
                news.push(
                    if now.how == How::Registered { "it registered" } else { "it is only heard" }.to_owned(),
                );
            }
            if now.network != before.network {
                news.push("its network".to_owned());
            }
            if now.homes != before.homes {
                let homes = now.homes.iter().filter_map(|home| NodeId::try_from(home).ok());
                let list: Vec<String> = homes.map(|home| self.call(&home)).collect();
                news.push(format!(
                    "its bridges are {}",
                    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
                ));
            }
            if now.ports != before.ports {
                news.push("its ports".to_owned());
            }
        }
        news.join(", ")
    }

    fn set(&mut self, id: &NodeId, signer: NodeId, name: &str, sequence: u64) {
        let known = self.nodes.get(id);
        if signer == *id && known.is_none_or(|known| known.sequence <= sequence) {
            self.nodes.insert(*id, Named { name: name.to_owned(), sequence });
        }
    }

    /// The name of a node; empty when it is not known.
    pub(super) fn name(&self, id: &NodeId) -> &str {
        self.nodes.get(id).map_or("", |named| &named.name)
    }

    /// The name, or the beginning of the id.
    pub(super) fn call(&self, id: &NodeId) -> String {
        match self.name(id) {
            "" => format!("{}", id.short()),
            name => name.to_owned(),
        }
    }

    /// The network that a bridge serves.
    pub(super) fn network(&self, bridge: &NodeId) -> Option<&Network> {
        self.networks.get(bridge)
    }

    /// Nodes of that name, or whose ids begin so.
    fn matching(&self, text: &str) -> Vec<(NodeId, String)> {
        let text_as_id = text.to_lowercase();
        let fits = |id: &NodeId, named: &Named| {
            named.name == text || (text.len() >= SHORTEST_PREFIX && id.to_string().starts_with(&text_as_id))
        };
        let found = self.nodes.iter().filter(|(id, named)| fits(id, named));
        found.map(|(id, named)| (*id, named.name.clone())).collect()
    }
}

fn announced(claim: &PeerClaim) -> Option<Announced> {
    let Announcement { network, homes, ports, .. } =
        Announcement::decode(claim.announcement.as_ref()?.body.clone()).ok()?;
    Some(Announced { how: claim.how(), network, homes, ports })
}

impl Past<'_> {
    /// The node that a name, an id or its beginning means, of those that are there in the end or ever were.
    ///
    /// # Errors
    /// [`PastError`] for what no log names, and for a name that several nodes have.
    pub fn node(&self, text: &str) -> Result<NodeId, PastError> {
        let mut world = self.world(Hlc::default())?;
        world.check_all(self.verifier);
        self.find(&world, &mut self.names(&world), text)
    }

    /// What a node is called.
    pub fn called(&self, id: &NodeId) -> String {
        Names::ever(self.archive, self.verifier).call(id)
    }

    /// The node that a name, an id or its beginning means: one that was there as of the world's instant, or else one
    /// that ever was.
    pub(super) fn find(&self, world: &World, names: &mut Names, text: &str) -> Result<NodeId, PastError> {
        let mut candidates = names.matching(text);
        if candidates.is_empty() {
            // It came later, or left before.
            names.fill(Names::ever(self.archive, self.verifier));
            candidates = names.matching(text);
        }
        match candidates.as_slice() {
            [] => Err(PastError::Unknown { name: text.to_owned(), at: Some(world.at) }),
            [(id, _)] => Ok(*id),
            _ => Err(PastError::Ambiguous { name: text.to_owned(), candidates }),
        }
    }
}
