//! `causeway invite` and `causeway join`: pairing two bridges.

use std::net::{IpAddr, SocketAddr};

use proto::control::v1::{InviteRequest, JoinRequest};

use crate::{
    args::{Invite, Join},
    client::Client,
    data::Kind,
    output,
};

pub(super) async fn invite(args: Invite) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), Some(Kind::Bridge)).await?;
    let request = InviteRequest {
        address: args.address.unwrap_or_default(),
        valid_s: u32::try_from(args.valid.as_secs()).unwrap_or(u32::MAX),
    };
    let answer = client.bridge().invite(request).await?.into_inner();
    eprintln!(
        "Give this to the other bridge, over a channel that you trust; it works once, until {}:",
        answer.expires_at
    );
    output::line(&answer.token)?;
    eprintln!("There: causeway join TOKEN");
    eprintln!("It leads there to {}.", answer.addresses.join(" and "));
    if answer.addresses.iter().all(|address| is_private(address)) {
        eprintln!(
            "From outside of this network that leads nowhere: name an address that does, with --address HOST:PORT."
        );
    }
    Ok(())
}

/// Whether an address means something in one's own network alone (RFC 1918, 6598 and 4193).
fn is_private(address: &str) -> bool {
    match address.parse::<SocketAddr>().map(|address| address.ip()) {
        Ok(IpAddr::V4(four)) => {
            four.is_private() || four.is_loopback() || matches!(four.octets(), [100, 64..=127, ..])
        }
        Ok(IpAddr::V6(six)) => six.is_unique_local() || six.is_loopback(),
        Err(_) => false,
    }
}

pub(super) async fn join(args: Join) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), Some(Kind::Bridge)).await?;
    let answer = client.bridge().join(JoinRequest { token: args.token }).await?.into_inner();
    let network = output::network(answer.network.as_ref());
    let name = output::harmless(&answer.name);
    Ok(output::line(&format!("linked with {name} of network {network}, {}", output::id(&answer.node_id)))?)
}
