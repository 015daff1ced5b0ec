//! Finding the way to a bridge's control port, and who is there.

use std::{net::SocketAddr, sync::Arc};

use identity::{
    NodeId,
    tls::{ALPN_H2, Expected, client_config, node_of_certificate, server_name},
};
use runtime::rpc::{ConnectError, connect_tls};
use tonic::transport::Channel;

use super::Origin;
use crate::{greeting::race, limits::BRIDGE_TIMEOUT, source::Outlet};

/// A connection to a bridge that has proved its id.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) id: NodeId,
    pub(super) control: SocketAddr,
    pub(super) channel: Channel,
}

/// Connects to the bridge of this origin, which must be `known` if that is given.
///
/// # Errors
/// A sentence for a person.
pub(super) async fn connect(
    origin: &Origin,
    known: Option<NodeId>,
    outlet: &Outlet,
) -> Result<Connected, String> {
    let addresses = addresses(origin, outlet).await?;
    let expected = known.map_or(Expected::Any, Expected::Node);
    let own = outlet.announcer();
    let config = client_config(own.identity(), expected, ALPN_H2).map_err(|error| error.to_string())?;
    let config = Arc::new(config);
    // The control port answers to any name; the node extension says who it is.
    let name = server_name(known.unwrap_or_else(|| own.id()));
    let connected = race(&addresses, |address| {
        let (config, name) = (Arc::clone(&config), name.clone());
        async move {
            let (channel, info) = connect_tls(address, config, name, BRIDGE_TIMEOUT).await?;
            Ok::<_, ConnectError>((address, channel, info))
        }
    });
    let (control, channel, info) = match connected.await {
        Some(Ok(connected)) => connected,
        Some(Err(error)) => return Err(sentence(&error, known)),
        None => return Err("no address of this bridge is known".into()),
    };
    let certificate = info.certificate.ok_or("the bridge showed no certificate")?;
    let id = node_of_certificate(&certificate).map_err(|error| error.to_string())?;
    Ok(Connected { id, control, channel })
}

async fn addresses(origin: &Origin, outlet: &Outlet) -> Result<Vec<SocketAddr>, String> {
    match origin {
        Origin::Given(target) => {
            let found = target.resolve().await;
            found.map_err(|error| format!("cannot look up {}: {error}", target.host()))
        }
        Origin::Heard(id) => {
            let snapshot = outlet.snapshot();
            let node = snapshot.neighbours.get(id);
            Ok(node.map(|node| node.at(|ports| ports.control)).unwrap_or_default())
        }
    }
}

fn sentence(error: &ConnectError, known: Option<NodeId>) -> String {
    match (error, known) {
        (ConnectError::Io { source, .. }, Some(known))
            if source.kind() == std::io::ErrorKind::InvalidData =>
        {
            format!("{error}; whoever answers there did not prove to be {known}")
        }
        _ => error.to_string(),
    }
}
