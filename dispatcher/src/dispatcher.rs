//! A running dispatcher: how its parts are put together, and the order in which they end.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc};

use discovery::{Announcer, Discovery};
use identity::{NodeId, tls::Identity};
use prometheus_client::registry::Registry;
use runtime::{
    TaskGroup,
    metrics::Health,
    rpc::{PortChoice, bind_tcp},
    socket_path,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, AdminLinks},
    backend::{Backend, process::Processes, swarm::Swarm},
    config::{AdminPage, CatalogKind, DispatcherConfig, Place},
    control::{self, DispatcherControl},
    cookie::Keys,
    error::StartError,
    fellows::{Catalog, Fellows, Heard, Listed},
    keeper::{Keeper, Kept},
    ledger::Ledger,
    limits::SHUTDOWN_GRACE,
    metrics::Metrics,
    network::{Ground, Node},
    route,
    web::{self, Address, Pace, PassOn, Web},
};

/// Where the page is, unless it was said otherwise.
const PAGE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 20_000);
/// Where the page for whoever runs it is, unless it was said otherwise.
const ADMIN: SocketAddr = SocketAddr::new(PAGE.ip(), 20_001);
/// The folder of the log, and that of the peers, within the data directory.
const STORE: &str = "store";
const PEERS: &str = "peers";
/// The file that remembers a port that is not the default.
const PORT: &str = "port";

/// A running dispatcher. It runs until [`Dispatcher::shutdown`]; its peers run on.
#[derive(Debug)]
#[must_use = "a dispatcher that is dropped stops"]
pub struct Dispatcher {
    id: NodeId,
    url: String,
    socket: PathBuf,
    group: TaskGroup,
    discovery: Discovery,
    stop: CancellationToken,
}

impl Dispatcher {
    /// Opens the log, takes up the peers that run, and serves the page. It can be asked for on return.
    ///
    /// # Errors
    /// [`StartError`] says why not, and what to do. Nothing runs then.
    pub async fn start(config: DispatcherConfig) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let opening = Arc::clone(&config);
        let opened = tokio::task::spawn_blocking(move || Opened::open(&opening)).await;
        let opened = opened.map_err(|error| StartError::io(&config.data)(std::io::Error::other(error)))??;
        let group = TaskGroup::new();
        let outcome = Self::assemble(config, opened, &group).await;
        if outcome.is_err() {
            group.abort();
        }
        outcome
    }

    async fn assemble(
        config: Arc<DispatcherConfig>,
        opened: Opened,
        group: &TaskGroup,
    ) -> Result<Self, StartError> {
        let Opened { own, ledger, keys, ground } = opened;
        let (listener, listen) = listen(&config)?;
        let admin = listen_for_admin(config.admin)?;
        let address = Address::new(config.domain.as_deref(), listen.port());
        let metrics = Metrics::default();
        let backend = backend(&config, ground.announcer(), &address, group);
        let (id, url, key) = (own.id(), address.login(), own.key().clone());
        serve_metrics(&config, group, (&metrics, ledger.health()))?;
        let mut listening = vec![format!("page {listen}")];
        listening.extend(ground.listening());
        let node = ground.look_around(&config.membership, &own, group);
        let catalog = catalog(&config, &node, group);
        let fellows = Fellows::new(node.clone(), config.fellows.clone(), catalog);
        let parts = (ledger, backend, fellows);
        let Kept { commands, sleeping } =
            Keeper::spawn(parts, own.clone(), Arc::clone(&config), (group, metrics.clone()));
        node.tell_who_sleeps(sleeping, group);
        ground.serve(&node, &config.fellows, commands.clone(), group).await?;
        let web = Web {
            commands: commands.clone(),
            keys,
            own,
            address,
            pace: Pace::new(config.logins_per_minute),
            proxies: config.trusted_proxies.clone().into(),
            pass_on: PassOn::new(group.clone()),
            metrics,
            forget: days(config.forget).into(),
        };
        web::serve(group, listener, web);
        route::register(&config, &node.discovery, listen, group);
        let stop = CancellationToken::new();
        let links = admin.as_ref().map(|(_, address)| AdminLinks::new(key, *address));
        if let (Some((listener, _)), Some(links)) = (admin, &links) {
            let about = json!({ "name": config.name, "url": url, "max_peers": config.max_peers });
            admin::serve(group, listener, links, (commands.clone(), about));
        }
        let (told, stopped) = (url.clone(), stop.clone());
        let service = DispatcherControl { commands, config, id, url: told, listening, links, stop: stopped };
        let (listener, socket) =
            socket_path::listen(&service.config.data).map_err(StartError::io(&service.config.data))?;
        control::serve(group, listener, service).await;
        tracing::info!(%id, url, "dispatcher started");
        Ok(Self { id, url, socket, group: group.clone(), discovery: node.discovery, stop })
    }

    /// The node id.
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// Where people log in.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Resolves when somebody asked it to stop over the local control. Call [`Dispatcher::shutdown`] then.
    pub async fn stop_requested(&self) {
        self.stop.cancelled().await;
    }

    /// Ends in good order. The peers run on, and are found again by the next start.
    pub async fn shutdown(self) {
        self.discovery.shutdown().await;
        if !self.group.shutdown(SHUTDOWN_GRACE).await {
            tracing::warn!("some tasks did not end in time and were dropped");
        }
        socket_path::clean_up(&self.socket);
        tracing::info!(id = %self.id, "dispatcher stopped");
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.group.abort();
    }
}

/// What is on the disk, and the ports of the network.
struct Opened {
    own: Identity,
    ledger: Ledger,
    keys: Keys,
    ground: Ground,
}

impl Opened {
    /// Blocks on the disk.
    fn open(config: &DispatcherConfig) -> Result<Self, StartError> {
        let data = &config.data;
        let own = Identity::load_or_create(data)?;
        let ledger = Ledger::open(&data.join(STORE))?;
        let keys = Keys::load(config.keys.as_deref(), data)?;
        let ground = Ground::take((data, &config.name), &config.membership, &own)?;
        Ok(Self { own, ledger, keys, ground })
    }
}

fn backend(
    config: &DispatcherConfig,
    announcer: Announcer,
    address: &Address,
    group: &TaskGroup,
) -> Arc<dyn Backend> {
    let obeyed = [announcer.id()].into_iter().chain(config.fellows.iter().copied());
    let mut arguments: Vec<_> = obeyed.flat_map(|id| ["--obey".to_owned(), id.to_string()]).collect();
    arguments.extend(["--login".into(), address.login()]);
    arguments.extend(config.domain.iter().flat_map(|domain| ["--ui-domain".to_owned(), domain.clone()]));
    arguments.extend(config.peer_arguments.iter().cloned());
    match &config.backend {
        Place::Process => Arc::new(Processes {
            program: config.program.clone(),
            // The same text whatever folder this was started in: processes are known by it.
            folder: std::path::absolute(&config.data).unwrap_or_else(|_| config.data.clone()).join(PEERS),
            arguments,
            group: group.clone(),
        }),
        Place::Swarm(swarm) => Swarm::spawn(swarm, announcer, arguments, group),
    }
}

fn catalog(config: &DispatcherConfig, node: &Node, group: &TaskGroup) -> Arc<dyn Catalog> {
    match (config.catalog, config.consul.clone()) {
        (CatalogKind::Consul, Some(consul)) => {
            Arc::new(Listed::spawn(node.own.id(), &config.membership.network, consul, group))
        }
        _ => Arc::new(Heard::new(node.discovery.clone())),
    }
}

/// Takes the port; one that took the place of the default is kept for the next start, since people have bookmarks.
fn listen(config: &DispatcherConfig) -> Result<(TcpListener, SocketAddr), StartError> {
    let path = config.data.join(PORT);
    let before = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
    let default = SocketAddr::new(PAGE.ip(), before.unwrap_or(PAGE.port()));
    let listener = bind_tcp(config.listen.map_or(PortChoice::Default(default), PortChoice::Exact))?;
    let address = listener.local_addr().map_err(StartError::io(&path))?;
    if config.listen.is_none() && address.port() != default.port() {
        let kept = runtime::replace_file(&path, format!("{}\n", address.port()).as_bytes());
        kept.map_err(StartError::io(&path))?;
    }
    Ok((listener, address))
}

fn listen_for_admin(admin: AdminPage) -> Result<Option<(TcpListener, SocketAddr)>, StartError> {
    let choice = match admin {
        AdminPage::Off => return Ok(None),
        AdminPage::At(address) => PortChoice::Exact(address),
        AdminPage::Default => PortChoice::Default(ADMIN),
    };
    let listener = bind_tcp(choice)?;
    let address = listener.local_addr().map_err(StartError::io("the admin page's port"))?;
    Ok(Some((listener, address)))
}

fn serve_metrics(
    config: &DispatcherConfig,
    group: &TaskGroup,
    (metrics, health): (&Metrics, Health),
) -> Result<(), StartError> {
    let Some(address) = config.metrics else { return Ok(()) };
    let mut registry = Registry::with_prefix("causeway");
    metrics.register(&mut registry);
    let listener = bind_tcp(PortChoice::Exact(address))?;
    runtime::metrics::serve(group, listener, Arc::new(registry), health);
    Ok(())
}

fn days(time: std::time::Duration) -> String {
    match time.as_secs() / (24 * 3600) {
        0 => "a day".to_owned(),
        1 => "one day".to_owned(),
        days => format!("{days} days"),
    }
}
