//! Links to other bridges: dialled and accepted, checked against the trust list, kept up, and told about.
//!
//! A link is two QUIC connections with the same mutual authentication, dialled by the same side: one carries the
//! gossip, the other peers' streams, so that a reader who does not read never holds up the gossip. A link is up only
//! while both are.

mod accept;
mod close;
mod dial;
mod event;
mod gossip;
mod greet;
mod half;
pub mod limits;
mod probe;
mod race;
mod run;
mod status;
mod table;
mod wire;

use std::{collections::BTreeSet, fmt, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use identity::{Description, Network, NodeId};
use proto::bridge::v1::Refusal;
use quinn::{RecvStream, SendStream};
use runtime::TaskGroup;
use tokio::sync::{mpsc, watch};
use tracing::info_span;

pub use event::{LinkEvent, LinkSample, LinkUp};
pub use probe::{Finding, ProbeReport, probe};
pub use status::{LinkState, LinkStatus};

pub(crate) use wire::{WireError, read_message};

use crate::{
    endpoint::LinkEndpoint,
    stream::{Credit, Metrics, Permit, StreamHeader},
};
use limits::{INCOMING_STREAMS, MAX_FRAME_BYTES, StreamLimits};
use table::Shared;

/// The credit of all links' streams together: two links at their best, twenty of one stream's window each.
pub const DEFAULT_WINDOW_BYTES: u64 = 256 * 1024 * 1024;

/// The bridges that may link. What is removed is cut off at once.
pub type Trust = watch::Receiver<Arc<BTreeSet<NodeId>>>;

/// What the links are made from.
pub struct LinkParts {
    /// The socket.
    pub endpoint: LinkEndpoint,
    /// What this bridge says of itself.
    pub introduction: Introduction,
    /// Who may link.
    pub trust: Trust,
    /// Who decides about strangers with an invitation.
    pub admission: Arc<dyn Admission>,
    /// Where events go. When nobody takes them, links stop reading: QUIC's flow control.
    pub events: mpsc::Sender<LinkEvent>,
    /// Where streams of the other sides go.
    pub streams: StreamSender,
    /// What is counted.
    pub metrics: Metrics,
    /// Bytes of credit that all links together give for streams: the most that readers who do not read can make this
    /// bridge keep. [`DEFAULT_WINDOW_BYTES`] unless an operator says otherwise.
    pub window_bytes: u64,
    /// Bounds of each link's streams.
    pub limits: StreamLimits,
}

/// What a bridge says of itself when a link comes up.
#[derive(Debug, Clone)]
pub struct Introduction {
    /// Its description.
    pub description: Description,
    /// The network it serves.
    pub network: Network,
}

/// Whom to link with, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTarget {
    /// Who must answer.
    pub id: NodeId,
    /// `HOST:PORT`; an IPv6 address stands in brackets. Names are resolved anew at each try.
    pub host_port: String,
    /// The secret of an invitation by the other side, until that side trusts this one.
    pub invitation: Option<Bytes>,
}

/// Decides about bridges that are not trusted and show an invitation.
pub trait Admission: Send + Sync + 'static {
    /// Whether any invitation is open: if not, strangers are sent away before they may say anything.
    fn is_open(&self) -> bool;

    /// Redeems an invitation. When the answer is true the bridge is on the trust list already.
    fn redeem(&self, bridge: NodeId, invitation: Bytes) -> BoxFuture<'_, bool>;
}

/// Why a frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The queue to this link is full.
    #[error("the link does not keep up with what it is to send")]
    Busy,
    /// That run of the link is over.
    #[error("the link is down")]
    Down,
    /// The frame is longer than the protocol allows.
    #[error("the frame has more than {MAX_FRAME_BYTES} bytes")]
    TooLong,
}

/// A stream that a linked bridge opened. Its header has not been read.
#[derive(Debug)]
pub struct IncomingStream {
    pub(crate) from: NodeId,
    pub(crate) stream: LinkStream,
}

/// Both directions of a stream over a link, and its places in the link's bounds.
#[derive(Debug)]
pub(crate) struct LinkStream {
    pub(crate) send: SendStream,
    pub(crate) recv: RecvStream,
    pub(crate) credit: Arc<Credit>,
    /// Given back when the stream ends.
    pub(crate) permit: Permit<NodeId>,
}

/// The links' end of [`incoming_streams`].
#[derive(Debug, Clone)]
pub struct StreamSender(pub(crate) mpsc::Sender<IncomingStream>);

/// The proxy's end of [`incoming_streams`].
#[derive(Debug)]
pub struct StreamReceiver(pub(crate) mpsc::Receiver<IncomingStream>);

/// The way of streams from the links to the proxy. It is bounded; what does not fit is refused.
pub fn incoming_streams() -> (StreamSender, StreamReceiver) {
    let (sender, receiver) = mpsc::channel(INCOMING_STREAMS);
    (StreamSender(sender), StreamReceiver(receiver))
}

/// A handle to all links. Clones are cheap. The links live as long as their task group.
#[derive(Clone)]
pub struct Links(Arc<Shared>);

impl Links {
    /// Begins to accept links. They close when the group is cancelled.
    pub fn spawn(group: &TaskGroup, parts: LinkParts) -> Self {
        let shared = Arc::new(Shared::new(group.child(), parts));
        group.spawn(info_span!("links"), accept::run(Arc::clone(&shared)));
        group.spawn(info_span!("trust"), table::watch_trust(Arc::clone(&shared)));
        Self(shared)
    }

    /// Keeps a link to this bridge up from now on. Another address for the same id replaces the one before; the link
    /// itself stays if it is up. An untrusted bridge is dialled once it is trusted.
    pub fn add(&self, target: LinkTarget) {
        dial::keep_up(&self.0, target);
    }

    /// Stops dialling this bridge, and closes the link if this side dialled it.
    pub fn remove(&self, bridge: NodeId) {
        self.0.remove_target(bridge);
    }

    /// Queues a frame for one run of a link.
    ///
    /// # Errors
    /// [`SendError`]; the frame was not queued.
    pub fn send(&self, bridge: NodeId, connection: u64, frame: Bytes) -> Result<(), SendError> {
        if frame.len() > MAX_FRAME_BYTES {
            return Err(SendError::TooLong);
        }
        self.0.send(bridge, connection, frame)
    }

    /// Closes a link for something that the other side should not have said. A configured link is dialled again, after
    /// a wait.
    pub fn close(&self, bridge: NodeId, connection: u64, reason: &str) {
        self.0.close(bridge, connection, reason);
    }

    /// How all links are, by node id.
    pub fn statuses(&self) -> Vec<LinkStatus> {
        self.0.statuses()
    }

    /// Whether the link to this bridge is up.
    pub fn is_up(&self, bridge: NodeId) -> bool {
        self.0.is_up(bridge)
    }

    /// What this bridge says of itself from the next link on.
    pub fn introduce(&self, introduction: Introduction) {
        self.0.introduction.send_replace(introduction);
    }

    /// Opens a stream to a linked bridge and sends the header with the first bytes behind it.
    pub(crate) async fn open_stream(
        &self,
        bridge: NodeId,
        header: StreamHeader,
        first: Bytes,
    ) -> Result<LinkStream, Refusal> {
        self.0.open_stream(bridge, header, first).await
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Links").field(&self.statuses()).finish()
    }
}

impl fmt::Debug for LinkParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkParts").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
