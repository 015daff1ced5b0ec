//! The options of nodes that run: peers and bridges.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use clap::Args as ClapArgs;
use gateway::Congestion;
use identity::NodeId;

use super::ConsulArgs;

/// What peers and bridges have in common.
#[derive(Debug, ClapArgs)]
pub(crate) struct NodeArgs {
    /// The name that others see; never an identity
    #[arg(long, env = "CAUSEWAY_NAME", value_name = "N")]
    pub(crate) name: Option<String>,
    /// The network that this machine is in: nodes of one network find each other
    #[arg(long, env = "CAUSEWAY_NETWORK", value_name = "NET")]
    pub(crate) network: Option<String>,
    /// Where identity and log are kept (default: by kind and name in the user's data folder)
    #[arg(long, env = "CAUSEWAY_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Interfaces to be found on; repeatable (default: all that are up, loopback only when named)
    #[arg(long = "interface", env = "CAUSEWAY_INTERFACE", value_name = "IF", value_delimiter = ',')]
    pub(crate) interfaces: Vec<String>,
    /// The UDP port of discovery; the same for all nodes of a network
    #[arg(long, env = "CAUSEWAY_DISCOVERY_PORT", value_name = "PORT")]
    pub(crate) discovery_port: Option<u16>,
    /// The TCP port of the greeting
    #[arg(long, env = "CAUSEWAY_GREETING_PORT", value_name = "PORT")]
    pub(crate) greeting_port: Option<u16>,
}

/// Where to listen: an address, with or without a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) ip: IpAddr,
    pub(crate) port: Option<u16>,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { ip: address.ip(), port: Some(address.port()) });
        }
        let wrong = |_| "write an address such as 192.168.1.5, 192.168.1.5:30020 or [::]:30020".to_owned();
        text.trim_matches(['[', ']']).parse().map(|ip| Self { ip, port: None }).map_err(wrong)
    }
}

/// Where a peer's page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ui {
    At(SocketAddr),
    Off,
}

impl FromStr for Ui {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| "write an address with a port, such as 127.0.0.1:30003, or `off`".to_owned();
        if text == "off" { Ok(Self::Off) } else { text.parse().map(Self::At).map_err(wrong) }
    }
}

/// The address of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url(pub(crate) String);

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = text
            .parse::<hyper::Uri>()
            .ok()
            .filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.authority().is_some());
        url.map(|_| Self(text.to_owned()))
            .ok_or_else(|| "write an address such as https://chat.example.org".into())
    }
}

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retain(pub(crate) Duration);

/// Below this, whoever looks back finds nothing: it is a slip of the pen.
const LEAST_RETAIN: Duration = Duration::from_secs(60);

impl FromStr for Retain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = humantime::parse_duration(text)
            .map_err(|error| format!("write a time such as 30d or 12h ({error})"))?;
        if time < LEAST_RETAIN { Err("keep at least a minute of it, 1m".into()) } else { Ok(Self(time)) }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BridgeArgs {
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    #[command(flatten)]
    pub(crate) consul: ConsulArgs,
    /// The address to listen on, with the UDP port of the links if it is to be another (default: every address, port 30020)
    #[arg(long, env = "CAUSEWAY_LISTEN", value_name = "ADDR")]
    pub(crate) listen: Option<Listen>,
    /// A bridge to link to; repeatable. The node id is trusted by it
    #[arg(
        long = "link",
        env = "CAUSEWAY_LINK",
        value_name = "quic://HOST:PORT/NODEID",
        value_delimiter = ','
    )]
    pub(crate) links: Vec<String>,
    /// A bridge whose links are accepted; repeatable
    #[arg(long = "trust", env = "CAUSEWAY_TRUST", value_name = "NODEID", value_delimiter = ',')]
    pub(crate) trust: Vec<NodeId>,
    /// A node that may read topology and status from afar; repeatable
    #[arg(long = "operator", env = "CAUSEWAY_OPERATOR", value_name = "NODEID", value_delimiter = ',')]
    pub(crate) operators: Vec<NodeId>,
    /// The TCP port of the proxy, by which peers of this network reach remote ones (default: 30010)
    #[arg(long, env = "CAUSEWAY_PROXY_PORT", value_name = "PORT")]
    pub(crate) proxy_port: Option<u16>,
    /// The TCP port of the control, where peers of this network register (default: 30012)
    #[arg(long, env = "CAUSEWAY_CONTROL_PORT", value_name = "PORT")]
    pub(crate) control_port: Option<u16>,
    /// The TCP port of the page, /metrics and /healthz, on 127.0.0.1 (default: 30023)
    #[arg(long, env = "CAUSEWAY_METRICS_PORT", value_name = "PORT")]
    pub(crate) metrics_port: Option<u16>,
    /// How links adapt to the path: cubic, newreno or bbr (default: cubic)
    #[arg(long, env = "CAUSEWAY_CONGESTION", value_name = "NAME")]
    pub(crate) congestion: Option<Congestion>,
    /// How long logs are kept, such as 30d; what is older goes, a log at a time, and `topology verify` says from when the
    /// rest is proven (default: as long as there is room)
    #[arg(long, env = "CAUSEWAY_RETAIN", value_name = "DURATION")]
    pub(crate) retain: Option<Retain>,
    /// How long the journal is kept, such as 7d; never more than 256 MiB of it (default: by size only)
    #[arg(long, env = "CAUSEWAY_RETAIN_JOURNAL", value_name = "DURATION")]
    pub(crate) retain_journal: Option<Retain>,
    /// How long the thread that carries streams looks out for more before it sleeps, in microseconds; 0 saves power and
    /// costs speed (default: 100)
    #[arg(long, env = "CAUSEWAY_BUSY_POLL", value_name = "MICROSECONDS")]
    pub(crate) busy_poll: Option<u64>,
    /// How long open streams may go on after SIGTERM, in seconds (default: 10)
    #[arg(long, env = "CAUSEWAY_GRACE", value_name = "SECONDS")]
    pub(crate) grace: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PeerArgs {
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    #[command(flatten)]
    pub(crate) consul: ConsulArgs,
    /// The address to listen on, with the TCP port of the chat if it is to be another (default: every address, port 30000)
    #[arg(long, env = "CAUSEWAY_LISTEN", value_name = "ADDR")]
    pub(crate) listen: Option<Listen>,
    /// The control port of a bridge, where multicast does not work; repeatable
    #[arg(
        long = "bridge",
        env = "CAUSEWAY_BRIDGE",
        value_name = "HOST:PORT[/NODEID]",
        value_delimiter = ','
    )]
    pub(crate) bridges: Vec<String>,
    /// A peer at a fixed address, by its greeting port; repeatable
    #[arg(long = "peer", env = "CAUSEWAY_PEER", value_name = "HOST:PORT", value_delimiter = ',')]
    pub(crate) peers: Vec<String>,
    /// Where the page is, or `off` (default: 127.0.0.1:30003, or a free port if that is taken)
    #[arg(long, env = "CAUSEWAY_UI", value_name = "ADDR:PORT|off")]
    pub(crate) ui: Option<Ui>,
    /// A dispatcher that keeps this peer for people: until it says whose the peer is, the page is nobody's; repeatable
    #[arg(
        long = "obey",
        env = "CAUSEWAY_OBEY",
        value_name = "NODEID",
        value_delimiter = ',',
        requires = "login"
    )]
    pub(crate) obey: Vec<NodeId>,
    /// The address of that dispatcher's page, where people log in
    #[arg(long, env = "CAUSEWAY_LOGIN", value_name = "URL", requires = "obey")]
    pub(crate) login: Option<Url>,
    /// The page may be asked for as this peer's id below this name, beside addresses and names below `localhost`
    #[arg(long, env = "CAUSEWAY_UI_DOMAIN", value_name = "DOMAIN", requires = "obey")]
    pub(crate) ui_domain: Option<String>,
    /// With --consul and --ui-domain: an entry point of Traefik that leads to the page, such as `websecure`; repeatable
    /// (default: Traefik's default ones)
    #[arg(
        long = "entry-point",
        env = "CAUSEWAY_ENTRY_POINT",
        value_name = "NAME",
        value_delimiter = ',',
        requires = "ui_domain"
    )]
    pub(crate) entry_points: Vec<String>,
    /// Where /metrics and /healthz are served (default: nowhere)
    #[arg(long, env = "CAUSEWAY_METRICS_LISTEN", value_name = "ADDR")]
    pub(crate) metrics_listen: Option<SocketAddr>,
}
