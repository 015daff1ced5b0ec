//! Peers as processes of this machine, each with a directory. They live on when the dispatcher ends, and are found again by
//! the control sockets in their directories.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use identity::NodeId;
use proto::control::v1::{AboutRequest, AboutResponse, StopRequest, node_client::NodeClient};
use runtime::{TaskGroup, resident_kib, rpc::connect_unix, socket_path};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};
use tonic::transport::Channel;

use super::{Backend, Instance, Running, proc};
use crate::limits::{ANSWER_TIMEOUT, START_TIMEOUT, STOP_TIMEOUT};

/// Between two looks at a process that starts or ends.
const PAUSE: Duration = Duration::from_millis(5);
/// Of what a peer logged last, so many bytes are told when it did not start.
const TOLD_LOG: u64 = 400;
/// Variables about how to tell what happens: these are for the peers, too.
const TELLING: [&str; 3] = ["CAUSEWAY_LOG", "CAUSEWAY_LOG_FORMAT", "CAUSEWAY_OTLP"];

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
        if let Some(process) = proc::peer_of(&data) {
            // It was started before, by another run of this dispatcher perhaps: a second one would find the directory in use.
            if let Some(about) = ready(&data, || !proc::is_alive(process)).await {
                return running(&about);
            }
            self.stop(number).await?;
        }
        running(&self.start_anew(number, &data).await?)
    }

    async fn stop(&self, number: u64) -> Result<(), String> {
        let data = self.data(number);
        let process = match about(&data).await {
            Some(about) => {
                let _ = timeout(ANSWER_TIMEOUT, ask_to_stop(&data)).await;
                about.process_id
            }
            None => {
                let Some(process) = proc::peer_of(&data) else { return Ok(()) };
                tracing::warn!(number, "a peer does not answer and is killed");
                proc::kill(process);
                process
            }
        };
        let end = Instant::now() + STOP_TIMEOUT;
        while proc::is_alive(process) {
            if Instant::now() > end {
                tracing::warn!(number, "a peer did not end in time and is killed");
                proc::kill(process);
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
        matches!(running.instance, Instance::Process(process) if proc::is_alive(process))
    }

    fn resident_kib(&self, running: &Running) -> Option<u64> {
        let Instance::Process(process) = running.instance else { return None };
        resident_kib(process)
    }
}

impl Processes {
    fn data(&self, number: u64) -> PathBuf {
        self.folder.join(number.to_string())
    }

    async fn start_anew(&self, number: u64, data: &Path) -> Result<AboutResponse, String> {
        let mut child = self.spawn(number, data)?;
        let about = ready(data, || matches!(child.try_wait(), Ok(Some(_)))).await;
        if about.is_some() {
            self.reap(child);
        } else if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("it ended at once ({status}): {}", last_words(&log_of(data))));
        } else {
            let _ = child.kill().await;
        }
        about.ok_or_else(|| format!("it was not ready within {} s", START_TIMEOUT.as_secs()))
    }

    fn spawn(&self, number: u64, data: &Path) -> Result<Child, String> {
        let cannot = |error: io::Error| format!("cannot start {}: {error}", self.program.display());
        fs::create_dir_all(data).map_err(cannot)?;
        let log = fs::File::create(log_of(data)).map_err(cannot)?;
        let mut command = Command::new(&self.program);
        for name in own_settings() {
            command.env_remove(name);
        }
        command
            .arg("peer")
            // The configuration file of whoever runs the dispatcher is about a peer of their own.
            .args(["--config", "/dev/null"])
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

/// What the environment tells this program, and does not mean for its peers: they would all listen at one port.
fn own_settings() -> impl Iterator<Item = OsString> {
    let names = env::vars_os().map(|(name, _)| name);
    names.filter(|name| {
        let bytes = name.as_encoded_bytes();
        bytes.starts_with(b"CAUSEWAY_") && !TELLING.iter().any(|kept| bytes == kept.as_bytes())
    })
}

fn log_of(data: &Path) -> PathBuf {
    data.join("log")
}

/// Waits until a peer answers. `None`: it has ended, or takes too long.
async fn ready(data: &Path, mut has_ended: impl FnMut() -> bool) -> Option<AboutResponse> {
    let end = Instant::now() + START_TIMEOUT;
    loop {
        if let Some(about) = about(data).await {
            return Some(about);
        }
        if has_ended() || Instant::now() > end {
            return None;
        }
        sleep(PAUSE).await;
    }
}

/// The node of a directory, if it runs and answers.
async fn about(data: &Path) -> Option<AboutResponse> {
    let ask = async { Some(connect(data).await?.about(AboutRequest {}).await.ok()?.into_inner()) };
    timeout(ANSWER_TIMEOUT, ask).await.ok()?
}

async fn ask_to_stop(data: &Path) {
    if let Some(mut node) = connect(data).await {
        let _ = node.stop(StopRequest {}).await;
    }
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
