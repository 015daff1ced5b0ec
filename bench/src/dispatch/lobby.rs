//! A dispatcher as a child process, and its local control.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use proto::control::v1::{
    DispatcherStatusRequest, DispatcherStatusResponse, StopRequest, dispatcher_client::DispatcherClient,
    node_client::NodeClient,
};
use runtime::{rpc::connect_unix, socket_path};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tonic::transport::Channel;

use super::visit::{Door, Visit};
use crate::relay::until;

/// How long a pool may take to be full, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running dispatcher. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Lobby {
    channel: Channel,
    door: Door,
    data: PathBuf,
    _running: Arc<Running>,
}

/// Ends with the last one that holds it, and so do the peers, which would live on.
#[derive(Debug)]
struct Running {
    _child: Child,
    data: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let peers = self.data.join("peers").display().to_string();
        for (process, line) in processes() {
            if line.contains("\0peer\0")
                && line.contains(&peers)
                && let Some(pid) = Pid::from_raw(process)
            {
                // It may have ended by itself.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

impl Lobby {
    pub(super) async fn start(program: &Path, data: &Path, pool: usize) -> anyhow::Result<Self> {
        let network = format!("bench-{}", std::process::id());
        let child = Command::new(program)
            .args(["dispatcher", "--network", &network, "--name", "lobby", "--listen", "127.0.0.1:0"])
            .args(["--peer-listen", "127.0.0.1", "--interface", "lo", "--pool", &pool.to_string()])
            .args(["--max-peers", "1000", "--logins-per-minute", "0", "--log", "warn", "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the dispatcher")?;
        let channel = until("the dispatcher answers", async || {
            let channel = connect_unix(&socket_path::of(data)).await.ok()?;
            status(&channel).await.ok().map(|_| channel)
        })
        .await?;
        let url = status(&channel).await?.url;
        let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Ok(Self {
            channel,
            door: Door { address: host.replace("localhost", "127.0.0.1"), host },
            data: data.to_owned(),
            _running: Arc::new(Running { _child: child, data: data.to_owned() }),
        })
    }

    pub(super) async fn count(&self, state: &str) -> anyhow::Result<usize> {
        Ok(status(&self.channel).await?.peers.iter().filter(|peer| peer.state == state).count())
    }

    pub(super) async fn until_vacant(&self, peers: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.count("vacant").await? < peers {
            ensure!(Instant::now() < deadline, "the pool of {peers} was not full within {PATIENCE:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Logs somebody in who is new.
    pub(super) async fn visit(&self) -> anyhow::Result<Visit> {
        self.door.visit().await
    }

    /// Resident memory of a peer, KiB, on the average.
    pub(super) async fn resident_kib(&self) -> anyhow::Result<f64> {
        let peers = status(&self.channel).await?.peers;
        let known: Vec<_> = peers.iter().filter_map(|peer| peer.resident_kib).map(|kib| kib as f64).collect();
        Ok(known.iter().sum::<f64>() / known.len() as f64)
    }

    /// What all peers hold together, KiB: what they share counted once (proportional set size).
    pub(super) fn own_kib(&self) -> anyhow::Result<f64> {
        let mut sum = 0.0;
        for (process, line) in processes() {
            if !(line.contains("\0peer\0") && line.contains(&format!("http://{}/", self.door.host))) {
                continue;
            }
            let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
            let share = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
            sum += share.trim().trim_end_matches(" kB").parse::<f64>()?;
        }
        Ok(sum)
    }

    /// Ends the dispatcher, then its peers, which would live on.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        NodeClient::new(self.channel.clone()).stop(StopRequest {}).await?;
        let own = self.data.clone();
        until("the dispatcher ended", async || {
            connect_unix(&socket_path::of(&own)).await.is_err().then_some(())
        })
        .await?;
        for entry in std::fs::read_dir(self.data.join("peers"))?.filter_map(Result::ok) {
            let socket = socket_path::of(&entry.path());
            if let Ok(channel) = connect_unix(&socket).await {
                NodeClient::new(channel).stop(StopRequest {}).await?;
            }
            until("a peer ended", async || connect_unix(&socket).await.is_err().then_some(())).await?;
        }
        Ok(())
    }
}

/// All processes with their command lines.
fn processes() -> impl Iterator<Item = (i32, String)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some((process, String::from_utf8_lossy(&line).into_owned()))
    })
}

async fn status(channel: &Channel) -> anyhow::Result<DispatcherStatusResponse> {
    Ok(DispatcherClient::new(channel.clone()).status(DispatcherStatusRequest {}).await?.into_inner())
}
