//! What is measured: two networks on loopback, a bridge in each, linked, and echo peers behind the second.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use identity::{NodeId, tls::Identity};
use proto::bridge::v1::{ExplainRequest, Refusal, StatusRequest};
use runtime::TaskGroup;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use super::{
    dialer::Dialer,
    echo::{self, Registration},
    node::{Node, identity_of},
    until,
};

/// The names of the two networks. Random enough: nodes of another run on this machine are not ours.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) home: Node,
    pub(super) cloud: Node,
    pub(super) networks: [String; 2],
    pub(super) folder: PathBuf,
    /// To a peer that speaks plain bytes.
    pub(super) bytes: Ways,
    /// To one that has sessions as peers have them.
    pub(super) frames: Ways,
    tasks: TaskGroup,
    _echoes: [Child; 2],
}

/// Both ways to the same echo peer.
#[derive(Debug)]
pub(super) struct Ways {
    pub(super) direct: Dialer,
    pub(super) relayed: Dialer,
}

impl Site {
    /// Starts it all and waits until the way across is open.
    pub(super) async fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mark = std::process::id();
        let networks = [format!("bench-home-{mark}"), format!("bench-cloud-{mark}")];
        let home_data = folder.join("home-bridge");
        let home_id = identity_of(&home_data)?.to_string();
        let arguments = ["bridge", "--name", "cloud", "--network", &networks[1], "--trust", &home_id];
        let cloud = Node::start(program, &folder.join("cloud-bridge"), &arguments).await?;
        let link = format!("quic://127.0.0.1:{}/{}", cloud.port("link")?, cloud.id());
        let arguments = ["bridge", "--name", "home", "--network", &networks[0], "--link", &link];
        let home = Node::start(program, &home_data, &arguments).await?;
        until("the link is up", || async {
            let status = home.bridge().status(StatusRequest {}).await.ok()?.into_inner();
            (status.links_up > 0).then_some(())
        })
        .await?;

        let (bytes_echo, bytes_id, bytes_port) = start_echo(&cloud, &networks[1], &[]).await?;
        let (frames_echo, frames_id, frames_port) = start_echo(&cloud, &networks[1], &["--frames"]).await?;
        let identity = Identity::ephemeral()?;
        let tasks = TaskGroup::new();
        let registration = Registration::to(&home, &networks[0])?;
        registration.keep(&tasks, identity.clone(), 0).await?;
        for id in [bytes_id, frames_id] {
            until("the echo peers are reachable across", || reachable(&home, id)).await?;
        }

        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let proxy = at(home.port("proxy")?);
        let ways = |id, port| {
            let direct = Dialer::new(&identity, id, at(port))?;
            anyhow::Ok(Ways { direct, relayed: Dialer::new(&identity, id, proxy)? })
        };
        let (bytes, frames) = (ways(bytes_id, bytes_port)?, ways(frames_id, frames_port)?);
        let (folder, echoes) = (folder.into(), [bytes_echo, frames_echo]);
        Ok(Self { home, cloud, networks, folder, bytes, frames, tasks, _echoes: echoes })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.tasks.abort();
    }
}

async fn reachable(bridge: &Node, destination: NodeId) -> Option<()> {
    let request = ExplainRequest { destination: destination.to_bytes() };
    let answer = bridge.bridge().explain(request).await.ok()?.into_inner();
    let open = answer.refusal() == Refusal::Unspecified && !answer.route.is_empty();
    if !open {
        // A refused look costs the bridge little, but ten a second are enough.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    open.then_some(())
}

/// Starts an echo peer as a process of its own, registered with `bridge`; gives its id and secure port.
async fn start_echo(bridge: &Node, network: &str, what: &[&str]) -> anyhow::Result<(Child, NodeId, u16)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["echo", "--network", network, "--bridge", &bridge.id().to_string()])
        .args(["--control", &format!("127.0.0.1:{}", bridge.port("control")?)])
        .args(what)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let output = child.stdout.take().context("it was asked for")?;
    let line = BufReader::new(output).lines().next_line().await?.context("the echo peer ended")?;
    let (id, port) = echo::parse_ready(&line).with_context(|| format!("the echo peer said {line}"))?;
    Ok((child, id, port))
}
