//! What a peer is told at its start.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use discovery::{Target, consul::ConsulSettings};

use crate::hosting::Hosting;

/// Everything that a peer is told; [`PeerConfig::new`] fills in the defaults.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// The data directory: identity, history, ports, and the local control socket.
    pub data: PathBuf,
    /// The person's name, for people.
    pub name: String,
    /// The name of the network it is in.
    pub network: String,
    /// The address to listen on; `None`: all addresses of both families.
    pub listen: Option<IpAddr>,
    /// Its ports.
    pub ports: PeerPorts,
    /// Control ports of bridges to register with, beside those that are heard.
    pub bridges: Vec<Target>,
    /// Greeting ports of peers of this network, beside those that are heard.
    pub peers: Vec<Target>,
    /// The interfaces for discovery; empty: all that can multicast.
    pub interfaces: Vec<String>,
    /// How it finds its network.
    pub discovery: Discovery,
    /// Consul, where this peer registers and finds others; with [`Hosting::domain`] Traefik is told of its page, too.
    pub consul: Option<ConsulSettings>,
    /// Where the page is.
    pub ui: Ui,
    /// Of a peer that a dispatcher keeps; `None`: it is its owner's.
    pub hosting: Option<Hosting>,
    /// Where to serve metrics and health over HTTP; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Free space on the disk, bytes, below which nothing is stored, so that reading goes on.
    pub reserve: u64,
}

/// The ports of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerPorts {
    /// The chat, gRPC under mutual TLS. Default 30000.
    pub secure: Port,
    /// Greeting, gRPC. Default 30001.
    pub greeting: Port,
}

/// How one port is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// The default, or the one that took its place at an earlier start; a free one when that is taken.
    Default,
    /// Asked for: it is an error when it is taken. 0: any free port.
    Exact(u16),
}

/// Where the peer's page is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ui {
    /// On 127.0.0.1, port 30003 or the one that took its place at an earlier start; a free one when that is taken.
    Default,
    /// Asked for: it is an error when it is taken.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

/// How the peer finds the nodes of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovery {
    /// By multicast on this UDP port; the default is 30002, which all nodes of a network share.
    Multicast(u16),
    /// Only by the given bridges and peers, and by those who greet.
    Off,
}

impl PeerConfig {
    /// The default configuration.
    pub fn new(data: impl Into<PathBuf>, name: impl Into<String>, network: impl Into<String>) -> Self {
        Self {
            data: data.into(),
            name: name.into(),
            network: network.into(),
            listen: None,
            ports: PeerPorts::all(Port::Default),
            bridges: Vec::new(),
            peers: Vec::new(),
            interfaces: Vec::new(),
            discovery: Discovery::Multicast(discovery::DEFAULT_PORT),
            consul: None,
            ui: Ui::Default,
            hosting: None,
            metrics: None,
            reserve: storage::Options::default().reserve,
        }
    }
}

impl Ui {
    /// How its port is chosen.
    pub(crate) const fn port(self) -> Port {
        match self {
            Self::Default => Port::Default,
            Self::At(address) => Port::Exact(address.port()),
            Self::Off => Port::Exact(0),
        }
    }
}

impl PeerPorts {
    /// The same choice for both ports.
    pub const fn all(port: Port) -> Self {
        Self { secure: port, greeting: port }
    }
}
