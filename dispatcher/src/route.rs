//! The dispatcher in Consul: as a node of its network; and how browsers get here by Traefik, by the login's own name and
//! the names of peers that sleep.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use discovery::{
    Discovery,
    consul::{
        Client, Keeping,
        route::{self, Entrance},
    },
    source::consul::Consul,
};
use runtime::TaskGroup;
use tokio::sync::watch;

use crate::config::DispatcherConfig;

/// Registers until the group ends, if there is a Consul; the login page if there is a domain, too. Its port stays open
/// whatever becomes of Consul and Traefik.
pub(crate) fn register(
    config: &DispatcherConfig,
    discovery: &Discovery,
    listen: SocketAddr,
    group: &TaskGroup,
) {
    let Some(consul) = config.consul.clone() else { return };
    let as_node = config.membership.listen.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    discovery.add_source(Consul::new(consul.clone(), as_node));
    let Some(domain) = config.domain.clone() else { return };
    let entrance = Entrance { domain, entry_points: config.entry_points.clone() };
    let id = discovery.announcer().id();
    let service = move |from| route::login(id, listen, &entrance, from);
    let end = group.clone();
    group.spawn(tracing::info_span!("route"), async move {
        // Nothing of it changes while this runs; the end of the sender would mean that it is not wanted any more.
        let (_never, changes) = watch::channel(());
        Keeping::new(Client::new(consul), service, changes).run(end.token()).await;
    });
}
