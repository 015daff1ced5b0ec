//! Mermaid.

use std::fmt::Write as _;

use proto::topology::v1::State;

use super::{by_network, cost, is_up, key, label, network_label, peers_of};

/// A state as a Mermaid flowchart.
pub fn mermaid(state: &State) -> String {
    let mut out = String::from("flowchart LR\n");
    for (number, (network, bridges)) in by_network(state).into_iter().enumerate() {
        let _ = writeln!(out, "  subgraph network{number} [\"{}\"]", escaped(&network_label(network)));
        for bridge in bridges {
            let name = escaped(&label(&bridge.name, &bridge.node_id));
            let _ = writeln!(out, "    {}[\"{name}\"]", key(&bridge.node_id));
            for peer in peers_of(state, &bridge.node_id) {
                let name = escaped(&label(&peer.name, &peer.node_id));
                let _ = writeln!(out, "    {}((\"{name}\"))", key(&peer.node_id));
            }
        }
        out.push_str("  end\n");
    }
    for peer in &state.peers {
        for home in &peer.homes {
            let _ = writeln!(out, "  {} --- {}", key(&peer.node_id), key(&home.bridge));
        }
    }
    for link in &state.links {
        let (one, other, cost) = (key(&link.one), key(&link.other), cost(link));
        let line = if is_up(link) { "===" } else { "-.-" };
        let _ = writeln!(out, "  {one} {line}|{cost}| {other}");
    }
    out
}

/// Mermaid reads entities; everything that could end a label becomes one.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if c.is_alphanumeric() || " -_.,:()".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
        out
    })
}
