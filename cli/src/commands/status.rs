//! `causeway status`.

use std::time::Duration;

use proto::{
    bridge::v1::{StatusRequest, StatusResponse},
    control::v1::{
        AboutRequest, DispatcherStatusRequest, MessengerStatusRequest, MessengerStatusResponse, SessionStatus,
    },
    node::v1::NodeKind,
};
use serde_json::{Value, json};

use super::dispatcher;
use crate::{args::ReadArgs, client::Client, output};

pub(super) async fn run(args: ReadArgs) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), None).await?;
    let about = client.node().about(AboutRequest {}).await?.into_inner();
    let (object, lines) = if about.kind() == NodeKind::Dispatcher {
        let status = client.dispatcher().status(DispatcherStatusRequest {}).await?.into_inner();
        (dispatcher::object(&status), dispatcher::lines(&status))
    } else if about.kind() == NodeKind::Bridge {
        let status = client.bridge().status(StatusRequest {}).await?.into_inner();
        (bridge_json(&status), bridge_lines(&status))
    } else {
        let status = client.messenger().status(MessengerStatusRequest {}).await?.into_inner();
        (peer_json(&status), peer_lines(&status))
    };
    if args.json {
        return Ok(output::object(&object)?);
    }
    lines.iter().try_for_each(|line| Ok(output::line(line)?))
}

fn bridge_json(status: &StatusResponse) -> Value {
    json!({
        "id": output::id(&status.node_id),
        "name": status.name,
        "kind": "bridge",
        "network": output::network(status.network.as_ref()),
        "started_at": status.started_at,
        "head": status.head,
        "durable_head": status.durable_head,
        "links_up": status.links_up,
        "links_configured": status.links_configured,
        "local_peers": status.local_peers,
        "remote_peers": status.remote_peers,
        "bridges_known": status.bridges_known,
        "streams_open": status.streams_open,
        "streams_total": status.streams_total,
        "bytes_relayed": status.bytes_relayed,
        "draining": status.draining,
        "warnings": status.warnings,
        "version": status.version,
        "listening": status.listening,
        "logs_bytes": status.logs_bytes,
        "logs_since": status.logs_since,
        "journal_bytes": status.journal_bytes,
        "journal_since": status.journal_since,
        "retain_ms": status.retain_ms,
        "retain_journal_ms": status.retain_journal_ms,
    })
}

fn kept(bytes: u64, since: &str, retain_ms: u64) -> String {
    let since = if since.is_empty() { String::new() } else { format!(" since {}", output::clock(since)) };
    let retain = match retain_ms {
        0 => "kept as long as there is room".to_owned(),
        millis => format!("kept for {}", humantime::format_duration(Duration::from_millis(millis))),
    };
    format!("{bytes} bytes{since}, {retain}")
}

fn bridge_lines(status: &StatusResponse) -> Vec<String> {
    let draining = if status.draining { ", draining" } else { "" };
    let mut lines = vec![
        format!("bridge {} of network {}{draining}", status.name, output::network(status.network.as_ref())),
        format!("id         {}", output::id(&status.node_id)),
        format!("running    since {}, version {}", output::clock(&status.started_at), status.version),
        format!("links      {} up, {} configured", status.links_up, status.links_configured),
        format!(
            "knows      {} peers here, {} elsewhere, {} other bridges",
            status.local_peers, status.remote_peers, status.bridges_known
        ),
        format!("log        {} events, {} durable", status.head, status.durable_head),
        format!("logs       {}", kept(status.logs_bytes, &status.logs_since, status.retain_ms)),
        format!("journal    {}", kept(status.journal_bytes, &status.journal_since, status.retain_journal_ms)),
        format!(
            "streams    {} open, {} in all, {} bytes relayed",
            status.streams_open, status.streams_total, status.bytes_relayed
        ),
        format!("listening  {}", status.listening.join(", ")),
    ];
    lines.extend(status.warnings.iter().map(|warning| format!("warning    {}", output::harmless(warning))));
    lines
}

fn peer_json(status: &MessengerStatusResponse) -> Value {
    json!({
        "id": output::id(&status.node_id),
        "name": status.name,
        "kind": "peer",
        "network": output::network(status.network.as_ref()),
        "started_at": status.started_at,
        "homes": status.homes.iter().map(output::id).collect::<Vec<_>>(),
        "peers_online": status.peers_online,
        "sessions": status.sessions.iter().map(session_json).collect::<Vec<_>>(),
        "queued": status.queued,
        "sent": status.sent,
        "received": status.received,
        "warnings": status.warnings,
        "version": status.version,
        "listening": status.listening,
    })
}

fn session_json(session: &SessionStatus) -> Value {
    json!({
        "id": output::id(&session.node_id),
        "name": session.name,
        "via": output::via(true, &session.via),
        "round_trip_us": session.round_trip_us,
        "since": session.since,
        "key_exchange": session.key_exchange,
        "skew_ms": session.skew_ms,
    })
}

fn peer_lines(status: &MessengerStatusResponse) -> Vec<String> {
    let homes = match status.homes.as_slice() {
        [] => "none: only nodes of this network are reachable".to_owned(),
        homes => homes.iter().map(output::short).collect::<Vec<_>>().join(", "),
    };
    let mut lines = vec![
        format!("peer {} of network {}", status.name, output::network(status.network.as_ref())),
        format!("id         {}", output::id(&status.node_id)),
        format!("running    since {}, version {}", output::clock(&status.started_at), status.version),
        format!("bridges    {homes}"),
        format!("knows      {}", output::count(status.peers_online, "peer online", "peers online")),
        format!(
            "messages   {} received, {} sent, {} on their way",
            status.received, status.sent, status.queued
        ),
        format!("listening  {}", status.listening.join(", ")),
    ];
    lines.extend(status.sessions.iter().map(session_line));
    lines.extend(status.warnings.iter().map(|warning| format!("warning    {}", output::harmless(warning))));
    lines
}

fn session_line(session: &SessionStatus) -> String {
    let name = output::harmless(&session.name);
    let mut line = format!("session    {name} via {}", output::via_text(true, &session.via));
    // Not measured yet: the first ping is still to come.
    if session.round_trip_us > 0 {
        line += &format!(", {}", output::milliseconds(session.round_trip_us));
    }
    line + &format!(", {}", session.key_exchange)
}
