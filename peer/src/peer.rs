//! A running peer: how its parts are put together, and the order in which they end.

use std::{path::PathBuf, sync::Arc};

use discovery::Discovery;
use identity::{NodeId, check_name};
use prometheus_client::registry::Registry;
use runtime::{TaskGroup, socket_path};
use storage::Store;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    actor::Parts,
    catalog,
    chat::ChatService,
    checkpoint::Keeper,
    config::PeerConfig,
    error::StartError,
    hosting::Kept,
    limits::{SESSION_EVENTS, SHUTDOWN_GRACE},
    metrics::Metrics,
    naming::{self, Naming},
    notes::Notes,
    opening::{Opened, open},
    page::{self, PageLinks},
    ports::{self, Addresses, Listeners},
    server,
};

mod parts;

use parts::{announcer, controls, registry, settings, spawn_actor};

/// A running peer. It runs until [`Peer::shutdown`]; dropped, it stops where it stands, and what was acknowledged stays.
#[derive(Debug)]
#[must_use = "a peer that is dropped stops"]
pub struct Peer {
    id: NodeId,
    addresses: Addresses,
    socket: PathBuf,
    /// Everything; the others are its children.
    group: TaskGroup,
    servers: TaskGroup,
    work: TaskGroup,
    discovery: Discovery,
    store: Option<Arc<Store>>,
    keeper: Keeper,
    stop: CancellationToken,
    links: Option<PageLinks>,
    registry: Arc<Registry>,
}

impl Peer {
    /// Binds the ports, opens the history and begins to look for others. It is there for others on return.
    ///
    /// To be called within a multi-threaded tokio runtime; one worker thread is enough.
    ///
    /// # Errors
    /// [`StartError`] says why not, and what to do. Nothing runs then.
    pub async fn start(mut config: PeerConfig) -> Result<Self, StartError> {
        check_name(&config.name)?;
        let told = std::mem::take(&mut config.name);
        config.name = naming::in_force(&config.data, &told);
        let (data, reserve) = (config.data.clone(), config.reserve);
        let opened = tokio::task::spawn_blocking(move || open(&data, reserve)).await;
        let opened = opened.map_err(|error| StartError::io(&config.data)(std::io::Error::other(error)))??;
        let listeners = ports::listen(&config.data, config.listen, config.ports, config.ui)?;
        let group = TaskGroup::new();
        let outcome = Self::assemble((&config, &told), opened, listeners, group.clone()).await;
        if outcome.is_err() {
            group.abort();
        }
        outcome
    }

    async fn assemble(
        (config, told): (&PeerConfig, &str),
        opened: Opened,
        listeners: Listeners,
        group: TaskGroup,
    ) -> Result<Self, StartError> {
        let Opened { identity, start, store, log, keeper, core, book, cut, unkept } = opened;
        let Listeners { secure, greeting, page, addresses } = listeners;
        let (id, kept) = (identity.id(), Kept::open(config, identity.id())?);
        let vacant = kept.as_ref().is_some_and(Kept::is_vacant);
        let announcer = announcer((config, vacant), &identity, start, addresses)?;
        let (servers, work) = (group.child(), group.child());
        let (metrics, found) = (Metrics::default(), discovery::Metrics::default());
        let registry = registry(config, &servers, (&metrics, &found), &store)?;

        let (incoming, arrived) = mpsc::channel(SESSION_EVENTS);
        let (discovery, discovered) =
            Discovery::spawn(&group, settings(config), announcer.clone(), found.clone());
        server::serve_greeting(&servers, greeting, announcer.clone(), &discovery, found).await;
        catalog::register(config, kept.as_ref(), addresses, &discovery, &servers);

        let parts = Parts {
            core,
            log,
            store: Arc::clone(&store),
            announcer: announcer.clone(),
            discovery: discovery.clone(),
            group: work.clone(),
            metrics,
            notes: Notes { cut, unkept: unkept.spawn(&work) },
        };
        let asked = spawn_actor(parts, book, arrived, discovered);
        let claims = kept.as_ref().map(|kept| asked.claims(kept, addresses));
        server::serve_secure(&servers, secure, &identity, (ChatService::server(id, incoming), claims))?;
        let (keeping, end) = (keeper.clone().keep_up(asked.reader.changes()), work.token().clone());
        work.spawn(tracing::debug_span!("checkpoint"), async move {
            end.run_until_cancelled(keeping).await;
        });
        let links = addresses.page.map(|page| PageLinks::new(identity.key().clone(), page));
        let naming = Arc::new(Naming::new(&config.data, told, announcer.clone()));
        let follow = kept.as_ref().map(|kept| kept.tell_vacancy(Arc::clone(&naming)));
        follow.into_iter().for_each(|follow| work.spawn(tracing::debug_span!("vacancy"), follow));
        let (node, messenger) = controls(asked, &discovery, (naming, links.clone()), addresses, &servers);
        if let (Some(listener), Some(links)) = (page, &links) {
            let entrance = kept.map(|kept| kept.entrance(links.gate()));
            page::serve(&servers, listener, (links, entrance), messenger.clone());
        }
        let stop = node.stop.clone();
        let (listener, socket) = socket_path::listen(&config.data).map_err(StartError::io(&config.data))?;
        server::serve_control(&servers, listener, node, messenger).await;
        tracing::info!(%id, name = config.name, secure = %addresses.secure, greeting = %addresses.greeting, "peer started");
        let store = Some(store);
        Ok(Self {
            id,
            addresses,
            socket,
            group,
            servers,
            work,
            discovery,
            store,
            keeper,
            stop,
            links,
            registry,
        })
    }

    /// The node id.
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// What it listens on.
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The path of the local control socket.
    pub fn control_socket(&self) -> &std::path::Path {
        &self.socket
    }

    /// A link to its page, good once; `None` when the page is switched off.
    pub fn page_link(&self) -> Option<String> {
        self.links.as_ref().map(|links| links.link().url)
    }

    /// Its metrics, for a server of one's own.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// Resolves when somebody asked it to stop over the local control. Call [`Peer::shutdown`] then.
    pub async fn stop_requested(&self) {
        self.stop.cancelled().await;
    }

    /// Ends in good order: nobody new is let in, others hear a goodbye, sessions are closed, everything is stored.
    pub async fn shutdown(mut self) {
        self.servers.cancel();
        self.discovery.shutdown().await;
        self.work.cancel();
        if !self.group.shutdown(SHUTDOWN_GRACE).await {
            tracing::warn!("some tasks did not end in time and were dropped");
        }
        socket_path::clean_up(&self.socket);
        if let Some(store) = self.store.take() {
            let keeper = self.keeper.clone();
            let close = move || {
                keeper.advance();
                drop(store);
            };
            let closed = tokio::task::spawn_blocking(close).await;
            if let Err(error) = closed {
                tracing::error!(%error, "the store did not close");
            }
        }
        tracing::info!(id = %self.id, "peer stopped");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.group.abort();
    }
}
