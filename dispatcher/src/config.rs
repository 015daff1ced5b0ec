//! What a dispatcher is told at its start.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use discovery::{MulticastSettings, Target, consul::ConsulSettings};
use identity::NodeId;

use crate::proxies::TrustedProxy;

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
    /// Where vacant peers of fellows are found.
    pub catalog: CatalogKind,
    /// Consul: with a domain, Traefik learns there which names lead here.
    pub consul: Option<ConsulSettings>,
    /// Traefik's entry points that lead here; empty: its default ones.
    pub entry_points: Vec<String>,
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
    /// Proxies in front of the page that say truly from which address somebody comes.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// Where to serve metrics and health over HTTP; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// The network of its peers, and how it takes part in it.
    pub membership: Membership,
    /// Other dispatchers that may give out its peers, as it may give out theirs.
    pub fellows: Vec<NodeId>,
    /// Where the peers run.
    pub backend: Place,
    /// The program that is a peer, for peers that are processes.
    pub program: PathBuf,
    /// What every peer is told beside what the dispatcher tells it: `--network` and the like.
    pub peer_arguments: Vec<String>,
}

/// Where vacant peers of fellows are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CatalogKind {
    /// By what this dispatcher hears and what the bridges of its network tell.
    #[default]
    Bridge,
    /// By the pages that [`DispatcherConfig::consul`] lists; without one as [`CatalogKind::Bridge`].
    Consul,
}

/// How the dispatcher takes part in the network of its peers: bridges have it wake who sleeps.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The name of the network.
    pub network: String,
    /// Control ports of bridges, given by a person; those that are heard are used, too.
    pub bridges: Vec<Target>,
    /// How others are heard; `None`: not at all.
    pub multicast: Option<MulticastSettings>,
    /// The address that it listens on for bridges; `None`: every one.
    pub listen: Option<IpAddr>,
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
}

impl DispatcherConfig {
    /// The default configuration, for peers of a network. `program` runs a peer when it is called with `peer`.
    pub fn new(
        data: impl Into<PathBuf>,
        name: impl Into<String>,
        network: impl Into<String>,
        program: impl Into<PathBuf>,
    ) -> Self {
        let network = network.into();
        let peer_arguments = ["--network", &network].map(String::from).to_vec();
        Self {
            data: data.into(),
            name: name.into(),
            listen: None,
            admin: AdminPage::Default,
            domain: None,
            catalog: CatalogKind::default(),
            consul: None,
            entry_points: Vec::new(),
            keys: None,
            pool: 2,
            max_peers: 200,
            idle: Duration::from_secs(3600),
            forget: Duration::from_secs(90 * 24 * 3600),
            logins_per_minute: 30,
            trusted_proxies: Vec::new(),
            metrics: None,
            membership: Membership {
                network,
                bridges: Vec::new(),
                multicast: Some(MulticastSettings::default()),
                listen: None,
            },
            fellows: Vec::new(),
            backend: Place::Process,
            program: program.into(),
            peer_arguments,
        }
    }
}
