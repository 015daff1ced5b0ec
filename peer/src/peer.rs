//! A running peer: how its parts are put together, and the order in which they end.

use std::{path::PathBuf, sync::Arc};

use conversation::Conversation;
use discovery::{Announcer, Discovery, MulticastSettings, Presence, Settings};
use identity::{Network, NodeId, check_name, keyfile, tls::Identity};
use prometheus_client::registry::Registry;
use proto::node::v1::Ports;
use runtime::{TaskGroup, rpc::PortChoice, socket_path};
use storage::{Log, Options, Store};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    actor::{Actor, Inboxes, Parts},
    chat::ChatService,
    config::{self, PeerConfig},
    control::{MessengerControl, NodeControl},
    error::StartError,
    history,
    limits::{COMMANDS, SESSION_EVENTS, SHUTDOWN_GRACE},
    metrics::Metrics,
    ports::{self, Addresses, Listeners, PortError},
    record, server, wall,
};

/// The directory of the store within the data directory.
const STORE: &str = "store";
/// The history is one log; a few more may come.
const MAX_LOGS: usize = 16;

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
    stop: CancellationToken,
    registry: Arc<Registry>,
}

/// What lies on the disk, opened.
struct Opened {
    identity: Identity,
    start: u64,
    store: Arc<Store>,
    log: Log,
    core: Conversation,
}

impl Peer {
    /// Binds the ports, opens the history and begins to look for others. It is there for others on return.
    ///
    /// To be called within a multi-threaded tokio runtime; one worker thread is enough.
    ///
    /// # Errors
    /// [`StartError`] says why not, and what to do. Nothing runs then.
    pub async fn start(config: PeerConfig) -> Result<Self, StartError> {
        check_name(&config.name)?;
        let (data, reserve) = (config.data.clone(), config.reserve);
        let opened = tokio::task::spawn_blocking(move || open(&data, reserve)).await;
        let opened = opened.map_err(|error| StartError::io(&config.data)(std::io::Error::other(error)))??;
        let listeners = ports::listen(&config.data, config.listen, config.ports)?;
        let group = TaskGroup::new();
        let outcome = Self::assemble(&config, opened, listeners, group.clone()).await;
        if outcome.is_err() {
            group.abort();
        }
        outcome
    }

    async fn assemble(
        config: &PeerConfig,
        opened: Opened,
        listeners: Listeners,
        group: TaskGroup,
    ) -> Result<Self, StartError> {
        let Opened { identity, start, store, log, core } = opened;
        let addresses = listeners.addresses;
        let announcer = announcer(config, &identity, start, addresses)?;
        let (servers, work) = (group.child(), group.child());
        let (metrics, found) = (Metrics::default(), discovery::Metrics::default());
        let registry = registry(config, &servers, &metrics, &found)?;

        let (commands, commanded) = mpsc::channel(COMMANDS);
        let (incoming, arrived) = mpsc::channel(SESSION_EVENTS);
        let (head, head_seen) = watch::channel(log.head());
        server::serve_chat(
            &servers,
            listeners.secure,
            &identity,
            ChatService::server(identity.id(), incoming),
        )?;
        let (discovery, discovered) =
            Discovery::spawn(&group, settings(config), announcer.clone(), found.clone());
        server::serve_greeting(&servers, listeners.greeting, announcer.clone(), &discovery, found).await?;

        let parts = Parts {
            core,
            log: log.clone(),
            store: Arc::clone(&store),
            announcer: announcer.clone(),
            discovery: discovery.clone(),
            group: work.clone(),
            metrics,
        };
        Actor::spawn(parts, Inboxes { commands: commanded, incoming: arrived, discovered, head });
        let stop = CancellationToken::new();
        let listening: Arc<[String]> = addresses.lines().into();
        let node = NodeControl {
            commands: commands.clone(),
            announcer: announcer.clone(),
            discovery: discovery.clone(),
            listening: Arc::clone(&listening),
            stop: stop.clone(),
        };
        let messenger =
            MessengerControl::new(commands, (log, head_seen), announcer, servers.clone(), listening);
        let socket = socket_path::prepare(&config.data).map_err(StartError::io(&config.data))?;
        server::serve_control(&servers, &socket, node, messenger).await?;
        let id = identity.id();
        tracing::info!(%id, name = config.name, secure = %addresses.secure, greeting = %addresses.greeting, "peer started");
        Ok(Self {
            id,
            addresses,
            socket,
            group,
            servers,
            work,
            discovery,
            store: Some(store),
            stop,
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
            let closed = tokio::task::spawn_blocking(move || drop(store)).await;
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

fn open(data: &std::path::Path, reserve: u64) -> Result<Opened, StartError> {
    let identity = Identity::load_or_create(data)?;
    let options = Options { max_logs: MAX_LOGS, reserve, ..Options::default() };
    // The store's lock also guards everything else in the data directory.
    let store = Arc::new(Store::open(data.join(STORE), options)?);
    let start = keyfile::next_start(data, wall::now_s())?;
    let log = store.log(history::LOG)?;
    let mut core = Conversation::new(identity.id(), rand::random());
    history::replay(&log, &mut core)?;
    Ok(Opened { identity, start, store, log, core })
}

fn announcer(
    config: &PeerConfig,
    identity: &Identity,
    start: u64,
    addresses: Addresses,
) -> Result<Announcer, StartError> {
    let description = record::describe(&config.data, identity, &config.name, start)?;
    let ports = Ports {
        secure: addresses.secure.port().into(),
        greeting: addresses.greeting.port().into(),
        ..Ports::default()
    };
    let presence =
        Presence { network: Network::named(&config.network), ports, homes: Vec::new(), description };
    Ok(Announcer::new(identity, start, presence)?)
}

fn settings(config: &PeerConfig) -> Settings {
    let multicast = match config.discovery {
        config::Discovery::Multicast(port) => {
            Some(MulticastSettings { port, interfaces: config.interfaces.clone() })
        }
        config::Discovery::Off => None,
    };
    Settings {
        multicast,
        fixed: config.peers.clone(),
        bridges: config.bridges.clone(),
        ..Settings::default()
    }
}

fn registry(
    config: &PeerConfig,
    group: &TaskGroup,
    metrics: &Metrics,
    discovery: &discovery::Metrics,
) -> Result<Arc<Registry>, StartError> {
    let mut registry = Registry::with_prefix("causeway");
    metrics.register(&mut registry);
    discovery.register(&mut registry);
    let registry = Arc::new(registry);
    if let Some(address) = config.metrics {
        let listener = runtime::rpc::bind_tcp(PortChoice::Exact(address)).map_err(PortError::Bind)?;
        runtime::metrics::serve(group, listener, Arc::clone(&registry), Arc::new(|| Ok(())));
    }
    Ok(registry)
}
