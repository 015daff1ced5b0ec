//! Logs to look back at, wherever they are: the same service answers for a running bridge, a stopped one, and a file.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use discovery::Target;
use gateway::past::{Source, open_directory, open_file};
use identity::{
    NodeId, keyfile,
    tls::{ALPN_H2, Expected, Identity, client_config, server_name},
};
use proto::topology::v1::topology_client::TopologyClient;
use runtime::{
    TaskGroup,
    rpc::{ConnectError, connect_tls, connect_unix},
    socket_path,
};
use tonic::transport::Channel;

use crate::{
    args::SourceArgs,
    data::{self, Kind},
    exit::{Failure, Fault},
};

/// How long a bridge elsewhere may take to answer the door.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most that an answer may hold.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// A client of the service.
pub(crate) type Past = TopologyClient<Channel>;

/// Opens what was named. What does not verify of a file is left out, and told on stderr.
pub(crate) async fn open(args: &SourceArgs) -> anyhow::Result<Past> {
    open_as(args, true).await
}

/// Opens what was named, with a file's damages.
pub(crate) async fn open_unchecked(args: &SourceArgs) -> anyhow::Result<Past> {
    open_as(args, false).await
}

/// Connects to the bridge that was named, if it runs; `None` when it does not, and for a file.
pub(crate) async fn open_running(args: &SourceArgs) -> anyhow::Result<Option<Past>> {
    if args.file.is_some() {
        return Ok(None);
    }
    if let Some(target) = &args.at {
        return Ok(Some(client(elsewhere(target, args.identity.as_deref()).await?)));
    }
    match connect_unix(&socket_path::of(&directory(args.data.as_deref())?)).await {
        Ok(channel) => Ok(Some(client(channel))),
        Err(ConnectError::NotRunning { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn open_as(args: &SourceArgs, checked: bool) -> anyhow::Result<Past> {
    if let Some(running) = open_running(args).await? {
        return Ok(running);
    }
    if let Some(file) = args.file.clone() {
        return here(move || Ok(open_file(&file, checked)?)).await.map(client);
    }
    let data = directory(args.data.as_deref())?;
    here(move || Ok(open_directory(&data)?)).await.map(client)
}

fn client(channel: Channel) -> Past {
    TopologyClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES)
}

/// The directory given, that of the one bridge that runs, or of the one bridge there is.
fn directory(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    data::of_running(given, Some(Kind::Bridge)).or_else(|none_runs| {
        match data::all(Some(Kind::Bridge))?.as_slice() {
            [only] => Ok(only.clone()),
            _ => Err(none_runs),
        }
    })
}

/// The service in this process.
async fn here(open: impl FnOnce() -> anyhow::Result<Source> + Send + 'static) -> anyhow::Result<Channel> {
    let source = tokio::task::spawn_blocking(open).await.context("interrupted")??;
    for note in source.notes() {
        eprintln!("causeway: {note}");
    }
    // It is there until the process ends, as this command does after its answer.
    Ok(source.serve_here(&TaskGroup::new()).await?)
}

/// A bridge's control port, as one of its operators.
pub(crate) async fn elsewhere(target: &Target, identity: Option<&Path>) -> anyhow::Result<Channel> {
    let data = data::of_files(identity)?;
    let identity = Identity::of_key(keyfile::load(&data)?).context("cannot make a TLS certificate")?;
    let expected = target.id().map_or(Expected::Any, Expected::Node);
    let config = Arc::new(client_config(&identity, expected, ALPN_H2).context("cannot use the identity")?);
    let addresses = target.resolve().await.with_context(|| format!("cannot look up {}", target.host()))?;
    let name = server_name(target.id().unwrap_or_else(|| identity.id()));
    let mut last = None;
    for address in addresses {
        match connect_tls(address, Arc::clone(&config), name.clone(), CONNECT_TIMEOUT).await {
            Ok((channel, _)) => return Ok(channel),
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        None => Fault::error(Failure::NotRunning, format!("{} has no address", target.host())),
        Some(error) => unreachable(error, target.id()),
    })
}

/// Why nobody answers there, or not the one who should.
fn unreachable(error: ConnectError, expected: Option<NodeId>) -> anyhow::Error {
    match (&error, expected) {
        (ConnectError::Io { source, .. }, Some(id)) if source.kind() == ErrorKind::InvalidData => {
            let sentence = format!("{error}; whoever answers there did not prove to be {id}");
            Fault::error(Failure::Other, sentence)
        }
        (ConnectError::Io { source, .. }, _) if source.kind() == ErrorKind::ConnectionRefused => {
            Fault::error(Failure::NotRunning, format!("{error}: no bridge listens there"))
        }
        _ => error.into(),
    }
}
