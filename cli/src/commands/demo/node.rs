//! One node of the demo: a process of this same program, and its local control.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use proto::{
    bridge::v1::KnownPeer,
    control::v1::{InboxItem, SendRequest, StopRequest},
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::client::Client;

/// How often a condition is looked at again.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long a node may take to end after it was asked to.
const STOP_LIMIT: Duration = Duration::from_secs(5);
const LOG_FILE: &str = "log";

/// A running node.
pub(super) struct Node {
    pub(super) name: &'static str,
    pub(super) data: PathBuf,
    process: Child,
    client: Option<Client>,
}

impl Node {
    /// Starts `causeway KIND --name NAME ...`, to be found on the loopback interface alone.
    pub(super) fn start(
        root: &Path,
        kind: &str,
        name: &'static str,
        options: &[&str],
    ) -> anyhow::Result<Self> {
        let data = root.join(name);
        std::fs::create_dir_all(&data)?;
        let log = File::create(data.join(LOG_FILE))?;
        let process = Command::new(std::env::current_exe()?)
            .args([kind, "--name", name, "--interface", "lo"])
            .arg("--data")
            .arg(&data)
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, data, process, client: None })
    }

    /// Waits until the node answers.
    pub(super) async fn ready(&mut self) -> anyhow::Result<()> {
        loop {
            if let Some(told) = self.ended() {
                anyhow::bail!(told);
            }
            if let Ok(client) = Client::connect(Some(&self.data), None).await {
                self.client = Some(client);
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// How it ended, if it did, and what it wrote.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.process.try_wait().ok()??;
        Some(format!("{} ended with {status}:\n{}", self.name, self.log()))
    }

    /// The local control of the node.
    pub(super) fn client(&self) -> anyhow::Result<&Client> {
        self.client.as_ref().with_context(|| format!("{} is not ready", self.name))
    }

    /// Waits until this node knows another one by name as online, and tells how.
    pub(super) async fn knows(&self, name: &str) -> anyhow::Result<KnownPeer> {
        loop {
            let request = proto::bridge::v1::PeersRequest {};
            let peers = self.client()?.node().peers(request).await?.into_inner().peers;
            if let Some(peer) = peers.into_iter().find(|peer| peer.name == name && peer.state == "online") {
                return Ok(peer);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Sends a message and waits until it is at the other.
    pub(super) async fn say(&self, to: &str, text: &str, limit: Duration) -> anyhow::Result<InboxItem> {
        let wait_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        let request = SendRequest { to: to.into(), text: text.into(), wait_ms, ..SendRequest::default() };
        let answer = self.client()?.messenger().send(request).await?.into_inner();
        answer.message.context("the answer holds no message")
    }

    /// The process id.
    pub(super) fn process_id(&self) -> anyhow::Result<u32> {
        self.process.id().with_context(|| format!("{} has ended", self.name))
    }

    /// Asks the node to end, and waits for it.
    pub(super) async fn stop(mut self) {
        if let Some(pid) = self.process.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = kill_process(pid, Signal::TERM);
        }
        // Whoever does not end is killed when dropped.
        let _ = tokio::time::timeout(STOP_LIMIT, self.process.wait()).await;
        let _ = tokio::time::timeout(STOP_LIMIT, stop_kept(&self.data)).await;
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.data.join(LOG_FILE)).unwrap_or_default()
    }
}

/// Stops the peers that a dispatcher kept, which live on when it ends.
async fn stop_kept(data: &Path) {
    let folders = std::fs::read_dir(data.join("peers")).into_iter().flatten().filter_map(Result::ok);
    for data in folders.map(|entry| entry.path()) {
        let Ok(client) = Client::connect(Some(&data), None).await else { continue };
        let _ = client.node().stop(StopRequest {}).await;
        while crate::data::is_running(&data) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
