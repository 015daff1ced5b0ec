//! `causeway topology show`.

use comfy_table::Table;
use gateway::past::json;
use proto::topology::v1::{Home, Link, Peer, State, StateAtRequest};
use serde_json::json;

use super::{call, diff::change_line, route_text};
use crate::{args::ShowArgs, output, past};

pub(super) async fn run(args: ShowArgs) -> anyhow::Result<()> {
    let known_by = args.known_by.clone();
    let request = StateAtRequest {
        at: args.at_time.map_or(0, |at| at.end()),
        at_event: args.at_event.unwrap_or_default(),
        from: args.from.unwrap_or_default(),
        known_by: args.known_by.unwrap_or_default(),
    };
    let state = past::open(&args.ask.source).await?.state_at(request).await?.into_inner();
    if args.ask.json { as_json(&state) } else { as_tables(&state, known_by.as_deref()) }
}

fn as_json(state: &State) -> anyhow::Result<()> {
    output::object(&json!({
        "type": "state",
        "at": state.at_text,
        "events": state.events,
        "from": output::id(&state.from),
    }))?;
    for network in &state.networks {
        let id = data_encoding::HEXLOWER.encode(&network.id);
        output::object(&json!({ "type": "network", "name": network.name, "id": id }))?;
    }
    state.bridges.iter().try_for_each(|bridge| output::object(&json::bridge(bridge)))?;
    state.links.iter().try_for_each(|link| output::object(&json::link(link)))?;
    state.peers.iter().try_for_each(|peer| output::object(&json::peer(peer)))?;
    state.unknown.iter().try_for_each(|change| {
        let mut unknown = json::change(change);
        unknown["type"] = json!("unknown");
        Ok(output::object(&unknown)?)
    })
}

fn as_tables(state: &State, known_by: Option<&str>) -> anyhow::Result<()> {
    output::line(&format!(
        "as of {}, the last of {}",
        output::clock_millis(&state.at_text),
        output::count(u32::try_from(state.events).unwrap_or(u32::MAX), "event", "events")
    ))?;
    output::line(&format!("\n{}", bridges(state).trim_fmt()))?;
    match state.links.as_slice() {
        [] => output::line("\nno links")?,
        all => output::line(&format!("\n{}", links(all).trim_fmt()))?,
    }
    match state.peers.as_slice() {
        [] => output::line("\nno peers")?,
        all => output::line(&format!("\n{}", peers(all).trim_fmt()))?,
    }
    if known_by.is_some() && state.unknown.is_empty() {
        output::line("\nthat is how it was")?;
    } else if known_by.is_some() {
        output::line("\nbut by then, and not known there:")?;
    }
    state.unknown.iter().try_for_each(|change| Ok(output::line(&change_line(change))?))
}

fn bridges(state: &State) -> Table {
    let mut table =
        output::table(&["BRIDGE", "NAME", "NETWORK", "STATE", "ISLAND", "PEERS", "RUNS SINCE", "LAST EVENT"]);
    for bridge in &state.bridges {
        let forked = if bridge.forked { ", forked" } else { "" };
        table.add_row([
            output::short(&bridge.node_id),
            output::harmless(&bridge.name),
            output::harmless(&output::network(bridge.network.as_ref())),
            format!("{}{forked}", json::status(bridge.status())),
            bridge.island.to_string(),
            bridge.peers.to_string(),
            output::clock(&bridge.started_text),
            output::clock(&bridge.last_event_text),
        ]);
    }
    table
}

fn links(links: &[Link]) -> Table {
    let mut table = output::table(&["LINK", "", "STATE", "COST", "SINCE"]);
    for link in links {
        let (one, other) = (call(&link.one_name, &link.one), call(&link.other_name, &link.other));
        let state = match (link.one_says_up, link.other_says_up) {
            (true, true) => "up".to_owned(),
            (true, false) => format!("only {one} calls it up"),
            _ => format!("only {other} calls it up"),
        };
        table.add_row([one, other, state, format!("{} us", link.cost_us), output::clock(&link.since_text)]);
    }
    table
}

fn peers(peers: &[Peer]) -> Table {
    let mut table = output::table(&["PEER", "NAME", "HOME", "SINCE", "WAY"]);
    for peer in peers {
        let home = |home: &Home| format!("{} ({})", call(&home.bridge_name, &home.bridge), home.how);
        let homes: Vec<String> = peer.homes.iter().map(home).collect();
        let since = peer.homes.iter().map(|home| home.since_text.as_str()).min().unwrap_or_default();
        let asleep = if peer.waker.is_empty() { "" } else { "asleep; " };
        table.add_row([
            output::short(&peer.node_id),
            output::harmless(&peer.name),
            homes.join(", "),
            output::clock(since),
            format!("{asleep}{}", route_text(peer.route.as_ref())),
        ]);
    }
    table
}
