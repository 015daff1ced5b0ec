//! What it means: command line, environment and configuration file together, checked, with their defaults.

use std::{path::PathBuf, time::Duration};

use discovery::Target;
use gateway::{BridgeConfig, Discovery, LinkUrl, Port, Retention};
use identity::{Network, NodeId};
use peer::{Hosting, PeerConfig};
use runtime::telemetry::{self, Telemetry, Traces};

use crate::{
    args::{BridgeArgs, Global, LogFormat, PeerArgs, Ui, Url},
    data::{self, Kind},
    exit::{Failure, Fault},
    file::{BridgeTable, File, PeerTable},
};

mod consul;
mod dispatcher;

pub(crate) use consul::consul;
pub(crate) use dispatcher::dispatcher;

/// How long a bridge lets open streams go on after SIGTERM.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// What a node that runs logs.
pub(crate) const NODE_FILTER: &str = "info";
/// What a command that only asks logs.
pub(crate) const COMMAND_FILTER: &str = "warn";

/// Whose log lines a bare level is about.
const CRATES: [&str; 10] = [
    "cli",
    "conversation",
    "discovery",
    "dispatcher",
    "gateway",
    "identity",
    "peer",
    "runtime",
    "storage",
    "topology",
];

/// A bridge to run.
pub(crate) struct BridgeSettings {
    pub(crate) config: BridgeConfig,
    pub(crate) grace: Duration,
}

/// Starts logging, and sending traces if there is a place for them. `usual` is what is logged when nothing is said.
pub(crate) fn start_telling(
    global: &Global,
    file: &File,
    usual: &str,
    traces: Option<&Traces>,
) -> anyhow::Result<Telemetry> {
    let filter = global.log.as_deref().or(file.log.as_deref()).unwrap_or(usual);
    let place = telemetry::Place::Stderr;
    telemetry::init(format(global, file), &ours(filter), place, traces)
        .map_err(|error| usage(error.to_string()))
}

/// Starts logging into a file what a node that runs logs, for a process whose stderr is a screen.
pub(crate) fn tell_into(global: &Global, file: &File, log: std::fs::File) -> anyhow::Result<Telemetry> {
    let filter = global.log.as_deref().or(file.log.as_deref()).unwrap_or(NODE_FILTER);
    let place = telemetry::Place::File(log);
    telemetry::init(format(global, file), &ours(filter), place, None)
        .map_err(|error| usage(error.to_string()))
}

fn format(global: &Global, file: &File) -> telemetry::Format {
    match global.log_format.or(file.log_format) {
        Some(LogFormat::Json) => telemetry::Format::Json,
        Some(LogFormat::Text) | None => telemetry::Format::Text,
    }
}

/// Only a bridge has something to trace: the streams that it carries.
pub(crate) fn traces(otlp: Option<String>, file: &File, bridge: &BridgeArgs) -> Option<Traces> {
    let endpoint = otlp.or_else(|| file.otlp.clone())?;
    let instance = bridge.node.name.clone().or_else(|| file.bridge.name.clone()).unwrap_or_else(host_name);
    Some(Traces { endpoint, service: "causeway-bridge".into(), instance })
}

/// A bare level is meant for Causeway's own crates: the libraries beneath would drown them.
fn ours(filter: &str) -> String {
    if filter.chars().all(char::is_alphabetic) {
        CRATES.iter().fold("warn".to_owned(), |whole, name| format!("{whole},{name}={filter}"))
    } else {
        filter.to_owned()
    }
}

/// What `causeway bridge` is to run.
pub(crate) fn bridge(args: BridgeArgs, file: BridgeTable) -> anyhow::Result<BridgeSettings> {
    let name = name(args.node.name.or(file.name), host_name)?;
    let network = network(args.node.network.or(file.network))?;
    let data = data_of(args.node.data.or(file.data), Kind::Bridge, &name)?;
    let mut config = BridgeConfig::new(data, name, network);
    let listen = args.listen.or(file.listen);
    config.listen = listen.map(|listen| listen.ip);
    config.ports.link = port(listen.and_then(|listen| listen.port));
    config.ports.proxy = port(args.proxy_port.or(file.proxy_port));
    config.ports.control = port(args.control_port.or(file.control_port));
    config.ports.greeting = port(args.node.greeting_port.or(file.greeting_port));
    config.ports.metrics = port(args.metrics_port.or(file.metrics_port));
    config.consul = consul(args.consul, file.consul, file.consul_token_file)?;
    config.links = links(&first(args.links, file.link))?;
    config.trust = first(args.trust, file.trust);
    config.operators = first(args.operators, file.operator);
    config.interfaces = first(args.node.interfaces, file.interface);
    if let Some(port) = args.node.discovery_port.or(file.discovery_port) {
        config.discovery = Discovery::Multicast(port);
    }
    if let Some(congestion) = args.congestion.or(file.congestion) {
        config.congestion = congestion;
    }
    config.retain = args.retain.or(file.retain).map(|retain| Retention::of(retain.0));
    config.retain_journal = args.retain_journal.or(file.retain_journal).map(|retain| retain.0);
    if let Some(microseconds) = args.busy_poll.or(file.busy_poll) {
        config.busy_poll = Duration::from_micros(microseconds);
    }
    let grace = args.grace.or(file.grace).map_or(DEFAULT_GRACE, Duration::from_secs);
    Ok(BridgeSettings { config, grace })
}

/// What `causeway peer` is to run.
pub(crate) fn peer(args: PeerArgs, file: PeerTable) -> anyhow::Result<PeerConfig> {
    let name = name(args.node.name.or(file.name), user_name)?;
    let network = network(args.node.network.or(file.network))?;
    let data = data_of(args.node.data.or(file.data), Kind::Peer, &name)?;
    let mut config = PeerConfig::new(data, name, network);
    let listen = args.listen.or(file.listen);
    config.listen = listen.map(|listen| listen.ip);
    config.ports.secure = peer_port(listen.and_then(|listen| listen.port));
    config.ports.greeting = peer_port(args.node.greeting_port.or(file.greeting_port));
    config.consul = consul(args.consul, file.consul, file.consul_token_file)?;
    config.bridges = targets(&first(args.bridges, file.bridge))?;
    config.peers = targets(&first(args.peers, file.peer))?;
    config.interfaces = first(args.node.interfaces, file.interface);
    config.ui = match args.ui.or(file.ui) {
        Some(Ui::At(address)) => peer::Ui::At(address),
        Some(Ui::Off) => peer::Ui::Off,
        None => peer::Ui::Default,
    };
    let (obey, login) = (first(args.obey, file.obey), args.login.or(file.login));
    let entry_points = first(args.entry_points, file.entry_point);
    config.hosting = hosting(obey, login, (args.ui_domain.or(file.ui_domain), entry_points))?;
    config.metrics = args.metrics_listen.or(file.metrics_listen);
    if let Some(port) = args.node.discovery_port.or(file.discovery_port) {
        config.discovery = peer::Discovery::Multicast(port);
    }
    Ok(config)
}

fn hosting(
    obey: Vec<NodeId>,
    login: Option<Url>,
    (domain, entry_points): (Option<String>, Vec<String>),
) -> anyhow::Result<Option<Hosting>> {
    match (obey.is_empty(), login) {
        (true, None) => Ok(None),
        (false, Some(login)) => Ok(Some(Hosting { obey, login: login.0, domain, entry_points })),
        _ => Err(usage(
            "--obey and --login belong together: whose claims count, and where people log in".into(),
        )),
    }
}

/// The person's name on this machine: a peer's default name.
pub(crate) fn user_name() -> String {
    std::env::var("USER").ok().filter(|name| !name.is_empty()).unwrap_or_else(host_name)
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "unnamed".into() } else { name }
}

fn name(given: Option<String>, usual: fn() -> String) -> anyhow::Result<String> {
    let name = given.unwrap_or_else(usual);
    match identity::check_name(&name) {
        Ok(()) => Ok(name),
        Err(_) => Err(usage(format!(
            "{name:?} cannot be the name of a node: choose a --name of 1 to 64 bytes without control characters"
        ))),
    }
}

fn network(given: Option<String>) -> anyhow::Result<String> {
    let name = given.ok_or_else(|| {
        usage("which network is this machine in? Name it with --network, such as `--network home`; all nodes of one LAN use the same name".into())
    })?;
    match Network::from_proto(&Network::named(&name).to_proto()) {
        Ok(_) => Ok(name),
        Err(_) => Err(usage(format!(
            "{name:?} cannot be the name of a network: choose a --network of 1 to 32 bytes without control characters"
        ))),
    }
}

fn data_of(given: Option<PathBuf>, kind: Kind, name: &str) -> anyhow::Result<PathBuf> {
    given.map_or_else(|| data::default_for(kind, name), Ok)
}

const fn port(asked: Option<u16>) -> Port {
    match asked {
        Some(port) => Port::Exact(port),
        None => Port::Default,
    }
}

const fn peer_port(asked: Option<u16>) -> peer::Port {
    match asked {
        Some(port) => peer::Port::Exact(port),
        None => peer::Port::Default,
    }
}

/// The command line and the environment replace a list of the file, they do not add to it.
fn first<T>(typed: Vec<T>, file: Vec<T>) -> Vec<T> {
    if typed.is_empty() { file } else { typed }
}

fn links(texts: &[String]) -> anyhow::Result<Vec<LinkUrl>> {
    texts
        .iter()
        .map(|text| text.parse().map_err(|error: gateway::InvalidLinkUrl| usage(error.to_string())))
        .collect()
}

fn targets(texts: &[String]) -> anyhow::Result<Vec<Target>> {
    texts
        .iter()
        .map(|text| text.parse().map_err(|error: discovery::InvalidTarget| usage(error.to_string())))
        .collect()
}

fn usage(sentence: String) -> anyhow::Error {
    Fault::error(Failure::Usage, sentence)
}
