//! What the services of a bridge share.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use identity::{Description, Network, NodeId};
use runtime::TaskGroup;
use tokio::sync::{Notify, broadcast};

use crate::{
    actor::{ActorHandle, Change, Gone},
    admin::Admin,
    explain::{Explanation, Situation, explain},
    link::Links,
    metrics::Metrics,
    page::PageLinks,
    past::Source,
    ports::Addresses,
    proxy::Proxy,
    stream::{self, Direction, DirectionLabels},
    table::Table,
    waking::Waking,
};

/// Handles to the parts of a running bridge, and what does not change while it runs. Cheap to clone.
pub(crate) type Shared = Arc<Inner>;

/// See [`Shared`].
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) description: Description,
    pub(crate) network: Network,
    pub(crate) addresses: Addresses,
    pub(crate) operators: BTreeSet<NodeId>,
    /// Milliseconds since 1970.
    pub(crate) started_ms: i64,
    /// How long logs, and the journal, are kept; `None`: as long as there is room.
    pub(crate) retain: (Option<Duration>, Option<Duration>),
    pub(crate) table: Table,
    pub(crate) actor: ActorHandle,
    pub(crate) changes: broadcast::Sender<Change>,
    pub(crate) links: Links,
    pub(crate) proxy: Proxy,
    pub(crate) waking: Waking,
    pub(crate) admin: Admin,
    pub(crate) metrics: Metrics,
    /// Makes links to the page.
    pub(crate) page: PageLinks,
    /// What links and streams count.
    pub(crate) streams: stream::Metrics,
    /// The stored logs, to look back at.
    pub(crate) past: Source,
    pub(crate) group: TaskGroup,
    /// Somebody asked for the end over the local socket.
    pub(crate) stop_asked: Notify,
}

impl Inner {
    pub(crate) fn id(&self) -> NodeId {
        self.description.id()
    }

    /// Tells everybody that this bridge is about to stop, and takes no new streams from now on. Returns once the
    /// neighbours have the event.
    pub(crate) async fn begin_drain(&self, grace: Duration) -> Result<(), Gone> {
        let told = self.actor.drain(u32::try_from(grace.as_millis()).unwrap_or(u32::MAX)).await;
        self.proxy.start_draining();
        told
    }

    /// Peers' bytes copied since the start, both ways.
    pub(crate) fn bytes_relayed(&self) -> u64 {
        let of = |direction| self.streams.bytes.get_or_create(&DirectionLabels { direction }).get();
        of(Direction::Out) + of(Direction::Back)
    }

    /// Why a connection to a peer is refused, or would be.
    pub(crate) async fn explain(&self, destination: NodeId) -> Result<Explanation, Gone> {
        let route = self.actor.route(destination).await?;
        let known = self.table.peer(&destination);
        let name = known.as_ref().map(|known| known.name()).filter(|name| !name.is_empty());
        Ok(explain(&Situation {
            destination,
            name,
            draining: self.table.is_draining(),
            route: route.as_ref(),
            refused: self.table.last_refusal(&destination, Instant::now()),
        }))
    }
}
