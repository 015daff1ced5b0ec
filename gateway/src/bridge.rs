//! The running bridge: started from its configuration, shut down in good order.

mod error;
mod ground;
mod parts;

use std::{path::PathBuf, sync::Arc, time::Duration};

use discovery::Discovery;
use identity::{Network, NodeId};
use runtime::{EventLoop, TaskGroup, socket_path};
use storage::Store;
use tokio::{sync::oneshot, time::timeout};

pub use error::StartError;

use crate::{config::BridgeConfig, keeper::Keeper, limits::DRAIN_SPREAD, ports::Addresses, shared::Shared};

/// How long tasks have to end after they were asked to.
const TASKS_GRACE: Duration = Duration::from_secs(3);

/// A bridge that serves its network until it is shut down. Dropping it stops it without a word to anybody.
#[derive(Debug)]
#[must_use = "a bridge that is dropped ends without telling its neighbours"]
pub struct Bridge {
    shared: Shared,
    group: TaskGroup,
    links: TaskGroup,
    discovery: Discovery,
    /// Given back when the actor has ended.
    keeper: oneshot::Receiver<Keeper>,
    store: Arc<Store>,
    socket: PathBuf,
    _guard: AbortOnDrop,
    /// After the guard: tasks end before their thread does.
    _event_loop: EventLoop,
}

/// Ends the tasks of a bridge that is dropped.
#[derive(Debug)]
struct AbortOnDrop(TaskGroup);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Bridge {
    /// Opens the data directory, takes the ports, reads the logs, and begins to serve.
    ///
    /// # Errors
    /// [`StartError`] says what is missing and what to do. Nothing runs then.
    pub async fn start(config: BridgeConfig) -> Result<Self, StartError> {
        let group = TaskGroup::new();
        match parts::start(config, &group).await {
            Ok(bridge) => Ok(bridge),
            Err(error) => {
                group.shutdown(TASKS_GRACE).await;
                Err(error)
            }
        }
    }

    /// Its node id.
    pub fn id(&self) -> NodeId {
        self.shared.id()
    }

    /// The network it serves, with its id.
    pub fn network(&self) -> &Network {
        &self.shared.network
    }

    /// What it listens on.
    pub fn addresses(&self) -> &Addresses {
        &self.shared.addresses
    }

    /// The local control socket.
    pub fn socket(&self) -> &std::path::Path {
        &self.socket
    }

    /// A link to the page, for whoever started the bridge; good once.
    pub fn page_link(&self) -> String {
        self.shared.page.link(None).url
    }

    /// Resolves when somebody asks for the end over the local socket.
    pub async fn stop_asked(&self) {
        self.shared.stop_asked.notified().await;
    }

    /// Tells neighbours and peers first, lets streams finish for at most `grace`, then ends. True when no stream had to
    /// be cut off.
    pub async fn shutdown(self, grace: Duration) -> bool {
        // An actor that does not answer must not keep the process from ending.
        let patience = 2 * DRAIN_SPREAD;
        let _ = timeout(patience, self.shared.begin_drain(grace)).await;
        let left = self.shared.proxy.drain(grace).await;
        let _ = timeout(patience, self.shared.actor.stop()).await;
        self.discovery.shutdown().await;
        self.links.cancel();
        self.group.shutdown(TASKS_GRACE).await;
        socket_path::clean_up(&self.socket);
        self.close_store().await;
        left == 0
    }

    /// Waits until everything that can be stored is, and gives the data directory free.
    async fn close_store(self) {
        let Self { keeper, store, shared, .. } = self;
        let keeper = keeper.await.ok();
        drop(shared);
        let closed = tokio::task::spawn_blocking(move || {
            let ended = keeper.and_then(Keeper::finish).map(std::thread::JoinHandle::join);
            if let Some(Err(_)) = ended {
                tracing::error!("the keeper panicked");
            }
            match Arc::try_unwrap(store) {
                Ok(store) => store.close(),
                Err(_) => tracing::warn!("the store is still in use and closes with its last user"),
            }
        });
        if closed.await.is_err() {
            tracing::error!("the store could not be closed");
        }
    }
}
