//! What comes first: who the bridge is, its disk, its sockets, its network, and what it remembers.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use discovery::{Announcer, Discovery, Event, MulticastSettings, Presence, Settings, source::consul::Consul};
use identity::{
    Description, Network,
    keyfile::{self, KeyFileError, Start},
    tls::Identity,
};
use proto::node::v1::Ports;
use runtime::{TaskGroup, Unkept};
use storage::Store;
use tokio::sync::mpsc;
use topology::{Config, Core, Verifier};
use tracing::info_span;

use super::StartError;
use crate::{
    config::{self, BridgeConfig},
    describe::describe,
    limits::{MAX_OPERATORS, PeerLimits, STORED_QUEUE},
    loading::{self, Loaded},
    network,
    ports::Addresses,
    stored_logs::StoredLogs,
    verifier::Remembering,
    wall,
};

/// Who the bridge is, and its disk.
pub(super) struct Ground {
    pub(super) config: BridgeConfig,
    pub(super) identity: Identity,
    pub(super) description: Description,
    pub(super) start: u64,
    pub(super) store: Arc<Store>,
    pub(super) network: Network,
    /// What found the disk full.
    pub(super) unkept: Unkept,
}

/// How it finds its network.
pub(super) struct Finding {
    pub(super) announcer: Announcer,
    pub(super) discovery: Discovery,
    pub(super) metrics: discovery::Metrics,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) network: Network,
}

/// The core with what the stored logs say, and the disk behind it.
pub(super) struct Memory {
    pub(super) store: Arc<Store>,
    pub(super) core: Core,
    pub(super) logs: StoredLogs,
    /// What is known to be signed rightly; shared by all who ask.
    pub(super) verifier: Arc<dyn Verifier>,
    pub(super) loaded: Loaded,
    pub(super) peers: PeerLimits,
    pub(super) retain_journal: Option<Duration>,
}

impl Ground {
    pub(super) async fn prepare(config: BridgeConfig) -> Result<Self, StartError> {
        blocking(move || Self::prepare_blocking(config)).await?
    }

    fn prepare_blocking(config: BridgeConfig) -> Result<Self, StartError> {
        if config.operators.len() > MAX_OPERATORS {
            return Err(StartError::Operators(config.operators.len()));
        }
        let named = Network::from_proto(&Network::named(config.network.clone()).to_proto());
        named.map_err(|_| StartError::Network(config.network.clone()))?;
        let identity = Identity::load_or_create(&config.data)?;
        // The store's lock is the data directory's: before anything else in it is changed.
        let store = loading::open(&config.data)?;
        let mut unkept = Unkept::default();
        let start = number(&config.data, &mut unkept)?;
        let description = describe(&config.data, &identity, &config.name, (start, &mut unkept))?;
        let network = network::load(&config.data, &config.network)?;
        Ok(Self { config, identity, description, start, store, network, unkept })
    }

    /// Begins to announce and to listen, and settles the network's id.
    pub(super) async fn find(
        &mut self,
        addresses: &Addresses,
        group: &TaskGroup,
    ) -> Result<Finding, StartError> {
        let presence = Presence {
            network: self.network.clone(),
            ports: ports_of(addresses),
            homes: Vec::new(),
            description: self.description.clone(),
        };
        let announcer = Announcer::new(&self.identity, self.start, presence)?;
        let metrics = discovery::Metrics::default();
        let settings = self.discovery_settings();
        let hears = settings.multicast.is_some() || self.config.consul.is_some();
        let (discovery, mut events) = Discovery::spawn(group, settings, announcer.clone(), metrics.clone());
        if let Some(consul) = self.config.consul.clone() {
            discovery.add_source(Consul::new(consul, addresses.control.ip()));
        }
        let (data, network) = (&self.config.data, self.network.clone());
        let (network, meanwhile) =
            network::settle(data, network, hears, &mut events, &mut self.unkept).await?;
        if let Some(id) = network.id {
            announcer.set_network_id(id);
        }
        let events = with_first(meanwhile, events, group);
        Ok(Finding { announcer, discovery, metrics, events, network })
    }

    /// Without multicast, greetings still tell who is there.
    fn discovery_settings(&self) -> Settings {
        let multicast = match self.config.discovery {
            config::Discovery::Multicast(port) => {
                Some(MulticastSettings { port, interfaces: self.config.interfaces.clone() })
            }
            config::Discovery::Off => None,
        };
        Settings { multicast, register: false, greet: true, ..Settings::default() }
    }

    /// Reads the stored logs into a core.
    pub(super) async fn remember(&self, network: &Network) -> Result<Memory, StartError> {
        let logs = StoredLogs::default();
        let verifier: Arc<dyn Verifier> = Arc::new(Remembering::default());
        let config = Config {
            verifier: Arc::clone(&verifier),
            retention: self.config.retain,
            ..Config::new(self.description.clone(), network.clone(), self.identity.key().clone())
        };
        let mut core = Core::new(config, Box::new(logs.clone()));
        let (peers, retain_journal) = (self.config.peers, self.config.retain_journal);
        let (data, store): (PathBuf, _) = (self.config.data.clone(), Arc::clone(&self.store));
        blocking(move || {
            let loaded = loading::load(&data, &store, &logs, &mut core)?;
            tracing::info!(events = loaded.events, logs = logs.len(), "logs loaded");
            Ok(Memory { store, core, logs, verifier, loaded, peers, retain_journal })
        })
        .await?
    }
}

/// The number of this start. A full disk must not keep a bridge from serving.
fn number(data: &Path, unkept: &mut Unkept) -> Result<u64, KeyFileError> {
    let Start { number, unkept: full } = keyfile::next_start(data, wall::now_ms().unsigned_abs() / 1_000)?;
    if full.is_some() {
        let data = data.to_owned();
        let keep = move || keyfile::keep_start(&data, number).map_err(io::Error::other);
        unkept.later("the number of this start, which keeps its announcements in order,", keep);
    }
    Ok(number)
}

/// The events that came while the id was settled, then the rest.
fn with_first(
    meanwhile: VecDeque<Event>,
    mut events: mpsc::Receiver<Event>,
    group: &TaskGroup,
) -> mpsc::Receiver<Event> {
    if meanwhile.is_empty() {
        return events;
    }
    let (sender, receiver) = mpsc::channel(STORED_QUEUE);
    group.spawn(info_span!("events"), async move {
        for event in meanwhile {
            if sender.send(event).await.is_err() {
                return;
            }
        }
        while let Some(event) = events.recv().await {
            if sender.send(event).await.is_err() {
                return;
            }
        }
    });
    receiver
}

fn ports_of(addresses: &Addresses) -> Ports {
    Ports {
        secure: 0,
        greeting: addresses.greeting.port().into(),
        control: addresses.control.port().into(),
        proxy: addresses.proxy.port().into(),
        link: addresses.link.port().into(),
    }
}

/// Work that may wait for the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StartError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StartError::Interrupted)
}
