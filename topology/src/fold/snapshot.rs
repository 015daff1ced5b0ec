//! A fold on the disk: so that neither a start nor a look back has to begin at a log's first event.

use bytes::Bytes;
use identity::{Network, NodeId};
use prost::Message as _;
use proto::{
    log::v1::{How, LeftReason},
    store::v1,
};

use super::{Claim, Fold, LinkClaim, Record};
use crate::{Hash, Head, History, Hlc, Policy, id, limits::MAX_PEERS_PER_BRIDGE};

/// The fold of a log's first events, and where the log stood after them.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The last event folded, and the hash there.
    pub head: Head,
    pub(crate) time: Hlc,
    /// About how many bytes its events have.
    pub(crate) bytes: u64,
    pub(crate) fold: Fold,
}

/// What is stored is no snapshot. The log it belongs to has all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored snapshot cannot be read")]
pub struct BadSnapshot;

/// Two snapshots are the same if they are stored as the same bytes.
impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.encode() == other.encode()
    }
}

impl Snapshot {
    /// Whether the log has the hash that the snapshot names: what was made of a log that was cut since does not count.
    pub fn is_of(&self, history: &dyn History) -> bool {
        let entries = history.read(&self.head.log, self.head.sequence, 1, usize::MAX);
        entries.first().is_some_and(|entry| entry.hash == self.head.hash)
    }

    /// About how many bytes the events have that it is made of.
    pub fn event_bytes(&self) -> u64 {
        self.bytes
    }

    /// As stored: an encoded `causeway.store.v1.Snapshot`.
    pub fn encode(&self) -> Bytes {
        let fold = &self.fold;
        v1::Snapshot {
            head: Some(self.head.to_proto()),
            time: self.time.0,
            started: fold.started.0,
            event_bytes: self.bytes,
            network: fold.network.as_ref().map(Network::to_proto),
            description: fold.description.clone(),
            draining: fold.draining,
            stopped: fold.stopped,
            peers: fold.peers.iter().map(|(id, claim)| peer(id, claim)).collect(),
            left: fold.left.iter().map(|(id, (time, reason))| left(id, time, reason)).collect(),
            links: fold.links.iter().map(|(id, claim)| link(id, *claim)).collect(),
            excess_links: fold.excess_links,
            policy: Some(fold.policy.to_proto()),
            unknown: fold.unknown,
            substance: fold.substance,
            bad_checkpoint: fold.bad_checkpoint.unwrap_or_default(),
            checkpoint: fold.checkpoint,
            forks: fold.forks.clone(),
            restates: fold.restates,
        }
        .encode_to_vec()
        .into()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`BadSnapshot`] when it is something else.
    pub fn decode(bytes: Bytes) -> Result<Self, BadSnapshot> {
        let stored = v1::Snapshot::decode(bytes).map_err(|_| BadSnapshot)?;
        let head = Head::from_proto(&stored.head.clone().unwrap_or_default()).map_err(|_| BadSnapshot)?;
        let (time, bytes) = (Hlc(stored.time), stored.event_bytes);
        let fold = fold(stored, head.sequence).ok_or(BadSnapshot)?;
        Ok(Self { head, time, bytes, fold })
    }
}

fn fold(stored: v1::Snapshot, through: u64) -> Option<Fold> {
    let mut fold = Fold {
        through,
        time: Hlc(stored.time),
        started: Hlc(stored.started),
        description: stored.description,
        draining: stored.draining,
        stopped: stored.stopped,
        excess_links: stored.excess_links,
        policy: Policy::from_proto(&stored.policy.unwrap_or_default()),
        unknown: stored.unknown,
        substance: stored.substance,
        bad_checkpoint: (stored.bad_checkpoint > 0).then_some(stored.bad_checkpoint),
        checkpoint: stored.checkpoint,
        forks: stored.forks,
        restates: stored.restates,
        ..Fold::default()
    };
    fold.network = stored.network.map(|network| Network::from_proto(&network)).transpose().ok()?;
    for peer in stored.peers.into_iter().take(MAX_PEERS_PER_BRIDGE) {
        let (id, claim) = claim(peer)?;
        fold.peers.insert(id, Box::new(claim));
    }
    for left in stored.left {
        let reason = LeftReason::try_from(left.reason).unwrap_or_default();
        fold.left.insert(node(&left.node_id)?, Hlc(left.time), reason);
    }
    for link in stored.links {
        fold.links.insert(
            node(&link.bridge)?,
            LinkClaim { cost_us: super::cost(link.cost_us), since: Hlc(link.since) },
        );
    }
    Some(fold)
}

fn node(bytes: &Bytes) -> Option<NodeId> {
    NodeId::try_from(bytes).ok()
}

fn peer(id: &NodeId, claim: &Claim) -> v1::Peer {
    v1::Peer {
        node_id: id.to_bytes(),
        how: claim.how.into(),
        time: claim.time.0,
        waker: claim.asleep.map(NodeId::to_bytes).unwrap_or_default(),
        description: Some(claim.description().clone()),
        announcement: Some(claim.announcement().clone()),
        fingerprint: Bytes::copy_from_slice(&claim.fingerprint),
    }
}

fn claim(peer: v1::Peer) -> Option<(NodeId, Claim)> {
    let fingerprint: Hash = id::hash(&peer.fingerprint).ok()?;
    let description = peer.description.unwrap_or_default();
    let announcement = peer.announcement.unwrap_or_default();
    let record = Record::Unchecked { description, announcement };
    let asleep = if peer.waker.is_empty() { None } else { Some(node(&peer.waker)?) };
    let how = How::try_from(peer.how).unwrap_or_default();
    Some((node(&peer.node_id)?, Claim { how, time: Hlc(peer.time), asleep, record, fingerprint }))
}

fn left(id: &NodeId, time: Hlc, reason: LeftReason) -> v1::Left {
    v1::Left { node_id: id.to_bytes(), time: time.0, reason: reason.into() }
}

fn link(id: &NodeId, claim: LinkClaim) -> v1::Link {
    v1::Link { bridge: id.to_bytes(), cost_us: claim.cost_us, since: claim.since.0 }
}
