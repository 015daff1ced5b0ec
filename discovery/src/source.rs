//! Sources of knowledge about nodes: one trait, one file each.
//!
//! A source runs as one task, reports what it verified into one bounded channel, and ends when it is told to.

use std::{future::Future, net::IpAddr, net::SocketAddr, sync::Arc};

use identity::{Announcement, Description, NodeId};
use runtime::TaskGroup;
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::info_span;

use crate::{
    Announcer, BridgeStatus, GoneReason, KnownAddress, Metrics, OwnAddress, Route, Snapshot, SourceKind,
};

pub mod bridge;
pub mod consul;
pub mod fixed;
pub mod multicast;

/// Tells of nodes until it is cancelled.
pub trait Source: Send + 'static {
    /// A short noun for spans and metrics.
    fn name(&self) -> &'static str;

    /// Runs until [`Outlet::token`] is cancelled, and then takes its leave in good order.
    fn run(self, outlet: Outlet) -> impl Future<Output = ()> + Send;
}

/// What a source works with: its way to the actor, and the node's own side.
#[derive(Debug, Clone)]
pub struct Outlet {
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) announcer: Announcer,
    pub(crate) snapshot: watch::Receiver<Arc<Snapshot>>,
    pub(crate) group: TaskGroup,
    /// The running sources: discovery ends when they have taken their leave.
    pub(crate) running: TaskTracker,
    pub(crate) metrics: Metrics,
}

/// What a source found out. Every record in it is verified.
#[derive(Debug, Clone)]
pub enum Report {
    /// A node is there, at an address.
    Heard(Heard),
    /// A node that was heard before said the same again.
    Renewed {
        /// The node.
        id: NodeId,
        /// The sequence of what it said now.
        sequence: u64,
        /// Where it was heard.
        address: KnownAddress,
    },
    /// A node leaves now.
    Goodbye(Announcement),
    /// The description of a node that is known.
    Described(Description),
    /// A node spoke without its description where that comes along if it ever does: it is to be greeted.
    Undescribed(NodeId),
    /// Somebody says that a node is at an address. The address may be dialled.
    Hinted {
        /// The node.
        id: NodeId,
        /// Its greeting port.
        address: SocketAddr,
        /// The node hears this one's query, so its answer is on its way to a node that has just started: then the hint waits.
        answers: bool,
    },
    /// The addresses on which this node heard itself, all of them.
    OwnAddresses(Vec<OwnAddress>),
    /// This node's own identity was announced by somebody else, later than by this node.
    Twin {
        /// From where.
        from: IpAddr,
    },
    /// A bridge reaches a remote peer.
    Reachable(Remote),
    /// A bridge does not reach a remote peer any more.
    Unreachable {
        /// The local bridge.
        bridge: NodeId,
        /// The remote peer.
        id: NodeId,
        /// Why.
        reason: GoneReason,
    },
    /// The registration with a bridge changed. Its routes count only while it is registered.
    Bridge {
        /// Which registration, among those of this process.
        key: u64,
        /// How it stands now.
        status: BridgeStatus,
    },
}

/// A node that announced itself.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Its announcement.
    pub announcement: Announcement,
    /// Its description, where that came along.
    pub description: Option<Description>,
    /// Where it was heard.
    pub address: KnownAddress,
}

/// A remote peer as a bridge tells of it.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Its announcement.
    pub announcement: Announcement,
    /// Its description.
    pub description: Description,
    /// The way.
    pub route: Route,
    /// Where it may be greeted, if it is a neighbour of the bridge's: hints.
    pub places: Vec<SocketAddr>,
}

impl Report {
    /// Whether somebody may have to be greeted at once. Whoever was heard by multicast is waited for.
    pub(crate) fn wants_greeting(&self) -> bool {
        match self {
            Self::Heard(heard) => {
                heard.description.is_none() && heard.address.source != SourceKind::Multicast
            }
            report => matches!(report, Self::Undescribed(_)),
        }
    }
}

impl Outlet {
    /// Starts a source in a group of its own, which ends with this one's. Cancelling it ends that source alone.
    pub(crate) fn start(&self, source: impl Source) -> TaskGroup {
        let group = self.group.child();
        let span = info_span!("source", name = source.name());
        let outlet = Self { group: group.clone(), ..self.clone() };
        group.spawn(span, self.running.track_future(source.run(outlet)));
        group
    }

    /// Reports, waiting for room. Whatever a source learns while it waits, it learns later.
    pub async fn report(&self, report: Report) {
        // A closed channel means that the actor ended: nobody wants to know any more.
        let _ = self.reports.send(report).await;
    }

    /// Reports if there is room. For what comes again by itself.
    pub fn try_report(&self, report: Report) -> bool {
        self.reports.try_send(report).is_ok()
    }

    /// The node's own announcements.
    pub const fn announcer(&self) -> &Announcer {
        &self.announcer
    }

    /// What is known at this moment.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }

    /// Follows what is known.
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// The group for tasks of the source's own.
    pub const fn group(&self) -> &TaskGroup {
        &self.group
    }

    /// Cancelled when the source is to end.
    pub fn token(&self) -> &CancellationToken {
        self.group.token()
    }

    /// What is counted.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
