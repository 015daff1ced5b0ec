//! `causeway peers`.

use comfy_table::Table;
use proto::bridge::v1::{KnownPeer, PeersRequest, PeersResponse};
use serde_json::{Value, json};

use crate::{args::ReadArgs, client::Client, output};

pub(super) async fn run(args: ReadArgs) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), None).await?;
    let PeersResponse { peers, omitted } = client.node().peers(PeersRequest {}).await?.into_inner();
    if args.json {
        peers.iter().try_for_each(|peer| output::object(&as_json(peer)))?;
    } else if peers.is_empty() {
        output::line("nobody yet; `causeway doctor` finds out why")?;
    } else {
        output::line(&table(&peers).trim_fmt())?;
    }
    if omitted > 0 {
        eprintln!("causeway: {omitted} more are known than fit into one answer");
    }
    Ok(())
}

fn table(peers: &[KnownPeer]) -> Table {
    let mut table =
        output::table(&["NAME", "ID", "KIND", "NETWORK", "VIA", "STATE", "LAST SEEN", "ADDRESSES", "WHY"]);
    for peer in peers {
        table.add_row(row(peer));
    }
    table
}

fn row(peer: &KnownPeer) -> [String; 9] {
    [
        output::harmless(&peer.name),
        output::short(&peer.node_id),
        output::kind(peer.kind()).into(),
        output::harmless(&output::network(peer.network.as_ref())),
        output::via_text(is_reachable(peer), &peer.via),
        peer.state.clone(),
        output::clock(&peer.last_seen),
        peer.addresses.join(" "),
        output::harmless(&peer.reason),
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
