//! A dispatcher as a child process, its local control, and its visitors.

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
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
};
use tonic::transport::Channel;

use crate::relay::until;

/// What a page waits before it asks again.
const PACE: Duration = Duration::from_millis(300);

/// How long a pool may take to be full, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running dispatcher. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Lobby {
    channel: Channel,
    /// `HOST:PORT` of the page.
    address: String,
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

/// What somebody saw who logged in, milliseconds after the click.
#[derive(Debug)]
pub(super) struct Visit {
    /// The dispatcher told where to go.
    pub(super) answered: f64,
    /// The page of the peer was there.
    pub(super) there: f64,
    /// The name of the peer's page.
    pub(super) host: String,
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
        let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Ok(Self {
            channel,
            address,
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

    /// Logs somebody in who is new, as the page does.
    pub(super) async fn visit(&self) -> anyhow::Result<Visit> {
        let began = Instant::now();
        let elapsed = || began.elapsed().as_secs_f64() * 1e3;
        let mut cookie = String::new();
        let go = loop {
            let (head, body) = ask(&self.address, &self.address, "POST /api/login", &cookie).await?;
            if let Some(set) = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")) {
                set.split(';').next().context("a cookie has a value")?.clone_into(&mut cookie);
            }
            let told: Value = serde_json::from_str(&body)?;
            if let Some(go) = told["go"].as_str() {
                break go.to_owned();
            }
            ensure!(told["wait"].is_string(), "refused: {body}");
            tokio::time::sleep(PACE).await;
        };
        let answered = elapsed();
        let (host, path) =
            go.trim_start_matches("http://").split_once('/').context("an address has a path")?;
        let (head, _) = ask(&self.address, host, &format!("GET /{path}"), "").await?;
        let session =
            head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).context("no session")?;
        let session = session.split(';').next().context("a cookie has a value")?;
        let (head, _) = ask(&self.address, host, "GET /", session).await?;
        ensure!(head.starts_with("HTTP/1.1 200"), "no page: {head}");
        Ok(Visit { answered, there: elapsed(), host: host.to_owned() })
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
            if !(line.contains("\0peer\0") && line.contains(&format!("http://{}/", self.address))) {
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

/// One request; the head in small letters but for values, and the body.
async fn ask(address: &str, host: &str, what: &str, cookie: &str) -> anyhow::Result<(String, String)> {
    let address = address.replace("localhost", "127.0.0.1");
    let mut stream = TcpStream::connect(&address).await?;
    let request = format!(
        "{what} HTTP/1.1\r\nhost: {host}\r\nx-causeway: 1\r\ncookie: {cookie}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
    Ok((head.to_owned(), body.to_owned()))
}
