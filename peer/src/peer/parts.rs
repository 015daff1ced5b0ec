//! How the parts of a peer are made from what it was told.

use std::sync::Arc;

use conversation::Book;
use discovery::{Announcer, Discovery, MulticastSettings, Presence, Settings};
use identity::{Network, tls::Identity};
use prometheus_client::registry::Registry;
use proto::node::v1::Ports;
use runtime::{TaskGroup, metrics::Health, rpc::PortChoice};
use storage::Store;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    actor::{Actor, Inboxes, Parts},
    chat::Incoming,
    command::Command,
    config::{self, PeerConfig},
    control::{MessengerControl, MessengerParts, NodeControl},
    error::StartError,
    hosting::{ClaimService, Kept},
    limits::COMMANDS,
    metrics::{self, Metrics},
    naming::Naming,
    notes,
    page::PageLinks,
    ports::{Addresses, PortError},
    reader::Reader,
    record::{self, Saying},
};

/// How the actor is asked, and the history that it writes.
pub(super) struct Asked {
    pub(super) commands: mpsc::Sender<Command>,
    announcer: Announcer,
    pub(super) reader: Reader,
    pulse: watch::Receiver<u64>,
}

impl Asked {
    /// The service that dispatchers ask.
    pub(super) fn claims(&self, kept: &Kept, addresses: Addresses) -> ClaimService {
        kept.service(self.commands.clone(), self.announcer.clone(), addresses.page)
    }
}

pub(super) fn spawn_actor(
    parts: Parts,
    book: Book,
    incoming: mpsc::Receiver<Incoming>,
    discovered: mpsc::Receiver<discovery::Event>,
) -> Asked {
    let (log, announcer) = (parts.log.clone(), parts.announcer.clone());
    let (commands, commanded) = mpsc::channel(COMMANDS);
    let (head, head_seen) = watch::channel(log.head());
    let (pulse, pulse_felt) = watch::channel(0);
    Actor::spawn(parts, Inboxes { commands: commanded, incoming, discovered, head, pulse });
    Asked { commands, announcer, reader: Reader::new(log, book, head_seen), pulse: pulse_felt }
}

/// The services of the local socket.
pub(super) fn controls(
    asked: Asked,
    discovery: &Discovery,
    (naming, links): (Arc<Naming>, Option<PageLinks>),
    addresses: Addresses,
    servers: &TaskGroup,
) -> (NodeControl, MessengerControl) {
    let Asked { commands, announcer, reader, pulse } = asked;
    let listening: Arc<[String]> = addresses.lines().into();
    let node = NodeControl {
        commands: commands.clone(),
        announcer: announcer.clone(),
        discovery: discovery.clone(),
        listening: Arc::clone(&listening),
        stop: CancellationToken::new(),
    };
    let group = servers.clone();
    let parts = MessengerParts { commands, reader, pulse, announcer, naming, group, listening, links };
    (node, MessengerControl::new(parts))
}

pub(super) fn announcer(
    (config, vacant): (&PeerConfig, bool),
    identity: &Identity,
    start: u64,
    addresses: Addresses,
) -> Result<Announcer, StartError> {
    let keepers = config.hosting.as_ref().map(|hosting| hosting.obey.clone()).unwrap_or_default();
    let saying = Saying { name: &config.name, vacant, keepers };
    let description = record::describe(&config.data, identity, saying, start)?;
    let ports = Ports {
        secure: addresses.secure.port().into(),
        greeting: addresses.greeting.port().into(),
        ..Ports::default()
    };
    let presence =
        Presence { network: Network::named(&config.network), ports, homes: Vec::new(), description };
    Ok(Announcer::new(identity, start, presence)?)
}

pub(super) fn settings(config: &PeerConfig) -> Settings {
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

pub(super) fn registry(
    config: &PeerConfig,
    group: &TaskGroup,
    (metrics, discovery): (&Metrics, &discovery::Metrics),
    store: &Arc<Store>,
) -> Result<Arc<Registry>, StartError> {
    let mut registry = Registry::with_prefix("causeway");
    metrics.register(&mut registry);
    metrics::read_store(registry.sub_registry_with_prefix("peer_store"), store);
    discovery.register(&mut registry);
    let registry = Arc::new(registry);
    if let Some(address) = config.metrics {
        let listener = runtime::rpc::bind_tcp(PortChoice::Exact(address)).map_err(PortError::Bind)?;
        runtime::metrics::serve(group, listener, Arc::clone(&registry), health(store));
    }
    Ok(registry)
}

/// A peer is healthy while it can store what is sent to it.
fn health(store: &Arc<Store>) -> Health {
    // The store closes with its last user, and that is not the metrics port.
    let store = Arc::downgrade(store);
    Arc::new(move || match store.upgrade().map(|store| store.health()) {
        Some(storage::Health::Ok) => Ok(()),
        Some(health) => Err(notes::sentence(&health)),
        None => Err("stopping".into()),
    })
}
