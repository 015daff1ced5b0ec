//! Peers in a fold: claimed, and left.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use identity::{Announcement, Description, Network, NodeId};
use proto::{
    log::v1::{How, LeftReason},
    node::v1::Signed,
};

use crate::{Hash, Hlc, limits::MAX_LEFT_PER_BRIDGE};

/// A claimed peer. The latest claim stands; whether it counts is found out once, when somebody asks.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) how: How,
    pub(crate) time: Hlc,
    pub(crate) asleep: Option<NodeId>,
    pub(crate) record: Record,
    pub(super) fingerprint: Hash,
}

/// A claim's signed records and what is known of their truth.
#[derive(Debug, Clone)]
pub(crate) enum Record {
    Unchecked {
        description: Signed,
        announcement: Signed,
    },
    Counts {
        description: Arc<Description>,
        announcement: Arc<Announcement>,
    },
    /// Kept for the updates that follow: they name a description only when it changed, and are told against what was
    /// announced before.
    Refused {
        description: Signed,
        announcement: Signed,
    },
}

/// Peers that left, the latest of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Left {
    by_id: BTreeMap<NodeId, (Hlc, LeftReason)>,
    by_time: BTreeSet<(Hlc, NodeId)>,
}

/// Whether the peer's own announcement supports the claim: a registered peer names the bridge as a home, a heard one
/// its network's id.
pub(super) fn supports(
    announcement: &Announcement,
    how: How,
    owner: &NodeId,
    network: Option<&Network>,
) -> bool {
    let id = network.and_then(|network| network.id);
    match how {
        How::Registered => announcement.homes().contains(owner),
        How::Heard => id.is_some() && announcement.network().id == id,
        How::Unspecified => false,
    }
}

pub(super) fn fingerprint(how: How, description: &Signed, announcement: &Signed) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(how as i32).to_be_bytes());
    for field in [&description.body, &description.signature, &announcement.body, &announcement.signature] {
        hasher.update(&(field.len() as u32).to_be_bytes()).update(field);
    }
    *hasher.finalize().as_bytes()
}

impl Claim {
    pub(crate) fn description(&self) -> &Signed {
        match &self.record {
            Record::Unchecked { description, .. } | Record::Refused { description, .. } => description,
            Record::Counts { description, .. } => description.signed(),
        }
    }

    pub(crate) fn announcement(&self) -> &Signed {
        match &self.record {
            Record::Unchecked { announcement, .. } | Record::Refused { announcement, .. } => announcement,
            Record::Counts { announcement, .. } => announcement.signed(),
        }
    }

    pub(crate) fn records(&self) -> Option<(&Arc<Description>, &Arc<Announcement>)> {
        match &self.record {
            Record::Counts { description, announcement } => Some((description, announcement)),
            Record::Unchecked { .. } | Record::Refused { .. } => None,
        }
    }
}

impl Left {
    pub(crate) fn get(&self, peer: &NodeId) -> Option<(Hlc, LeftReason)> {
        self.by_id.get(peer).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&NodeId, (Hlc, LeftReason))> {
        self.by_id.iter().map(|(peer, left)| (peer, *left))
    }

    pub(super) fn insert(&mut self, peer: NodeId, time: Hlc, reason: LeftReason) {
        self.remove(&peer);
        self.by_id.insert(peer, (time, reason));
        self.by_time.insert((time, peer));
        if self.by_id.len() > MAX_LEFT_PER_BRIDGE
            && let Some((_, oldest)) = self.by_time.pop_first()
        {
            self.by_id.remove(&oldest);
        }
    }

    pub(super) fn remove(&mut self, peer: &NodeId) {
        if let Some((time, _)) = self.by_id.remove(peer) {
            self.by_time.remove(&(time, *peer));
        }
    }
}
