//! What `causeway dispatcher` is to run.

use std::time::Duration;

use anyhow::Context as _;
use dispatcher::{AdminPage, CatalogKind, DispatcherConfig, Place, SwarmConfig};
use identity::{MAX_KEEPERS, NodeId};

use super::{
    consul::{consul, options},
    data_of, first, host_name, name, network, targets, usage,
};
use crate::{
    args::{Backend, Catalog, DispatcherArgs, Ui},
    data::Kind,
    file::DispatcherTable,
};

/// A peer that is stopped while its person blinks helps nobody.
const LEAST_IDLE: Duration = Duration::from_secs(1);

/// The image of peers when nobody said which.
const IMAGE: &str = "causeway-peer";

pub(crate) fn dispatcher(args: DispatcherArgs, file: DispatcherTable) -> anyhow::Result<DispatcherConfig> {
    let name = name(args.name.or(file.name), host_name)?;
    let network = network(args.network.or(file.network))?;
    let data = data_of(args.data.or(file.data), Kind::Dispatcher, &name)?;
    let program =
        std::env::current_exe().context("cannot tell which program this is, to start peers with")?;
    let mut config = DispatcherConfig::new(data, name, network, program);
    config.listen = args.listen.or(file.listen);
    config.admin = match args.admin.or(file.admin) {
        Some(Ui::At(address)) => AdminPage::At(address),
        Some(Ui::Off) => AdminPage::Off,
        None => AdminPage::Default,
    };
    config.domain = args.domain.or(file.domain);
    config.consul = consul(args.consul, file.consul, file.consul_token_file)?;
    config.entry_points = first(args.entry_points, file.entry_point);
    config.catalog = catalog(args.catalog.or(file.catalog), &config)?;
    config.keys = args.keys.or(file.keys);
    config.pool = args.pool.or(file.pool).unwrap_or(config.pool);
    config.max_peers = args.max_peers.or(file.max_peers).unwrap_or(config.max_peers);
    config.idle = args.idle.or_else(|| file.idle.map(|idle| idle.0)).unwrap_or(config.idle);
    if config.idle < LEAST_IDLE {
        return Err(usage("--idle must be at least a second".into()));
    }
    config.forget = args.forget.or(file.forget).map_or(config.forget, |forget| forget.0);
    config.logins_per_minute =
        args.logins_per_minute.or(file.logins_per_minute).unwrap_or(config.logins_per_minute);
    config.trusted_proxies = first(args.trusted_proxies, file.trusted_proxy);
    config.metrics = args.metrics_listen.or(file.metrics_listen);
    let bridges = first(args.bridges, file.bridge);
    config.membership.bridges = targets(&bridges)?;
    let (image, overlay) = (args.image.or(file.image), args.overlay.or(file.overlay));
    config.backend = place(args.backend.or(file.backend), (image, overlay))?;
    config.fellows = fellows(first(args.fellows, file.fellow), config.max_peers)?;
    let interfaces = first(args.interfaces, file.interface);
    if let Some(multicast) = &mut config.membership.multicast {
        multicast.interfaces.clone_from(&interfaces);
    }
    let repeated = [("--bridge", bridges), ("--interface", interfaces)];
    for (option, values) in repeated {
        config.peer_arguments.extend(values.into_iter().flat_map(|value| [option.to_owned(), value]));
    }
    if let Some(consul) = &config.consul {
        config.peer_arguments.extend(options(consul));
    }
    if config.domain.is_some() {
        let names = config.entry_points.iter();
        config.peer_arguments.extend(names.flat_map(|name| ["--entry-point".to_owned(), name.clone()]));
    }
    if let Some(address) = args.peer_listen.or(file.peer_listen) {
        config.membership.listen = Some(address);
        config.peer_arguments.extend(["--listen".to_owned(), address.to_string()]);
    }
    if let Some(port) = args.discovery_port.or(file.discovery_port) {
        if let Some(multicast) = &mut config.membership.multicast {
            multicast.port = port;
        }
        config.peer_arguments.extend(["--discovery-port".to_owned(), port.to_string()]);
    }
    Ok(config)
}

fn fellows(ids: Vec<NodeId>, max_peers: usize) -> anyhow::Result<Vec<NodeId>> {
    if ids.len() >= MAX_KEEPERS {
        return Err(usage(format!("a peer obeys at most {MAX_KEEPERS} dispatchers, this one included")));
    }
    if max_peers == 0 && ids.is_empty() {
        return Err(usage(
            "--max-peers 0 leaves no peer for anybody: it is for a dispatcher that only gives out those of a --fellow".into(),
        ));
    }
    Ok(ids)
}

fn catalog(asked: Option<Catalog>, config: &DispatcherConfig) -> anyhow::Result<CatalogKind> {
    let is_listed = config.consul.is_some() && config.domain.is_some();
    match asked {
        Some(Catalog::Consul) if is_listed => Ok(CatalogKind::Consul),
        Some(Catalog::Consul) => Err(usage(
            "--catalog consul needs --consul and --domain: peers are listed there with the routes to their pages".into(),
        )),
        Some(Catalog::Bridge) | None => Ok(CatalogKind::Bridge),
    }
}

fn place(
    backend: Option<Backend>,
    (image, overlay): (Option<String>, Option<String>),
) -> anyhow::Result<Place> {
    match (backend, overlay) {
        (Some(Backend::Swarm), Some(overlay)) => {
            let image = image.unwrap_or_else(|| IMAGE.to_owned());
            Ok(Place::Swarm(SwarmConfig { image, overlay }))
        }
        (Some(Backend::Swarm), None) => Err(usage(
            "which overlay network are the peers to be attached to? Name it with --overlay; `docker network create \
             --driver overlay --attachable people` makes one"
                .into(),
        )),
        (_, None) if image.is_none() => Ok(Place::Process),
        _ => Err(usage("--image and --overlay belong to --backend swarm".into())),
    }
}
