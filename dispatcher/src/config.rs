//! What a dispatcher is told at its start.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Where the page for whoever runs the dispatcher is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminPage {
    /// On 127.0.0.1:20001, or on a free port if that is taken.
    Default,
    /// Asked for: it is an error when it is taken.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

/// Everything that a dispatcher is told; [`DispatcherConfig::new`] fills in the defaults.
#[derive(Debug, Clone)]
pub struct DispatcherConfig {
    /// The data directory: identity, log, keys, and the peers' own directories.
    pub data: PathBuf,
    /// For people.
    pub name: String,
    /// Where the page is; `None`: 127.0.0.1:20000, or a free port if that is taken.
    pub listen: Option<SocketAddr>,
    /// Where the page for whoever runs it is.
    pub admin: AdminPage,
    /// Peers have their pages at `https://ID.DOMAIN`, the login is at `https://DOMAIN`; `None`: below `localhost`, at the
    /// port of the page.
    pub domain: Option<String>,
    /// The keys of the cookies, which replicas share; `None`: a file in the data directory.
    pub keys: Option<PathBuf>,
    /// Vacant peers that are kept ready.
    pub pool: usize,
    /// Peers in all.
    pub max_peers: usize,
    /// A peer that nobody uses for so long is stopped, until the next visit.
    pub idle: Duration,
    /// A peer that was not visited for so long is removed.
    pub forget: Duration,
    /// Logins of one address in a minute; 0: as many as it likes.
    pub logins_per_minute: u32,
    /// Where to serve metrics and health over HTTP; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Where the peers run.
    pub backend: Place,
    /// The program that is a peer, for peers that are processes.
    pub program: PathBuf,
    /// What every peer is told beside what the dispatcher tells it: `--network` and the like.
    pub peer_arguments: Vec<String>,
}

/// Where the peers run.
#[derive(Debug, Clone, Default)]
pub enum Place {
    /// As processes of this machine.
    #[default]
    Process,
    /// As services of a Docker swarm.
    Swarm(SwarmConfig),
}

/// What peers that are services need. Docker is asked at the socket that `DOCKER_HOST` names, or at its usual one.
#[derive(Debug, Clone)]
pub struct SwarmConfig {
    /// The image whose program runs a peer when it is called with `peer`.
    pub image: String,
    /// The overlay network that the peers, this dispatcher and a bridge are attached to.
    pub overlay: String,
    /// The network of the peers, as they are told: this dispatcher greets them in it.
    pub network: String,
}

impl DispatcherConfig {
    /// The default configuration. `program` runs a peer when it is called with `peer`.
    pub fn new(data: impl Into<PathBuf>, name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            name: name.into(),
            listen: None,
            admin: AdminPage::Default,
            domain: None,
            keys: None,
            pool: 2,
            max_peers: 200,
            idle: Duration::from_secs(3600),
            forget: Duration::from_secs(90 * 24 * 3600),
            logins_per_minute: 30,
            metrics: None,
            backend: Place::Process,
            program: program.into(),
            peer_arguments: Vec::new(),
        }
    }
}
