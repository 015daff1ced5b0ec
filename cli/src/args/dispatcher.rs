//! The options of `causeway dispatcher`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use dispatcher::TrustedProxy;
use identity::NodeId;

use super::{
    ConsulArgs, DataArgs, ReadArgs,
    run::{Retain, Ui},
};

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Dispatcher {
    #[command(subcommand)]
    pub(crate) command: Option<DispatcherCommand>,
    #[command(flatten)]
    pub(crate) run: DispatcherArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DispatcherCommand {
    /// Which peers it keeps, whose they are, and how they are
    #[command(after_help = "Example:\n  causeway dispatcher status --json")]
    Status(ReadArgs),
    /// Stop a peer until the next visit
    #[command(after_help = "Example:\n  causeway dispatcher stop 7")]
    Stop(KeptArgs),
    /// Start a peer that was stopped
    #[command(after_help = "Example:\n  causeway dispatcher wake 7")]
    Wake(KeptArgs),
    /// Remove a peer with everything in it: identity, history, contacts
    #[command(after_help = "Example:\n  causeway dispatcher delete 7")]
    Delete(KeptArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct KeptArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Its number, its id, or the beginning of its id
    #[arg(value_name = "PEER")]
    pub(crate) peer: String,
}

/// Where the peers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Backend {
    /// As processes of this machine
    Process,
    /// As services of a Docker swarm
    Swarm,
}

/// Where vacant peers of other dispatchers are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Catalog {
    /// By what the dispatcher hears, and what bridges tell it
    Bridge,
    /// By Consul's catalog
    Consul,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DispatcherArgs {
    /// The name that operators see
    #[arg(long, env = "CAUSEWAY_NAME", value_name = "N")]
    pub(crate) name: Option<String>,
    /// The network of its peers
    #[arg(long, env = "CAUSEWAY_NETWORK", value_name = "NET")]
    pub(crate) network: Option<String>,
    /// Where identity, log and the peers' directories are (default: by kind and name in the user's data folder)
    #[arg(long, env = "CAUSEWAY_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where its peers run (default: process)
    #[arg(long, env = "CAUSEWAY_BACKEND", value_name = "WHERE")]
    pub(crate) backend: Option<Backend>,
    /// With the backend swarm: the image of its peers (default: causeway-peer)
    #[arg(long, env = "CAUSEWAY_IMAGE", value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// With the backend swarm: the overlay network of its peers, to which the dispatcher is attached, too
    #[arg(long, env = "CAUSEWAY_OVERLAY", value_name = "NETWORK")]
    pub(crate) overlay: Option<String>,
    /// The address of the page (default: 127.0.0.1:20000, or a free port if that is taken)
    #[arg(long, env = "CAUSEWAY_LISTEN", value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the page for whoever runs the dispatcher is, or `off`; `causeway open` prints a link (default: 127.0.0.1:20001,
    /// or a free port if that is taken)
    #[arg(long, env = "CAUSEWAY_ADMIN", value_name = "ADDR:PORT|off")]
    pub(crate) admin: Option<Ui>,
    /// The login is at DOMAIN and each peer at ID.DOMAIN, by a proxy with TLS in front that sends both here (default:
    /// localhost and ID.localhost, at the port of the page and on this machine only)
    #[arg(long, env = "CAUSEWAY_DOMAIN", value_name = "D")]
    pub(crate) domain: Option<String>,
    #[command(flatten)]
    pub(crate) consul: ConsulArgs,
    /// With --consul and --domain: an entry point of Traefik that leads here and to the peers' pages, such as `websecure`;
    /// repeatable (default: Traefik's default ones)
    #[arg(long = "entry-point", env = "CAUSEWAY_ENTRY_POINT", value_name = "NAME", value_delimiter = ',')]
    pub(crate) entry_points: Vec<String>,
    /// A file with the keys of the cookies, one to a line, 64 hexadecimal digits each: the first one makes cookies, all are
    /// accepted (default: one of its own in the data directory)
    #[arg(long, env = "CAUSEWAY_KEYS", value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// Peers that are kept ready for whoever comes (default: 2)
    #[arg(long, env = "CAUSEWAY_POOL", value_name = "N")]
    pub(crate) pool: Option<usize>,
    /// Peers in all (default: 200)
    #[arg(long, env = "CAUSEWAY_MAX_PEERS", value_name = "N")]
    pub(crate) max_peers: Option<usize>,
    /// A peer that nobody uses for so long is stopped, until the next visit (default: 1h)
    #[arg(long, env = "CAUSEWAY_IDLE", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) idle: Option<std::time::Duration>,
    /// A peer that was not visited for so long is removed with everything in it (default: 90d)
    #[arg(long, env = "CAUSEWAY_FORGET", value_name = "DURATION")]
    pub(crate) forget: Option<Retain>,
    /// Logins of new people from one address in a minute; 0: as many as come (default: 30)
    #[arg(long, env = "CAUSEWAY_LOGINS_PER_MINUTE", value_name = "N")]
    pub(crate) logins_per_minute: Option<u32>,
    /// A proxy in front of the page, or the network of several: the last address in its X-Forwarded-For that is no such proxy
    /// is the one from which somebody comes; from everybody else that header counts for nothing; repeatable (default: none)
    #[arg(
        long = "trusted-proxy",
        env = "CAUSEWAY_TRUSTED_PROXY",
        value_name = "ADDR|CIDR",
        value_delimiter = ','
    )]
    pub(crate) trusted_proxies: Vec<TrustedProxy>,
    /// The id of another dispatcher, in the same network: each of the two may give out peers of the other, and gets people of
    /// the other to theirs; they share --keys, and name each other; repeatable
    #[arg(long = "fellow", env = "CAUSEWAY_FELLOW", value_name = "NODEID", value_delimiter = ',')]
    pub(crate) fellows: Vec<NodeId>,
    /// Where vacant peers of fellows are found: `consul` needs --consul and --domain (default: bridge)
    #[arg(long, env = "CAUSEWAY_CATALOG", value_name = "WHERE")]
    pub(crate) catalog: Option<Catalog>,
    /// The control port of a bridge, for itself and its peers, where multicast does not work; repeatable
    #[arg(
        long = "bridge",
        env = "CAUSEWAY_BRIDGE",
        value_name = "HOST:PORT[/NODEID]",
        value_delimiter = ','
    )]
    pub(crate) bridges: Vec<String>,
    /// The address that it and its peers listen on for other nodes (default: every address)
    #[arg(long, env = "CAUSEWAY_PEER_LISTEN", value_name = "ADDR")]
    pub(crate) peer_listen: Option<std::net::IpAddr>,
    /// Interfaces for it and its peers to be found on; repeatable (default: all that are up)
    #[arg(long = "interface", env = "CAUSEWAY_INTERFACE", value_name = "IF", value_delimiter = ',')]
    pub(crate) interfaces: Vec<String>,
    /// The UDP port of discovery, for it and its peers
    #[arg(long, env = "CAUSEWAY_DISCOVERY_PORT", value_name = "PORT")]
    pub(crate) discovery_port: Option<u16>,
    /// Where /metrics and /healthz are served (default: nowhere)
    #[arg(long, env = "CAUSEWAY_METRICS_LISTEN", value_name = "ADDR")]
    pub(crate) metrics_listen: Option<SocketAddr>,
}
