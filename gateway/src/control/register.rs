//! Registration: a node of the network announces itself and renews its lease.

use discovery::addresses::to_octets;
use identity::{Announcement, Description, Network};
use proto::{
    bridge::v1::{RegisterRequest, RegisterResponse},
    node::v1::NodeKind,
};
use tonic::Status;

use super::callers::{Caller, Refused};
use crate::{
    actor::Registration,
    limits::REGISTRATION_LEASE,
    shared::{Inner, Shared},
    status::invalid,
};

pub(super) async fn register(
    shared: &Shared,
    caller: Caller,
    request: RegisterRequest,
) -> Result<RegisterResponse, Status> {
    if request.goodbye {
        shared.actor.goodbye(caller.id).await?;
        return Ok(response(shared, caller));
    }
    if shared.table.is_draining() {
        return Err(Refused::Draining.into());
    }
    let registration = check(shared, caller, request)?;
    shared.actor.register(registration).await??;
    Ok(response(shared, caller))
}

fn check(shared: &Inner, caller: Caller, request: RegisterRequest) -> Result<Registration, Status> {
    let description = request.description.ok_or(Refused::Missing("description"))?;
    let announcement = request.announcement.ok_or(Refused::Missing("announcement"))?;
    let description = Description::verify(description).map_err(|error| invalid(&error))?;
    let announcement = Announcement::verify(announcement).map_err(|error| invalid(&error))?;
    if description.id() != caller.id {
        return Err(Refused::NotTheCallers("description").into());
    }
    if announcement.id() != caller.id {
        return Err(Refused::NotTheCallers("announcement").into());
    }
    if announcement.description_hash() != description.hash() {
        return Err(Refused::Missing("description that the announcement names").into());
    }
    // A bridge is reached by its links, not across another bridge.
    if !matches!(announcement.kind(), NodeKind::Peer | NodeKind::Dispatcher) {
        return Err(Refused::Missing("kind: only peers and dispatchers register").into());
    }
    check_network(&shared.network, announcement.network())?;
    Ok(Registration { description, announcement, from: caller.address })
}

/// The same name, and the same id if the node knows one already.
pub(super) fn check_network(ours: &Network, theirs: &Network) -> Result<(), Refused> {
    if ours.name == theirs.name && (theirs.id.is_none() || theirs.id == ours.id) {
        return Ok(());
    }
    Err(Refused::Network { ours: in_words(ours), theirs: in_words(theirs) })
}

fn in_words(network: &Network) -> String {
    network.id.map_or_else(|| network.name.clone(), |id| format!("{} (id {id})", network.name))
}

fn response(shared: &Inner, caller: Caller) -> RegisterResponse {
    RegisterResponse {
        lease_ms: u32::try_from(REGISTRATION_LEASE.as_millis()).unwrap_or(u32::MAX),
        network: Some(shared.network.to_proto()),
        proxy_port: shared.addresses.proxy.port().into(),
        greeting_port: shared.addresses.greeting.port().into(),
        description: Some(shared.description.signed().clone()),
        observed_address: to_octets(caller.address.ip().to_canonical()),
    }
}
