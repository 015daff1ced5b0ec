//! Graphviz.

use std::fmt::Write as _;

use proto::topology::v1::State;

use super::{by_network, cost, is_up, key, label, network_label, peers_of};

/// A state in Graphviz's language, for `dot` or `fdp`.
pub fn dot(state: &State) -> String {
    let mut out = String::from("graph federation {\n  node [fontname=\"sans-serif\"];\n");
    for (number, (network, bridges)) in by_network(state).into_iter().enumerate() {
        let name = quoted(&network_label(network));
        let _ = writeln!(out, "  subgraph cluster_{number} {{\n    label={name}; style=rounded;");
        for bridge in bridges {
            let name = quoted(&label(&bridge.name, &bridge.node_id));
            let _ = writeln!(out, "    {} [shape=box, label={name}];", key(&bridge.node_id));
            for peer in peers_of(state, &bridge.node_id) {
                let name = quoted(&label(&peer.name, &peer.node_id));
                let _ = writeln!(out, "    {} [shape=ellipse, label={name}];", key(&peer.node_id));
            }
        }
        out.push_str("  }\n");
    }
    for peer in &state.peers {
        for home in &peer.homes {
            let _ = writeln!(out, "  {} -- {};", key(&peer.node_id), key(&home.bridge));
        }
    }
    for link in &state.links {
        let style = if is_up(link) { "bold" } else { "dashed" };
        let (one, other, cost) = (key(&link.one), key(&link.other), cost(link));
        let _ = writeln!(out, "  {one} -- {other} [style={style}, label=\"{cost}\"];");
    }
    out.push_str("}\n");
    out
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
