//! What a bridge is told at its start.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use discovery::consul::ConsulSettings;
use identity::NodeId;
use topology::Retention;

use crate::{endpoint::Congestion, limits::PeerLimits, link_url::LinkUrl};

/// The default of [`BridgeConfig::busy_poll`]: longer than the answer takes that comes from a process on the other
/// bridge's machine, so that it finds the thread awake. Packets that are less than this apart keep a processor busy that
/// nobody else wants; such as are farther apart cost nothing, and neither does a chat.
const BUSY_POLL: Duration = Duration::from_micros(100);

/// Everything that a bridge is told; [`BridgeConfig::new`] fills in the defaults.
#[derive(Debug, Clone)]
pub struct BridgeConfig {
    /// The data directory: identity, logs, journal, settings, and the local control socket.
    pub data: PathBuf,
    /// The bridge's name, for people.
    pub name: String,
    /// The name of the network it serves.
    pub network: String,
    /// The address to listen on; `None`: all addresses of both families.
    pub listen: Option<IpAddr>,
    /// Its ports.
    pub ports: BridgePorts,
    /// Links of this run, beside those of the data directory. The bridges they lead to are trusted.
    pub links: Vec<LinkUrl>,
    /// Bridges trusted in this run, beside those of the data directory.
    pub trust: Vec<NodeId>,
    /// The interfaces for discovery; empty: all that can multicast.
    pub interfaces: Vec<String>,
    /// How it finds its network.
    pub discovery: Discovery,
    /// Consul, where this bridge registers and is found.
    pub consul: Option<ConsulSettings>,
    /// Nodes that may read status, links and peers over the control port.
    pub operators: Vec<NodeId>,
    /// How many peers it serves.
    pub peers: PeerLimits,
    /// The congestion controller of the links.
    pub congestion: Congestion,
    /// How long logs are kept; `None`: as long as there is room.
    pub retain: Option<Retention>,
    /// How long the journal is kept, within its bound of bytes; `None`: as long as there is room.
    pub retain_journal: Option<Duration>,
    /// How long the thread that carries streams stays awake at most after it passed bytes on; zero: it never does.
    pub busy_poll: Duration,
}

/// The ports of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BridgePorts {
    /// Peers' way across. Default 30010.
    pub proxy: Port,
    /// Greeting. Default 30011.
    pub greeting: Port,
    /// Control, gRPC. Default 30012.
    pub control: Port,
    /// Links, UDP. Default 30020.
    pub link: Port,
    /// Metrics and health, HTTP. Default 30023.
    pub metrics: Port,
}

/// How one port is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// The default, or the one that took its place at an earlier start; a free one when that is taken.
    Default,
    /// Asked for: it is an error when it is taken. 0: any free port.
    Exact(u16),
}

/// How the bridge finds the nodes of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discovery {
    /// By multicast on this UDP port; the default is 30002, which all nodes of a network share.
    Multicast(u16),
    /// Not at all: peers register by themselves.
    Off,
}

impl BridgeConfig {
    /// The default configuration.
    pub fn new(data: impl Into<PathBuf>, name: impl Into<String>, network: impl Into<String>) -> Self {
        Self {
            data: data.into(),
            name: name.into(),
            network: network.into(),
            listen: None,
            ports: BridgePorts::default(),
            links: Vec::new(),
            trust: Vec::new(),
            interfaces: Vec::new(),
            discovery: Discovery::Multicast(crate::ports::DISCOVERY),
            consul: None,
            operators: Vec::new(),
            peers: PeerLimits::default(),
            congestion: Congestion::default(),
            retain: None,
            retain_journal: None,
            busy_poll: BUSY_POLL,
        }
    }
}

impl BridgeConfig {
    /// How long logs and the journal are kept; `None`: as long as there is room.
    pub(crate) fn retained(&self) -> (Option<Duration>, Option<Duration>) {
        (self.retain.map(|retention| retention.keep), self.retain_journal)
    }
}

impl Default for BridgePorts {
    fn default() -> Self {
        Self::all(Port::Default)
    }
}

impl BridgePorts {
    /// The same choice for every port.
    pub const fn all(port: Port) -> Self {
        Self { proxy: port, greeting: port, control: port, link: port, metrics: port }
    }
}
