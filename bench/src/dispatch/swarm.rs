//! The same on a Docker swarm: what a login takes above what Docker takes to run a service of the same image.
//!
//! Docker is the machine's own, or that of `DOCKER_HOST`, and the images are those of `deploy/image`. The dispatcher is a
//! container, as peers on an overlay network can be reached from there only.

use std::{
    os::unix::fs::MetadataExt as _,
    process::Stdio,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use super::{median, visit::Door};
use crate::relay::{
    table::{Table, Target},
    until,
};

const IMAGE: &str = "causeway";
const PEER_IMAGE: &str = "causeway-peer";
/// Where the dispatcher listens in its container.
const PORT: u16 = 20_000;
/// Services of each kind, one after another, in turns.
const ROUNDS: usize = 7;

/// Measures it where there is a swarm with the images, and says so where not.
pub(super) async fn measure(table: &mut Table) -> anyhow::Result<()> {
    if let Err(missing) = look().await {
        println!("NOT MEASURED, a swarm: {missing:#}");
        println!("  start Docker, `docker swarm init`, and build the images with `deploy/image`");
        return Ok(());
    }
    println!("{ROUNDS} logins on the swarm, no peer ready...");
    let size: f64 = docker(&["image", "inspect", "--format", "{{.Size}}", PEER_IMAGE]).await?.parse()?;
    table.figure("image of a peer", "MB", size / 1e6, Some(Target::AtMost(15.0)));

    let lobby = Lobby { name: format!("causeway-bench-{}", std::process::id()) };
    let measured = lobby.measure().await;
    lobby.remove().await?;
    let (mut alone, mut logins) = measured?;
    let (alone, login) = (median(&mut alone), median(&mut logins));
    table.figure("swarm: `docker service create` until it runs, median", "ms", alone, None);
    table.figure("swarm: cold login, click to own page, median", "ms", login, None);
    table.figure("the same above Docker's own", "ms", login - alone, Some(Target::AtMost(300.0)));
    Ok(())
}

/// Whether all is there that it takes.
async fn look() -> anyhow::Result<()> {
    let state = docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]).await?;
    ensure!(state == "active", "this Docker is not in a swarm");
    docker(&["image", "inspect", IMAGE, PEER_IMAGE]).await.map(drop)
}

/// A dispatcher in a container, with an overlay network; both have its name.
struct Lobby {
    name: String,
}

impl Lobby {
    /// Milliseconds of each service of Docker's own, and of each login.
    async fn measure(&self) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
        let door = self.start().await?;
        let (mut alone, mut logins) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            alone.push(self.service(round).await?);
            logins.push(door.visit().await?.there);
        }
        Ok((alone, logins))
    }

    async fn start(&self) -> anyhow::Result<Door> {
        docker(&["network", "create", "--driver", "overlay", "--attachable", &self.name]).await?;
        let socket = socket();
        let group = std::fs::metadata(&socket).with_context(|| format!("no Docker at {socket}"))?.gid();
        let (group, mount) = (group.to_string(), format!("{socket}:/var/run/docker.sock"));
        let (listen, publish) = (format!("0.0.0.0:{PORT}"), format!("127.0.0.1::{PORT}"));
        let run = ["run", "--detach", "--name", &self.name, "--network", &self.name, "--group-add", &group];
        let place = ["--volume", &mount, "--publish", &publish, IMAGE, "dispatcher", "--name", "lobby"];
        let swarm =
            ["--network", "bench", "--backend", "swarm", "--overlay", &self.name, "--listen", &listen];
        let pool = ["--image", PEER_IMAGE, "--pool", "0", "--logins-per-minute", "0", "--log", "warn"];
        docker(&[&run[..], &place, &swarm, &pool].concat()).await?;
        until("the dispatcher is well", async || {
            docker(&["exec", &self.name, "/causeway", "health"]).await.ok()
        })
        .await?;
        let published = docker(&["port", &self.name, &format!("{PORT}/tcp")]).await?;
        Ok(Door { address: published, host: format!("localhost:{PORT}") })
    }

    /// How long Docker takes until a service of the peers' image runs, milliseconds.
    async fn service(&self, round: usize) -> anyhow::Result<f64> {
        let name = format!("{}-{round}", self.name);
        let label = format!("label=com.docker.swarm.service.name={name}");
        let mut events = Command::new("docker")
            .args(["events", "--filter", "type=container", "--filter", "event=start", "--filter", &label])
            .args(["--since", &now()?.as_secs().to_string(), "--format", "{{.TimeNano}}"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(events.stdout.take().context("it was asked for")?).lines();
        let began = now()?;
        let create = ["service", "create", "--detach", "--quiet", "--no-resolve-image", "--name", &name];
        let on = ["--network", &self.name, "--endpoint-mode", "dnsrr", PEER_IMAGE];
        let peer = ["peer", "--name", "alone", "--network", "bench"];
        docker(&[&create[..], &on, &peer].concat()).await?;
        let started = lines.next_line().await?.context("Docker tells no more events")?;
        let took = started.parse::<u128>()?.saturating_sub(began.as_nanos());
        docker(&["service", "rm", &name]).await?;
        Ok(took as f64 / 1e6)
    }

    /// Takes all of it away again.
    async fn remove(&self) -> anyhow::Result<()> {
        let id = docker(&["exec", &self.name, "/causeway", "id"]).await;
        // It may not have come so far.
        let _ = docker(&["rm", "--force", "--volumes", &self.name]).await;
        if let Ok(id) = id {
            let filter = format!("label=causeway.dispatcher={id}");
            for service in docker(&["service", "ls", "--quiet", "--filter", &filter]).await?.lines() {
                docker(&["service", "rm", service]).await?;
            }
            until("the peers and their volumes are gone", async || {
                let volumes = docker(&["volume", "ls", "--quiet", "--filter", &filter]).await.ok()?;
                for volume in volumes.lines() {
                    docker(&["volume", "rm", volume]).await.ok()?;
                }
                Some(())
            })
            .await?;
        }
        until("the network is gone", async || docker(&["network", "rm", &self.name]).await.ok()).await?;
        Ok(())
    }
}

fn now() -> anyhow::Result<std::time::Duration> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?)
}

/// Docker's socket on this machine.
fn socket() -> String {
    let told = std::env::var("DOCKER_HOST").ok();
    let path = told.as_deref().and_then(|url| url.strip_prefix("unix://"));
    path.unwrap_or("/var/run/docker.sock").to_owned()
}

/// What `docker` says.
async fn docker(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output().await;
    let output = output.context("cannot run `docker`")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "docker {}: {}", arguments.join(" "), told.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
