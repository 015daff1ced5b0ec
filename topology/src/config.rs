//! What a core is given once.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use identity::{Announcement, Context, Description, Network, NodeId, NodeKey};
use proto::node::v1::Signed;

use crate::limits;

/// Who the bridge is, and the intervals that simulations want otherwise.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bridge's verified description; its id is the log's owner.
    pub description: Description,
    /// The network it serves. The id must be known.
    pub network: Network,
    /// Signs heads of the own log.
    pub signer: Arc<dyn Signer>,
    /// Checks what others signed.
    pub verifier: Arc<dyn Verifier>,
    /// Whether inputs come out again as [`Output::Journal`](crate::Output::Journal).
    pub journal: bool,
    /// The least time between two computations of routes.
    pub route_interval: Duration,
    /// A snapshot of a log comes out after so many events of it; 0: never.
    pub snapshot_every: u64,
    /// The time between two comparisons with a neighbour.
    pub compare_interval: Duration,
    /// How long logs are kept; `None`: as long as there is room.
    pub retention: Option<Retention>,
}

/// How long logs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// A log goes once all of its events are older than this: once a later one of the same bridge began before that.
    pub keep: Duration,
    /// The own log begins anew at this age, so that what lies behind can go.
    pub renew: Duration,
}

/// Signs the heads of the own log.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The signature of a [`Head::signed_body`](crate::Head::signed_body) under the context of log heads.
    fn sign(&self, head: &[u8]) -> Bytes;
}

/// Checks signatures. A pure function of its arguments: implementations may remember, never decide otherwise.
pub trait Verifier: fmt::Debug + Send + Sync {
    /// Whether `owner` signed this head.
    fn head(&self, owner: &NodeId, head: &[u8], signature: &[u8]) -> bool;
    /// The description, if it verifies.
    fn description(&self, signed: &Signed) -> Option<Arc<Description>>;
    /// The announcement, if it verifies.
    fn announcement(&self, signed: &Signed) -> Option<Arc<Announcement>>;
}

/// Verifies each time, strictly.
#[derive(Debug, Clone, Copy, Default)]
pub struct Strict;

/// Signs nothing: for replaying a journal without its bridge's key. Heads come out unsigned, events the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsigned;

impl Config {
    /// The configuration of a real bridge.
    pub fn new(description: Description, network: Network, key: NodeKey) -> Self {
        Self {
            description,
            network,
            signer: Arc::new(key),
            verifier: Arc::new(Strict),
            journal: true,
            snapshot_every: limits::SNAPSHOT_EVERY,
            route_interval: limits::ROUTE_INTERVAL,
            compare_interval: limits::COMPARE_INTERVAL,
            retention: None,
        }
    }
}

impl Retention {
    /// Logs are kept so long, and up to a quarter longer.
    pub fn of(keep: Duration) -> Self {
        Self { keep, renew: (keep / 4).max(limits::MIN_RENEWAL) }
    }
}

impl Signer for NodeKey {
    fn sign(&self, head: &[u8]) -> Bytes {
        Self::sign(self, Context::LogHead, head)
    }
}

impl Signer for Unsigned {
    fn sign(&self, _head: &[u8]) -> Bytes {
        Bytes::new()
    }
}

impl Verifier for Strict {
    fn head(&self, owner: &NodeId, head: &[u8], signature: &[u8]) -> bool {
        identity::verify(owner, Context::LogHead, head, signature).is_ok()
    }

    fn description(&self, signed: &Signed) -> Option<Arc<Description>> {
        Description::verify(signed.clone()).ok().map(Arc::new)
    }

    fn announcement(&self, signed: &Signed) -> Option<Arc<Announcement>> {
        Announcement::verify(signed.clone()).ok().map(Arc::new)
    }
}
