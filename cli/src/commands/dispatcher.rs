//! `causeway dispatcher`: runs until it is told to stop; and what is asked of one that runs.

use dispatcher::{Dispatcher, DispatcherConfig};
use proto::control::v1::{
    DispatcherStatusRequest, DispatcherStatusResponse, KeptPeer, KeptPeerRequest,
    dispatcher_client::DispatcherClient,
};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::signals::Signals;
use crate::{
    args::{DataArgs, DispatcherCommand, KeptArgs, ReadArgs},
    client::Client,
    data::Kind,
    output,
};

/// States of peers that may have memory.
const RUNNING: [&str; 3] = ["held", "vacant", "elsewhere"];

pub(super) async fn run(config: DispatcherConfig) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let dispatcher = Dispatcher::start(config).await?;
    eprintln!("People log in at {}", dispatcher.url());
    tokio::select! {
        () = signals.next() => {}
        () = dispatcher.stop_requested() => {}
    }
    tracing::info!("the peers run on; `causeway dispatcher` takes them up again");
    dispatcher.shutdown().await;
    Ok(())
}

pub(super) async fn ask(command: DispatcherCommand) -> anyhow::Result<()> {
    match command {
        DispatcherCommand::Status(read) => status(read).await,
        DispatcherCommand::Stop(kept) => {
            let (mut client, request) = about(&kept).await?;
            client.stop_peer(request).await?;
            Ok(output::line("It sleeps until the next visit.")?)
        }
        DispatcherCommand::Wake(kept) => {
            let (mut client, request) = about(&kept).await?;
            client.wake_peer(request).await?;
            Ok(output::line("It is being started.")?)
        }
        DispatcherCommand::Delete(kept) => {
            let (mut client, request) = about(&kept).await?;
            client.delete_peer(request).await?;
            Ok(output::line("It is removed, with everything in it.")?)
        }
    }
}

async fn connect(data: &DataArgs) -> anyhow::Result<DispatcherClient<Channel>> {
    Ok(Client::connect(data.data.as_deref(), Some(Kind::Dispatcher)).await?.dispatcher())
}

async fn about(kept: &KeptArgs) -> anyhow::Result<(DispatcherClient<Channel>, KeptPeerRequest)> {
    Ok((connect(&kept.data).await?, KeptPeerRequest { peer: kept.peer.clone() }))
}

async fn status(read: ReadArgs) -> anyhow::Result<()> {
    let status = connect(&read.data).await?.status(DispatcherStatusRequest {}).await?.into_inner();
    if read.json {
        return Ok(output::object(&object(&status))?);
    }
    for line in lines(&status) {
        output::line(&line)?;
    }
    if status.peers.is_empty() {
        return Ok(());
    }
    let mut table = output::table(&["PEER", "ID", "STATE", "USER", "AGE", "VISITED", "MEMORY", ""]);
    for peer in &status.peers {
        table.add_row(row(peer));
    }
    Ok(output::line(&table.to_string())?)
}

/// Of a status.
pub(super) fn object(status: &DispatcherStatusResponse) -> Value {
    let peer = |peer: &KeptPeer| {
        json!({
            "number": peer.number,
            "id": output::id(&peer.node_id),
            "state": peer.state,
            "user": peer.user,
            "age_s": peer.age_s,
            "visited_s": peer.visited_s,
            "resident_kib": peer.resident_kib,
            "trouble": peer.trouble,
        })
    };
    json!({
        "id": output::id(&status.node_id),
        "name": status.name,
        "kind": "dispatcher",
        "url": status.url,
        "listening": status.listening,
        "pool": status.pool,
        "max_peers": status.max_peers,
        "waiting": status.waiting,
        "peers": status.peers.iter().map(peer).collect::<Vec<_>>(),
        "warnings": status.warnings,
        "version": status.version,
    })
}

/// Of a status, without the peers.
pub(super) fn lines(status: &DispatcherStatusResponse) -> Vec<String> {
    let count = |state: &str| status.peers.iter().filter(|peer| peer.state == state).count();
    let mut lines = vec![
        format!("dispatcher {}, version {}", status.name, status.version),
        format!("id         {}", output::id(&status.node_id)),
        format!("login      {}", status.url),
        format!("listening  {}", status.listening.join(", ")),
        format!(
            "peers      {} held, {} asleep, {} vacant (of {} wanted), {} of {} in all",
            count("held"),
            count("asleep"),
            count("vacant"),
            status.pool,
            status.peers.len(),
            status.max_peers
        ),
        format!("waiting    {}", output::count(status.waiting, "person", "people")),
    ];
    lines.extend(status.warnings.iter().map(|warning| format!("warning    {}", output::harmless(warning))));
    lines
}

fn row(peer: &KeptPeer) -> Vec<String> {
    let since = |seconds: u64| {
        // Whole minutes, and seconds below one: nobody reads more.
        let whole = if seconds < 60 { seconds } else { seconds / 60 * 60 };
        humantime::format_duration(std::time::Duration::from_secs(whole)).to_string()
    };
    let memory = match peer.resident_kib {
        Some(kib) => format!("{:.1} MiB", f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0),
        None if RUNNING.contains(&&*peer.state) => "unknown".to_owned(),
        None => String::new(),
    };
    let user = peer.user.chars().take(8).collect();
    let visited = if peer.user.is_empty() { String::new() } else { since(peer.visited_s) };
    let id = output::short(&peer.node_id);
    let (number, state) = (peer.number.to_string(), peer.state.clone());
    vec![number, id, state, user, since(peer.age_s), visited, memory, output::harmless(&peer.trouble)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_not_known_is_not_told_as_none() {
        let memory = |state: &str, resident_kib| {
            row(&KeptPeer { state: state.into(), resident_kib, ..KeptPeer::default() }).swap_remove(6)
        };
        assert_eq!(memory("held", Some(14_336)), "14.0 MiB");
        assert_eq!(memory("held", None), "unknown");
        assert_eq!(memory("asleep", None), "");
        assert!(
            object(&DispatcherStatusResponse {
                peers: vec![KeptPeer::default()],
                ..DispatcherStatusResponse::default()
            })["peers"][0]["resident_kib"]
                .is_null()
        );
    }
}
