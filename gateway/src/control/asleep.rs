//! A dispatcher says of a peer that it keeps that the peer sleeps.

use identity::{Announcement, Description};
use proto::{
    bridge::v1::{AsleepRequest, AsleepResponse},
    node::v1::NodeKind,
};
use tonic::Status;

use super::{
    callers::{Caller, Refused},
    register::check_network,
};
use crate::{actor::Sleeper, shared::Shared, status::invalid};

/// The peer itself names its keepers in what it signed: whoever else says that it sleeps is not believed.
pub(super) async fn asleep(
    shared: &Shared,
    caller: Caller,
    request: AsleepRequest,
) -> Result<AsleepResponse, Status> {
    let description = request.description.ok_or(Refused::Missing("description"))?;
    let announcement = request.announcement.ok_or(Refused::Missing("announcement"))?;
    let description = Description::verify(description).map_err(|error| invalid(&error))?;
    let announcement = Announcement::verify(announcement).map_err(|error| invalid(&error))?;
    if announcement.id() != description.id() || announcement.kind() != NodeKind::Peer {
        return Err(Refused::Missing("announcement of that peer").into());
    }
    if announcement.description_hash() != description.hash() {
        return Err(Refused::Missing("description that the announcement names").into());
    }
    if !description.keepers().any(|keeper| keeper == caller.id) {
        return Err(Refused::NoKeeper.into());
    }
    check_network(&shared.network, announcement.network())?;
    shared.actor.asleep(Sleeper { description, announcement, waker: caller.id }).await??;
    Ok(AsleepResponse {})
}
