//! `causeway peers`.

use proto::bridge::v1::{KnownPeer, PeersRequest};
use serde_json::{Value, json};

use crate::{args::ReadArgs, client::Client, output};

pub(super) async fn run(args: ReadArgs) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), None).await?;
    let peers = client.node().peers(PeersRequest {}).await?.into_inner().peers;
    if args.json {
        return peers.iter().try_for_each(|peer| Ok(output::object(&as_json(peer))?));
    }
    if peers.is_empty() {
        return Ok(output::line("nobody yet; `causeway doctor` finds out why")?);
    }
    let mut table =
        output::table(&["NAME", "ID", "KIND", "NETWORK", "VIA", "STATE", "LAST SEEN", "ADDRESSES"]);
    for peer in &peers {
        table.add_row(row(peer));
    }
    Ok(output::line(&table.trim_fmt())?)
}

fn row(peer: &KnownPeer) -> [String; 8] {
    let state =
        if peer.reason.is_empty() { peer.state.clone() } else { format!("{}: {}", peer.state, peer.reason) };
    [
        output::harmless(&peer.name),
        output::short(&peer.node_id),
        output::kind(peer.kind()).into(),
        output::harmless(&output::network(peer.network.as_ref())),
        output::via_text(is_reachable(peer), &peer.via),
        output::harmless(&state),
        output::clock(&peer.last_seen),
        peer.addresses.join(" "),
    ]
}

fn is_reachable(peer: &KnownPeer) -> bool {
    peer.state == "online"
}

fn as_json(peer: &KnownPeer) -> Value {
    json!({
        "id": output::id(&peer.node_id),
        "name": peer.name,
        "kind": output::kind(peer.kind()),
        "network": output::network(peer.network.as_ref()),
        "via": output::via(is_reachable(peer), &peer.via),
        "addresses": peer.addresses,
        "state": peer.state,
        "last_seen": peer.last_seen,
        "reason": peer.reason,
    })
}
