//! The way across for peers: the TCP port on which remote peers are reached, and the streams that come over links.
//!
//! The bridge reads the server name of the caller's TLS hello and nothing else. From then on it copies bytes: TLS runs
//! from peer to peer.

mod accept;
mod alert;
mod caller;
mod dial;
mod half_open;
mod incoming;
pub mod limits;
mod trace;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use identity::NodeId;
use proto::bridge::v1::Refusal;
use runtime::{BusyPoll, TaskGroup};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use tracing::info_span;

use crate::{
    link::{Links, StreamReceiver},
    stream::{Ambience, Metrics, Permit, Quota, name_of},
};
use half_open::HalfOpen;
use limits::ProxyLimits;

/// What the proxy asks the bridge. Every answer is given at once, from a snapshot.
pub trait Directory: Send + Sync + 'static {
    /// Where a stream to this peer goes next. `hops_left` is how many links it may still cross.
    ///
    /// # Errors
    /// Why it goes nowhere.
    fn next_hop(&self, destination: NodeId, origin: Origin, hops_left: u8) -> Result<NextHop, Refusal>;

    /// Where a stream goes that was refused on its way over `first`, if the peer can be reached by another way, too.
    fn second_hop(&self, destination: NodeId, hops_left: u8, first: &NextHop) -> Option<NextHop>;

    /// Who has registered from this address or was seen there. `None`: the caller may not use the proxy port.
    fn caller(&self, address: IpAddr) -> Option<NodeId>;

    /// A stream was refused, here or further on the way: to be remembered for those who ask why.
    fn refused(&self, destination: NodeId, refusal: Refusal);
}

/// What wakes peers that sleep.
pub trait Wakes: Send + Sync + 'static {
    /// Has `waker` wake a peer of this bridge's network. Gives where it is dialled once it is there.
    ///
    /// # Errors
    /// Why it does not come.
    fn wake(&self, peer: NodeId, waker: NodeId) -> BoxFuture<'_, Result<Vec<SocketAddr>, Refusal>>;
}

/// Where a stream comes from: other policies bind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The proxy port: a peer of this bridge's network.
    Network,
    /// A link.
    Link,
}

/// The next stage of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextHop {
    /// The peer is in this bridge's network.
    Local {
        /// Where it was heard or has registered: nothing else is dialled.
        addresses: Vec<SocketAddr>,
    },
    /// The peer is of this bridge's network, and sleeps.
    Asleep {
        /// Who wakes it.
        waker: NodeId,
    },
    /// Over the link to this bridge.
    Link {
        /// The next bridge.
        bridge: NodeId,
    },
}

/// What the proxy is made from.
pub struct ProxyParts {
    /// The proxy port.
    pub listener: TcpListener,
    /// The links.
    pub links: Links,
    /// Streams that come over them.
    pub incoming: StreamReceiver,
    /// Who is where.
    pub directory: Arc<dyn Directory>,
    /// Who wakes those that sleep.
    pub wakes: Arc<dyn Wakes>,
    /// Bounds.
    pub limits: ProxyLimits,
    /// What keeps the thread awake on which the proxy runs.
    pub busy_poll: BusyPoll,
    /// What is counted.
    pub metrics: Metrics,
}

/// The running proxy. Clones are handles to the same one. It ends with its task group.
#[derive(Clone)]
pub struct Proxy(Arc<Core>);

/// What all tasks of the proxy share.
struct Core {
    group: TaskGroup,
    links: Links,
    directory: Arc<dyn Directory>,
    wakes: Arc<dyn Wakes>,
    limits: ProxyLimits,
    busy_poll: BusyPoll,
    metrics: Metrics,
    half_open: HalfOpen,
    /// Open connections to the proxy port, by the caller's address.
    by_address: Quota<IpAddr>,
    /// Streams of callers and of links, by destination.
    by_peer: Quota<NodeId>,
    draining: AtomicBool,
    open: TaskTracker,
}

impl Proxy {
    /// Begins to take connections and streams.
    pub fn spawn(group: &TaskGroup, parts: ProxyParts) -> Self {
        let core = Arc::new(Core {
            group: group.child(),
            half_open: HalfOpen::new(&parts.limits, &parts.metrics),
            by_address: Quota::new(parts.limits.connections, parts.limits.connections_per_address),
            by_peer: Quota::new(parts.limits.streams, parts.limits.streams_per_peer),
            links: parts.links,
            directory: parts.directory,
            wakes: parts.wakes,
            limits: parts.limits,
            busy_poll: parts.busy_poll,
            metrics: parts.metrics,
            draining: AtomicBool::new(false),
            open: TaskTracker::new(),
        });
        group.spawn(info_span!("proxy"), accept::run(Arc::clone(&core), parts.listener));
        group.spawn(info_span!("streams"), incoming::run(Arc::clone(&core), parts.incoming));
        Self(core)
    }

    /// From now on new streams are refused with `DRAINING`; the open ones go on.
    pub fn start_draining(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
        self.0.open.close();
    }

    /// Drains, and waits until the open streams have finished or the grace time is over. How many were left.
    pub async fn drain(&self, grace: Duration) -> usize {
        self.start_draining();
        // Whether all have ended in time shows in the number.
        let _ = tokio::time::timeout(grace, self.0.open.wait()).await;
        self.0.open.len()
    }

    /// Streams and connections that are open now.
    pub fn open(&self) -> usize {
        self.0.open.len()
    }
}

impl Core {
    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn ambience(&self) -> Ambience<'_> {
        Ambience {
            metrics: &self.metrics,
            busy_poll: &self.busy_poll,
            stall: self.limits.stall,
            shutdown: self.group.token(),
        }
    }

    /// A place among the streams to a destination.
    fn place(&self, destination: NodeId) -> Result<Permit<NodeId>, Refusal> {
        if self.is_draining() {
            return Err(Refusal::Draining);
        }
        self.by_peer.acquire(destination).ok_or(Refusal::Limit)
    }

    /// Notes a refusal for metrics and for those who ask why.
    fn refused(&self, destination: NodeId, refusal: Refusal) {
        self.metrics.refused(refusal);
        trace::note_end(name_of(refusal));
        self.directory.refused(destination, refusal);
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("open", &self.open()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ProxyParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyParts").field("listener", &self.listener).finish_non_exhaustive()
    }
}
