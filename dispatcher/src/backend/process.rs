//! Peers as processes of this machine, each with a directory. They live on when the dispatcher ends, and are found again by
//! the control sockets in their directories.

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use identity::NodeId;
use proto::control::v1::{AboutRequest, AboutResponse, StopRequest, node_client::NodeClient};
use runtime::{TaskGroup, rpc::connect_unix, socket_path};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};
use tonic::transport::Channel;

use super::{Backend, Instance, Running};
use crate::limits::{START_TIMEOUT, STOP_TIMEOUT};

/// Between two looks at a process that starts or ends.
const PAUSE: Duration = Duration::from_millis(5);
/// Of what a peer logged last, so many bytes are told when it did not start.
const TOLD_LOG: u64 = 400;

/// Runs peers as processes.
#[derive(Debug)]
pub(crate) struct Processes {
    pub(crate) program: PathBuf,
    /// The directories of the peers.
    pub(crate) folder: PathBuf,
    /// What every peer is told.
    pub(crate) arguments: Vec<String>,
    /// For the tasks that wait for processes to end.
    pub(crate) group: TaskGroup,
}

#[tonic::async_trait]
impl Backend for Processes {
    async fn start(&self, number: u64, _known: Option<NodeId>) -> Result<Running, String> {
        let data = self.data(number);
        if let Some(about) = about(&data).await {
            return running(&about);
        }
        let mut child = self.spawn(number, &data)?;
        let end = Instant::now() + START_TIMEOUT;
        let about = loop {
            if let Some(about) = about(&data).await {
                break about;
            }
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("it ended at once ({status}): {}", last_words(&log_of(&data))));
            }
            if Instant::now() > end {
                let _ = child.kill().await;
                return Err(format!("it was not ready within {} s", START_TIMEOUT.as_secs()));
            }
            sleep(PAUSE).await;
        };
        self.reap(child);
        running(&about)
    }

    async fn stop(&self, number: u64) -> Result<(), String> {
        let data = self.data(number);
        let Some(about) = about(&data).await else { return Ok(()) };
        if let Some(mut node) = connect(&data).await {
            let _ = node.stop(StopRequest {}).await;
        }
        let end = Instant::now() + STOP_TIMEOUT;
        while is_alive(about.process_id) {
            if Instant::now() > end {
                tracing::warn!(number, "a peer did not end in time and is killed");
                kill(about.process_id);
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn remove(&self, number: u64) -> Result<(), String> {
        self.stop(number).await?;
        let data = self.data(number);
        match tokio::fs::remove_dir_all(&data).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(format!("cannot remove {}: {error}", data.display()))
            }
            _ => Ok(()),
        }
    }

    async fn numbers(&self) -> Result<Vec<u64>, String> {
        let names = || -> io::Result<Vec<u64>> {
            fs::create_dir_all(&self.folder)?;
            let entries = fs::read_dir(&self.folder)?.collect::<io::Result<Vec<_>>>()?;
            Ok(entries.iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
        };
        names().map_err(|error| format!("cannot use {}: {error}", self.folder.display()))
    }

    fn is_alive(&self, _number: u64, running: &Running) -> bool {
        matches!(running.instance, Instance::Process(process) if is_alive(process))
    }

    fn resident_kib(&self, running: &Running) -> u64 {
        let Instance::Process(process) = running.instance else { return 0 };
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }
}

impl Processes {
    fn data(&self, number: u64) -> PathBuf {
        self.folder.join(number.to_string())
    }

    fn spawn(&self, number: u64, data: &Path) -> Result<Child, String> {
        let cannot = |error: io::Error| format!("cannot start {}: {error}", self.program.display());
        fs::create_dir_all(data).map_err(cannot)?;
        let log = fs::File::create(log_of(data)).map_err(cannot)?;
        Command::new(&self.program)
            .arg("peer")
            .args(["--name", &format!("guest {number}"), "--data"])
            .arg(data)
            .args(["--ui", "127.0.0.1:0"])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C in the dispatcher's terminal is not meant for the peers.
            .process_group(0)
            .spawn()
            .map_err(cannot)
    }

    /// Waits for a process to end, so that the system forgets it.
    fn reap(&self, mut child: Child) {
        self.group.spawn(tracing::debug_span!("process"), async move {
            let _ = child.wait().await;
        });
    }
}

fn log_of(data: &Path) -> PathBuf {
    data.join("log")
}

/// The node of a directory, if it runs.
async fn about(data: &Path) -> Option<AboutResponse> {
    Some(connect(data).await?.about(AboutRequest {}).await.ok()?.into_inner())
}

async fn connect(data: &Path) -> Option<NodeClient<Channel>> {
    let path = socket_path::of(data);
    if !path.exists() {
        return None;
    }
    connect_unix(&path).await.ok().map(NodeClient::new)
}

fn running(about: &AboutResponse) -> Result<Running, String> {
    let node = NodeId::try_from(&about.node_id).map_err(|error| error.to_string())?;
    let address = |name: &str| {
        let lines = about.listening.iter().filter_map(|line| line.split_once(' '));
        let mut named = lines.filter(|(found, _)| *found == name);
        let address: SocketAddr = named.next()?.1.parse().ok()?;
        let ip = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
        Some(SocketAddr::new(ip, address.port()))
    };
    let missing = |what| format!("it does not say where its {what} is");
    Ok(Running {
        node,
        secure: address("secure").ok_or_else(|| missing("chat"))?,
        page: address("page").ok_or_else(|| missing("page"))?,
        instance: Instance::Process(about.process_id),
    })
}

fn is_alive(process: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The state stands behind the name, which is in brackets and may hold anything.
    state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn kill(process: u32) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// What a peer that did not start logged last.
fn last_words(log: &Path) -> String {
    let read = || -> io::Result<String> {
        let mut file = fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TOLD_LOG)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    let text = read().unwrap_or_default();
    let line = text.lines().next_back().unwrap_or_default();
    if line.is_empty() { "it said nothing".into() } else { line.to_owned() }
}
