//! What the keeper is asked and told, and what it answers.

use std::time::{Duration, Instant};

use identity::NodeId;
use proto::{claim::v1::HolderResponse, control::v1::KeptPeer};
use tokio::sync::oneshot;
use tonic::Status;

use crate::{
    backend::Running, claims::NotClaimed, cookie::Person, fellows::Reached, limits::ON_THE_WAY,
    network::Records,
};

/// What the keeper is asked.
#[derive(Debug)]
pub(crate) enum Command {
    /// A person wants to get to their peer, or to have one.
    Enter {
        person: Person,
        reply: oneshot::Sender<Entry>,
    },
    /// Where a peer is; one that sleeps is woken.
    Route {
        node: NodeId,
        reply: oneshot::Sender<Result<Running, Absent>>,
    },
    /// A peer that another dispatcher keeps is not where it was. What is asked next looks for it anew.
    Lost {
        node: NodeId,
    },
    Status {
        reply: oneshot::Sender<View>,
    },
    /// Something is to happen to a peer: its number, its id or the beginning of it.
    Act {
        peer: String,
        act: Act,
        reply: oneshot::Sender<Result<(), Status>>,
    },
}

/// What may happen to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Stop,
    Wake,
    Delete,
}

/// The answer to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It runs and is theirs.
    Ready { node: NodeId, claim: [u8; 16] },
    /// To ask again soon.
    Wait(&'static str),
    /// Not now: why, and when it is worth another try.
    Refused { why: String, retry: Duration },
}

/// Why a peer cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It is not kept here, or not any more.
    Unknown,
    /// It does not start: a sentence for a person.
    Broken(String),
}

/// How everything is.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) waiting: u32,
    pub(crate) peers: Vec<KeptPeer>,
    pub(crate) warnings: Vec<String>,
}

/// How far a peer is that does not sleep.
#[derive(Debug)]
pub(super) enum Phase {
    Starting,
    Running(Running, Box<Look>),
    Stopping,
}

/// When a running peer is looked at.
#[derive(Debug)]
pub(super) struct Look {
    /// Since when it runs.
    pub(super) since: Instant,
    pub(super) next: Instant,
    pub(super) under_way: bool,
    pub(super) failed: u32,
    /// When somebody was last sent to it.
    pub(super) sent: Option<Instant>,
    /// What the peer last said of itself.
    pub(super) records: Option<Records>,
    /// KiB of its memory, by its own word.
    pub(super) resident_kib: Option<u64>,
}

impl Look {
    pub(super) fn at(next: Instant) -> Box<Self> {
        Box::new(Self {
            since: Instant::now(),
            next,
            under_way: false,
            failed: 0,
            sent: None,
            records: None,
            resident_kib: None,
        })
    }

    /// Whether somebody is on the way to it, of whom it knows nothing yet.
    pub(super) fn is_expecting(&self) -> bool {
        self.sent.is_some_and(|sent| sent.elapsed() < ON_THE_WAY)
    }
}

/// What a task reports.
#[derive(Debug)]
pub(super) enum Done {
    Started(u64, Result<Running, String>),
    Stopped(u64, Result<(), String>),
    Removed(u64, Result<(), String>),
    Claimed(u64, Result<(), NotClaimed>),
    Looked(u64, Result<HolderResponse, String>),
    /// A vacant peer was claimed, to be removed.
    Withdrawn(u64, Result<(), NotClaimed>),
    /// Peers of fellows that are nobody's.
    Vacant(Vec<NodeId>),
    /// What a peer said of which a person's cookie says that it is theirs.
    Recognised(String, Result<Reached, String>),
}
