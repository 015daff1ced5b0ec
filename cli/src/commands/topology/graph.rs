//! `causeway topology graph`.

use proto::topology::v1::StateAtRequest;

use crate::{
    args::{GraphArgs, GraphFormat},
    output, past,
};

pub(super) async fn run(args: GraphArgs) -> anyhow::Result<()> {
    let request = StateAtRequest { at: args.at_time.map_or(0, |at| at.end()), ..StateAtRequest::default() };
    let state = past::open(&args.source).await?.state_at(request).await?.into_inner();
    let picture = match args.format {
        GraphFormat::Dot => gateway::past::render::dot(&state),
        GraphFormat::Mermaid => gateway::past::render::mermaid(&state),
        GraphFormat::Svg => gateway::past::render::svg(&state),
        GraphFormat::Json => return Ok(output::object(&as_json(&state))?),
    };
    Ok(output::line(picture.trim_end())?)
}

fn as_json(state: &proto::topology::v1::State) -> serde_json::Value {
    let bridge = |it: &proto::topology::v1::Bridge| {
        serde_json::json!({
            "id": output::id(&it.node_id),
            "name": it.name,
            "kind": "bridge",
            "network": output::network(it.network.as_ref()),
        })
    };
    let peer = |it: &proto::topology::v1::Peer| serde_json::json!({ "id": output::id(&it.node_id), "name": it.name, "kind": "peer" });
    let link = |it: &proto::topology::v1::Link| {
        serde_json::json!({
            "from": output::id(&it.one),
            "to": output::id(&it.other),
            "kind": "link",
            "up": it.one_says_up && it.other_says_up,
            "cost_us": it.cost_us,
        })
    };
    let homes = state.peers.iter().flat_map(|peer| {
        peer.homes.iter().map(|home| {
            serde_json::json!({ "from": output::id(&peer.node_id), "to": output::id(&home.bridge), "kind": "home" })
        })
    });
    let nodes: Vec<_> = state.bridges.iter().map(bridge).chain(state.peers.iter().map(peer)).collect();
    let edges: Vec<_> = state.links.iter().map(link).chain(homes).collect();
    serde_json::json!({ "at": state.at_text, "nodes": nodes, "edges": edges })
}
