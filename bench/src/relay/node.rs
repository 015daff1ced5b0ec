//! A node of the built program as a child process, and its local control.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Context as _;
use identity::{NodeId, tls::Identity};
use proto::control::v1::{
    AboutRequest, bridge_client::BridgeClient, messenger_client::MessengerClient, node_client::NodeClient,
};
use runtime::{rpc::connect_unix, socket_path};
use tokio::process::{Child, Command};
use tonic::transport::Channel;

use super::until;

/// A running node; killed when dropped.
#[derive(Debug)]
pub(crate) struct Node {
    id: NodeId,
    process: u32,
    channel: Channel,
    listening: Vec<String>,
    _child: Child,
}

/// A node that was started.
#[derive(Debug)]
pub(crate) struct Starting {
    id: NodeId,
    data: PathBuf,
    child: Child,
}

impl Starting {
    /// The node, once it answers.
    pub(crate) async fn ready(self) -> anyhow::Result<Node> {
        let Self { id, data, child } = self;
        let process = child.id().context("the node ended at once")?;
        let channel = until("the node answers", || connect(&data)).await?;
        let about = NodeClient::new(channel.clone()).about(AboutRequest {}).await?.into_inner();
        Ok(Node { id, process, channel, listening: about.listening, _child: child })
    }
}

impl Node {
    /// Starts a node and waits until it answers.
    pub(crate) async fn start(program: &Path, data: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        Self::begin(program, data, arguments)?.ready().await
    }

    /// Starts a node without waiting: it can be asked once it is [`ready`](Starting::ready).
    pub(crate) fn begin(program: &Path, data: &Path, arguments: &[&str]) -> anyhow::Result<Starting> {
        let id = identity_of(data)?;
        Ok(Starting { id, data: data.to_owned(), child: spawn(program, data, arguments)? })
    }

    pub(crate) const fn id(&self) -> NodeId {
        self.id
    }

    pub(crate) fn node(&self) -> NodeClient<Channel> {
        NodeClient::new(self.channel.clone())
    }

    pub(crate) fn messenger(&self) -> MessengerClient<Channel> {
        MessengerClient::new(self.channel.clone())
    }

    pub(crate) fn bridge(&self) -> BridgeClient<Channel> {
        BridgeClient::new(self.channel.clone())
    }

    /// The port behind a name of what the node listens on, such as `proxy`.
    pub(crate) fn port(&self, name: &str) -> anyhow::Result<u16> {
        self.listening
            .iter()
            .filter_map(|entry| entry.split_once(' '))
            .find(|(what, _)| *what == name)
            .and_then(|(_, address)| address.trim_end_matches("/udp").rsplit(':').next()?.parse().ok())
            .with_context(|| format!("the node does not say where its {name} listens: {:?}", self.listening))
    }

    /// Resident memory, KiB.
    pub(crate) fn resident_kib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

/// The identity of a data directory, made before the node starts: the clock of a start then measures the start.
pub(crate) fn identity_of(data: &Path) -> anyhow::Result<NodeId> {
    Ok(Identity::load_or_create(data)?.id())
}

/// Starts a node without waiting. Its log lies beside its data.
pub(crate) fn spawn(program: &Path, data: &Path, arguments: &[&str]) -> anyhow::Result<Child> {
    let log = File::create(log_of(data))?;
    let mut command = Command::new(program);
    command.args(arguments).args(["--interface", "lo", "--listen", "127.0.0.1", "--data"]).arg(data);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    command.spawn().with_context(|| format!("cannot start {}", program.display()))
}

fn log_of(data: &Path) -> PathBuf {
    data.with_extension("log")
}

async fn connect(data: &Path) -> Option<Channel> {
    let channel = connect_unix(&socket_path::of(data)).await.ok()?;
    NodeClient::new(channel.clone()).about(AboutRequest {}).await.ok()?;
    Some(channel)
}
