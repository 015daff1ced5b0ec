//! A running dispatcher: how its parts are put together, and the order in which they end.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use identity::{NodeId, tls::Identity};
use prometheus_client::registry::Registry;
use runtime::{
    TaskGroup,
    rpc::{PortChoice, bind_tcp},
    socket_path,
};
use tokio_util::sync::CancellationToken;

use crate::{
    backend::{Backend, process::Processes, swarm::Swarm},
    config::{DispatcherConfig, Place},
    control::{self, DispatcherControl},
    cookie::Keys,
    error::StartError,
    keeper::Keeper,
    ledger::Ledger,
    limits::SHUTDOWN_GRACE,
    metrics::Metrics,
    web::{self, Address, Pace, PassOn, Web},
};

/// Where the page is, unless it was said otherwise.
const PAGE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 20_000);
/// The folder of the log, and that of the peers, within the data directory.
const STORE: &str = "store";
const PEERS: &str = "peers";

/// A running dispatcher. It runs until [`Dispatcher::shutdown`]; its peers run on.
#[derive(Debug)]
#[must_use = "a dispatcher that is dropped stops"]
pub struct Dispatcher {
    id: NodeId,
    url: String,
    socket: PathBuf,
    group: TaskGroup,
    stop: CancellationToken,
}

impl Dispatcher {
    /// Opens the log, takes up the peers that run, and serves the page. It can be asked for on return.
    ///
    /// # Errors
    /// [`StartError`] says why not, and what to do. Nothing runs then.
    pub async fn start(config: DispatcherConfig) -> Result<Self, StartError> {
        let open = {
            let (data, keys) = (config.data.clone(), config.keys.clone());
            move || -> Result<_, StartError> {
                let own = Identity::load_or_create(&data)?;
                let ledger = Ledger::open(&data.join(STORE))?;
                Ok((own, ledger, Keys::load(keys.as_deref(), &data)?))
            }
        };
        let opened = tokio::task::spawn_blocking(open).await;
        let (own, ledger, keys) =
            opened.map_err(|error| StartError::io(&config.data)(std::io::Error::other(error)))??;
        let choice = config.listen.map_or(PortChoice::Default(PAGE), PortChoice::Exact);
        let listener = bind_tcp(choice)?;
        let listen = listener.local_addr().map_err(StartError::io(&config.data))?;
        let address = Address::new(config.domain.as_deref(), listen.port());
        let (group, metrics) = (TaskGroup::new(), Metrics::default());
        let backend = backend(&config, &own, &address, &group);
        let (id, url) = (own.id(), address.login());
        serve_metrics(&config, &group, &metrics)?;
        let config = Arc::new(config);
        let parts = (ledger, backend);
        let commands = Keeper::spawn(parts, own.clone(), Arc::clone(&config), (&group, metrics.clone()));
        let web = Web {
            commands: commands.clone(),
            keys,
            own,
            address,
            pace: Pace::new(config.logins_per_minute),
            pass_on: PassOn::new(group.clone()),
            metrics,
            forget: days(config.forget).into(),
        };
        web::serve(&group, listener, web);
        let stop = CancellationToken::new();
        let service =
            DispatcherControl { commands, config, id, url: url.clone(), listen, stop: stop.clone() };
        let socket =
            socket_path::prepare(&service.config.data).map_err(StartError::io(&service.config.data))?;
        control::serve(&group, &socket, service).await?;
        tracing::info!(%id, url, "dispatcher started");
        Ok(Self { id, url, socket, group, stop })
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

fn backend(
    config: &DispatcherConfig,
    own: &Identity,
    address: &Address,
    group: &TaskGroup,
) -> Arc<dyn Backend> {
    let mut arguments = vec!["--obey".to_owned(), own.id().to_string(), "--login".into(), address.login()];
    arguments.extend(config.domain.iter().flat_map(|domain| ["--ui-domain".to_owned(), domain.clone()]));
    arguments.extend(config.peer_arguments.iter().cloned());
    match &config.backend {
        Place::Process => Arc::new(Processes {
            program: config.program.clone(),
            folder: config.data.join(PEERS),
            arguments,
            group: group.clone(),
        }),
        Place::Swarm(swarm) => Swarm::spawn(swarm, (own, &config.name), arguments, group),
    }
}

fn serve_metrics(config: &DispatcherConfig, group: &TaskGroup, metrics: &Metrics) -> Result<(), StartError> {
    let Some(address) = config.metrics else { return Ok(()) };
    let mut registry = Registry::with_prefix("causeway");
    metrics.register(&mut registry);
    let listener = bind_tcp(PortChoice::Exact(address))?;
    runtime::metrics::serve(group, listener, Arc::new(registry), Arc::new(|| Ok(())));
    Ok(())
}

fn days(time: std::time::Duration) -> String {
    match time.as_secs() / (24 * 3600) {
        0 => "a day".to_owned(),
        1 => "one day".to_owned(),
        days => format!("{days} days"),
    }
}
