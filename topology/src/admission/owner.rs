//! One bridge as the table of bridges holds it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use identity::NodeId;

use crate::{
    Epoch,
    fold::Fold,
    limits::{FOREIGN_BURST_BYTES, FOREIGN_BYTES_PER_SECOND},
    logs::LogKey,
};

/// A bridge whose logs are held, or asked for.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) epochs: BTreeMap<Epoch, LogKey>,
    /// The fold of the epoch `folded`.
    pub(crate) fold: Fold,
    pub(crate) folded: Option<Epoch>,
    pub(crate) standing: Standing,
    pub(crate) introducer: Option<NodeId>,
    /// The neighbour in whose share it counts, once it was admitted.
    pub(super) through: Option<NodeId>,
    pub(crate) named: bool,
    /// Bridges that only this one says it is linked with.
    pub(super) candidates: BTreeSet<NodeId>,
    /// Candidates that did not confirm, and until when they are not tried again.
    pub(super) paused: BTreeMap<NodeId, Duration>,
    pub(super) allowance: Allowance,
}

/// Why a bridge's log is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Own,
    /// A neighbour, or confirmed links lead to it.
    Reachable,
    /// It was reachable until then.
    Unreachable(Duration),
    /// One end of a link introduced it; it has until then to confirm.
    Candidate(Duration),
}

/// How much of a foreign log may be taken.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    used: u64,
    at: Duration,
}

impl Allowance {
    pub(super) fn take(&mut self, bytes: u64, now: Duration) -> bool {
        let back = now.saturating_sub(self.at).as_millis() as u64 * FOREIGN_BYTES_PER_SECOND / 1_000;
        if back > 0 {
            (self.used, self.at) = (self.used.saturating_sub(back), now);
        }
        let fits = self.used + bytes <= FOREIGN_BURST_BYTES;
        self.used += if fits { bytes } else { 0 };
        fits
    }
}

impl Owner {
    pub(crate) fn own() -> Self {
        Self::new(Standing::Own, None)
    }

    pub(crate) fn new(standing: Standing, introducer: Option<NodeId>) -> Self {
        Self {
            epochs: BTreeMap::new(),
            fold: Fold::default(),
            folded: None,
            standing,
            introducer,
            through: None,
            named: false,
            candidates: BTreeSet::new(),
            paused: BTreeMap::new(),
            allowance: Allowance::default(),
        }
    }

    pub(crate) fn is_reachable(&self) -> bool {
        matches!(self.standing, Standing::Own | Standing::Reachable)
    }
}
