//! The peer in Consul: as a node of its network, and the page of a kept one with the route that leads to it.

use discovery::{
    Discovery,
    consul::{
        Client, Keeping,
        route::{Entrance, Page},
    },
    source::consul::Consul,
};
use runtime::TaskGroup;

use crate::{config::PeerConfig, hosting::Kept, ports::Addresses};

/// Registers until the group ends, whether Consul is there or not. A kept peer's page gets its route while it is still
/// vacant, so that nobody who is sent there has to wait for it.
pub(crate) fn register(
    config: &PeerConfig,
    kept: Option<&Kept>,
    addresses: Addresses,
    discovery: &Discovery,
    group: &TaskGroup,
) {
    let Some(consul) = &config.consul else { return };
    discovery.add_source(Consul::new(consul.clone(), addresses.secure.ip()));
    let (Some(kept), Some(page)) = (kept, addresses.page) else { return };
    let Some(domain) = kept.hosting().domain.clone() else { return };
    let entrance = Entrance { domain, entry_points: kept.hosting().entry_points.clone() };
    let (id, network, secure) = (discovery.announcer().id(), config.network.clone(), addresses.secure);
    let vacancy = kept.vacancy();
    let vacant = vacancy.clone();
    let service = move |from| {
        let (network, vacant) = (network.clone(), *vacant.borrow());
        Page { id, network, page, secure, vacant }.service(&entrance, from)
    };
    let (keeping, end) = (Keeping::new(Client::new(consul.clone()), service, vacancy), group.clone());
    group.spawn(tracing::info_span!("route"), async move { keeping.run(end.token()).await });
}
