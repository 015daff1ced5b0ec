//! What is known of one neighbour, and what is to be told it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use identity::NodeId;

use crate::{LogId, limits::LINK_WINDOW_BYTES, logs::LogKey};

/// A gossip connection. Nothing here is a queue of frames: what is to be sent is derived when there is credit, so a
/// slow neighbour costs no more than a fast one.
#[derive(Debug)]
pub(crate) struct Neighbour {
    pub(crate) bridge: NodeId,
    toward: Vec<Toward>,
    /// Logs that it follows, or asked for, and lacks events of.
    pub(super) push: BTreeSet<LogKey>,
    /// Logs of which it is to be told what we have.
    pub(super) news: BTreeSet<LogKey>,
    pub(super) news_due: bool,
    pub(super) digest: Option<DigestJob>,
    pub(super) wants: BTreeMap<LogId, (u64, bool)>,
    pub(super) prunes: BTreeSet<LogId>,
    pub(super) seeks: BTreeSet<NodeId>,
    /// Logs of which it is to be told how far they have come here and below.
    pub(super) reports: BTreeSet<LogKey>,
    /// What it was told of that last; of the bridges' latest logs only, like the next.
    pub(super) told: BTreeMap<LogKey, Come>,
    /// How far they have come to it and below it, as it says.
    pub(super) reached: BTreeMap<LogKey, Come>,
    pub(super) compare_due: bool,
    pub(super) probe_due: bool,
    pub(super) reply: Option<u64>,
    /// Token and time of the last probe.
    pub(super) probe: Option<(u64, Duration)>,
    pub(crate) skew_ms: Option<i64>,
    /// Bytes of frames sent, and those of them dealt with over there.
    pub(super) sent: u64,
    pub(super) acked: u64,
    /// Bytes of frames that came, those of them not durable yet, and the credit given.
    pub(super) received: u64,
    pub(super) unstored: u64,
    pub(super) granted: u64,
    pub(super) overdrawn: bool,
    pub(super) offences: u32,
    /// Claims of events that did not come, since the last offence for them.
    pub(super) broken: u32,
    /// When the last events came.
    pub(crate) segment_at: Duration,
    /// Logs asked of it that have not come.
    pub(super) asked: usize,
    /// Something may be to be sent.
    pub(super) busy: bool,
}

/// One log as one neighbour sees it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Toward {
    /// It has the log up to here, or it is on its way.
    pub(crate) has: u64,
    /// It asked for whatever comes.
    pub(crate) follows: bool,
    /// Something of the log came since it was asked for.
    pub(crate) came: bool,
}

/// How far one log has come: the last event, and how many bridges hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Come {
    pub(super) through: u64,
    pub(super) bridges: u32,
}

/// A digest that is being sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct DigestJob {
    pub(super) buckets: u32,
    pub(super) after: Option<LogId>,
    pub(super) answer: bool,
}

impl Neighbour {
    pub(crate) fn new(bridge: NodeId) -> Self {
        Self {
            bridge,
            toward: Vec::new(),
            push: BTreeSet::new(),
            news: BTreeSet::new(),
            news_due: false,
            digest: None,
            wants: BTreeMap::new(),
            prunes: BTreeSet::new(),
            seeks: BTreeSet::new(),
            reports: BTreeSet::new(),
            told: BTreeMap::new(),
            reached: BTreeMap::new(),
            compare_due: false,
            probe_due: false,
            reply: None,
            probe: None,
            skew_ms: None,
            sent: 0,
            acked: 0,
            received: 0,
            unstored: 0,
            granted: 0,
            overdrawn: false,
            offences: 0,
            broken: 0,
            segment_at: Duration::ZERO,
            asked: 0,
            busy: false,
        }
    }

    pub(crate) fn toward(&mut self, key: LogKey) -> &mut Toward {
        if self.toward.len() <= key.index() {
            self.toward.resize(key.index() + 1, Toward::default());
        }
        &mut self.toward[key.index()]
    }

    pub(crate) fn has(&self, key: LogKey) -> u64 {
        self.toward.get(key.index()).map_or(0, |toward| toward.has)
    }

    /// How far a log that it follows has come to it and below it; `None` if it does not follow it.
    pub(super) fn come(&self, key: LogKey) -> Option<Come> {
        let follows = self.toward.get(key.index()).is_some_and(|toward| toward.follows);
        follows.then(|| self.reached.get(&key).copied().unwrap_or_default())
    }

    /// A log's place in the table will be another log's.
    pub(crate) fn forget(&mut self, key: LogKey, id: &LogId) {
        if let Some(toward) = self.toward.get_mut(key.index()) {
            *toward = Toward::default();
        }
        self.push.remove(&key);
        self.news.remove(&key);
        self.reports.remove(&key);
        self.told.remove(&key);
        self.reached.remove(&key);
        self.wants.remove(id);
    }

    /// Bytes under way.
    pub(crate) fn outstanding(&self) -> u64 {
        self.sent - self.acked
    }

    /// Whether a frame of that size may be sent.
    pub(super) fn has_credit(&self, bytes: usize) -> bool {
        self.outstanding() + bytes as u64 <= LINK_WINDOW_BYTES
    }
}
