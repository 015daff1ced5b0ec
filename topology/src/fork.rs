//! Proofs that an owner signed two histories.

use std::{collections::BTreeMap, ops::Bound};

use bytes::Bytes;
use identity::NodeId;
use proto::log::v1;

use crate::{
    Entry, Epoch, Hash, Head, LogId, NO_HASH, Verifier, id,
    limits::{MAX_EPOCHS_PER_BRIDGE, MAX_FORKS, MAX_SEGMENT_EVENTS},
    segment::{chain, digest},
};

/// Where a log was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForkPoint {
    /// The first sequence that does not count.
    pub(crate) sequence: u64,
    /// The hash before it, which the proof vouches for.
    pub(crate) previous: Hash,
}

/// Proven forks by log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forks(BTreeMap<LogId, Fork>);

/// What is proven of one log.
#[derive(Debug, Clone)]
struct Fork {
    first: (ForkPoint, v1::ForkProof),
    /// Of another point: then the owner signs whatever comes, and nothing of the epoch counts.
    second: Option<v1::ForkProof>,
}

impl Fork {
    fn point(&self) -> ForkPoint {
        match self.second {
            None => self.first.0,
            Some(_) => ForkPoint { sequence: 1, previous: NO_HASH },
        }
    }
}

impl Forks {
    pub(crate) fn point(&self, log: &LogId) -> Option<ForkPoint> {
        self.0.get(log).map(Fork::point)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The logs and where they are cut.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&LogId, ForkPoint)> {
        self.0.iter().map(|(log, fork)| (log, fork.point()))
    }

    /// All proofs.
    pub(crate) fn proofs(&self) -> impl Iterator<Item = &v1::ForkProof> {
        self.0.values().flat_map(|fork| std::iter::once(&fork.first.1).chain(&fork.second))
    }

    /// Whether a later epoch of the same owner counts for nothing: then this one does not count either.
    pub(crate) fn is_overtaken(&self, log: &LogId) -> bool {
        let later = (Bound::Excluded(*log), Bound::Included(span(&log.owner).1));
        log.epoch < span(&log.owner).1.epoch
            && self.0.range(later).any(|(_, fork)| fork.point().sequence == 1)
    }

    /// The last epoch of an owner that counts for nothing.
    pub(crate) fn overtaking(&self, owner: &NodeId) -> Option<Epoch> {
        let (low, high) = span(owner);
        let nothing = self.0.range(low..=high).rev().find(|(_, fork)| fork.point().sequence == 1);
        nothing.map(|(log, _)| log.epoch)
    }

    /// Whether a proof of this point would change anything.
    pub(crate) fn is_news(&self, log: &LogId, sequence: u64) -> bool {
        self.0.get(log).is_none_or(|fork| fork.point().sequence > 1 && fork.first.0.sequence != sequence)
    }

    /// Keeps a verified proof. Gives whether it is news: the first of its log, or the second, of another point. So the
    /// same proofs give the same cut in whatever order they come, and no log is cut more than twice.
    pub(crate) fn insert(
        &mut self,
        log: LogId,
        point: ForkPoint,
        proof: v1::ForkProof,
        is_known: impl Fn(&NodeId) -> bool,
    ) -> bool {
        if !self.is_news(&log, point.sequence) {
            return false;
        }
        if let Some(fork) = self.0.get_mut(&log) {
            fork.second = Some(proof);
            return true;
        }
        if !self.make_room(&log, is_known) {
            return false;
        }
        self.0.insert(log, Fork { first: (point, proof), second: None });
        true
    }

    /// Of one owner, only the forks of its newest epochs are kept; in all, a bounded number: owners that are not known
    /// any more go first.
    fn make_room(&mut self, log: &LogId, is_known: impl Fn(&NodeId) -> bool) -> bool {
        let (low, high) = span(&log.owner);
        if self.0.range(low..=high).count() >= MAX_EPOCHS_PER_BRIDGE {
            let oldest = self.0.range(low..=high).next().map(|(log, _)| *log);
            match oldest {
                Some(oldest) if oldest.epoch < log.epoch => self.0.remove(&oldest),
                _ => return false,
            };
        }
        if self.0.len() >= MAX_FORKS {
            self.0.retain(|log, _| is_known(&log.owner));
        }
        self.0.len() < MAX_FORKS
    }
}

/// The least and the greatest log id of an owner.
pub(crate) fn span(owner: &NodeId) -> (LogId, LogId) {
    let low = LogId { owner: *owner, epoch: Epoch::from_bytes([0; 16]) };
    (low, LogId { epoch: Epoch::from_bytes([0xff; 16]), ..low })
}

/// The proof out of two branches that share the hash before `sequence` and differ in the event there. Each branch must
/// reach a signed head within [`MAX_SEGMENT_EVENTS`].
pub(crate) fn prove(
    log: &LogId,
    sequence: u64,
    previous: Hash,
    branches: [&[Entry]; 2],
) -> Option<v1::ForkProof> {
    let mut sides = vec![side(branches[0])?, side(branches[1])?];
    sides.sort_by(|one, other| one.digests.cmp(&other.digests));
    Some(v1::ForkProof {
        owner: log.owner.to_bytes(),
        epoch: log.epoch.to_bytes(),
        sequence,
        previous: Bytes::copy_from_slice(&previous),
        sides,
    })
}

fn side(branch: &[Entry]) -> Option<v1::ForkSide> {
    let end = branch.iter().take(MAX_SEGMENT_EVENTS).position(|entry| !entry.signature.is_empty())?;
    let digests: Vec<u8> = branch[..=end].iter().flat_map(|entry| digest(&entry.event)).collect();
    Some(v1::ForkSide { digests: digests.into(), signature: branch[end].signature.clone() })
}

/// The log and the point that a proof is about, unchecked.
pub(crate) fn subject(proof: &v1::ForkProof) -> Option<(LogId, u64)> {
    Some((LogId::from_fields(&proof.owner, &proof.epoch).ok()?, proof.sequence))
}

/// Checks a proof; gives what it proves.
pub(crate) fn verify(proof: &v1::ForkProof, verifier: &dyn Verifier) -> Option<(LogId, ForkPoint)> {
    let log = LogId::from_fields(&proof.owner, &proof.epoch).ok()?;
    let previous = id::hash(&proof.previous).ok()?;
    let [one, other] = proof.sides.as_slice() else { return None };
    let first = |side: &v1::ForkSide| side.digests.get(..32).map(<[u8]>::to_vec);
    if proof.sequence == 0 || first(one)? == first(other)? {
        return None;
    }
    for side in [one, other] {
        let head = head(&log, proof.sequence, previous, &side.digests)?;
        if !verifier.head(&log.owner, &head.signed_body(), &side.signature) {
            return None;
        }
    }
    Some((log, ForkPoint { sequence: proof.sequence, previous }))
}

fn head(log: &LogId, sequence: u64, previous: Hash, digests: &[u8]) -> Option<Head> {
    let (digests, rest) = digests.as_chunks::<32>();
    if !rest.is_empty() || digests.is_empty() || digests.len() > MAX_SEGMENT_EVENTS {
        return None;
    }
    let hash = digests.iter().fold(previous, |hash, digest| chain(&hash, digest));
    Some(Head { log: *log, sequence: sequence.checked_add(digests.len() as u64 - 1)?, hash })
}
