//! SVG, complete in itself.

use std::fmt::Write as _;

use proto::topology::v1::State;

use super::{
    cost, is_up, label,
    layout::{Layout, Point, layout},
    network_label,
};

const STYLE: &str = "svg{font:12px system-ui,sans-serif;color-scheme:light dark;background:Canvas;color:CanvasText}\
text{fill:currentColor;text-anchor:middle}.area{fill:#4a90d91a;stroke:#4a90d9}.link{stroke:#2a9d5c;stroke-width:2}\
.half{stroke:#d9822b;stroke-width:2;stroke-dasharray:6 4}.home{stroke:#999}.bridge{fill:#4a90d9}.peer{fill:#2a9d5c}\
.asleep,.off{fill:#999}.small{font-size:10px}";

/// A state as a picture that browsers show, in light and dark.
pub fn svg(state: &State) -> String {
    let layout = layout(state);
    let (width, height) = layout.size;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\"><title>The federation as of {}</title><style>{STYLE}</style>\n",
        escaped(&state.at_text)
    );
    for (network, (x, y), radius) in &layout.areas {
        let name = escaped(&network_label(*network));
        let top = y - radius + 18.0;
        let _ = writeln!(
            out,
            "<circle class=\"area\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"/><text x=\"{x:.1}\" y=\"{top:.1}\">{name}</text>"
        );
    }
    draw_lines(&mut out, state, &layout);
    draw_nodes(&mut out, state, &layout);
    out.push_str("</svg>\n");
    out
}

fn draw_lines(out: &mut String, state: &State, layout: &Layout<'_>) {
    for peer in &state.peers {
        for home in &peer.homes {
            line(out, "home", layout.nodes.get(&peer.node_id), layout.nodes.get(&home.bridge), "");
        }
    }
    for link in &state.links {
        let class = if is_up(link) { "link" } else { "half" };
        line(out, class, layout.nodes.get(&link.one), layout.nodes.get(&link.other), &cost(link));
    }
}

fn draw_nodes(out: &mut String, state: &State, layout: &Layout<'_>) {
    for bridge in &state.bridges {
        let Some((x, y)) = layout.nodes.get(&bridge.node_id) else { continue };
        let class =
            if bridge.status() == proto::topology::v1::BridgeStatus::Stopped { "off" } else { "bridge" };
        let (left, top, below) = (x - 9.0, y - 9.0, y + 24.0);
        let name = escaped(&label(&bridge.name, &bridge.node_id));
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"18\" height=\"18\" rx=\"4\"/><text x=\"{x:.1}\" \
             y=\"{below:.1}\">{name}</text>"
        );
    }
    for peer in &state.peers {
        let Some((x, y)) = layout.nodes.get(&peer.node_id) else { continue };
        let class = if peer.waker.is_empty() { "peer" } else { "asleep" };
        let below = y + 19.0;
        let name = escaped(&label(&peer.name, &peer.node_id));
        let _ = writeln!(
            out,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6\"/><text class=\"small\" x=\"{x:.1}\" \
             y=\"{below:.1}\">{name}</text>"
        );
    }
}

fn line(out: &mut String, class: &str, from: Option<&Point>, to: Option<&Point>, text: &str) {
    let (Some((x1, y1)), Some((x2, y2))) = (from, to) else { return };
    let _ = writeln!(
        out,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
    if !text.is_empty() {
        let (x, y) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0 - 5.0);
        let _ = writeln!(out, "<text class=\"small\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text));
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
