//! How browsers get here by Traefik: the login's own name, and the names of peers that sleep.

use std::net::SocketAddr;

use discovery::consul::{
    Client, Keeping,
    route::{self, Entrance},
};
use identity::NodeId;
use runtime::TaskGroup;
use tokio::sync::watch;

use crate::config::DispatcherConfig;

/// Keeps the login page in Consul until the group ends, if there is a Consul and a domain. Its port stays open whatever
/// becomes of Consul and Traefik.
pub(crate) fn register(config: &DispatcherConfig, id: NodeId, listen: SocketAddr, group: &TaskGroup) {
    let (Some(consul), Some(domain)) = (config.consul.clone(), config.domain.clone()) else { return };
    let entrance = Entrance { domain, entry_points: config.entry_points.clone() };
    let service = move |from| route::login(id, listen, &entrance, from);
    let end = group.clone();
    group.spawn(tracing::info_span!("route"), async move {
        // Nothing of it changes while this runs; the end of the sender would mean that it is not wanted any more.
        let (_never, changes) = watch::channel(());
        Keeping::new(Client::new(consul), service, changes).run(end.token()).await;
    });
}
