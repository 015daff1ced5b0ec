//! Consul without a leader: two servers, of which one goes and comes back.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use discovery::consul::ConsulError;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::{
    agent::{fetched, free_port},
    client,
    node::{LIMIT, Node, Plan, without_multicast},
    source::start_at,
};

/// A server that keeps what it knows, and needs another one to lead or be led.
struct Server {
    program: PathBuf,
    http: u16,
    /// Where servers talk.
    arguments: Vec<String>,
    process: Child,
    _data: TempDir,
}

impl Server {
    fn start(program: PathBuf, name: &str, (own, other): (u16, u16)) -> Self {
        let (data, http) = (TempDir::new().unwrap(), free_port());
        let arguments = [
            "agent".to_owned(),
            "-server".into(),
            "-bootstrap-expect=2".into(),
            "-client=127.0.0.1".into(),
            "-bind=127.0.0.1".into(),
            "-log-level=err".into(),
            "-dns-port=-1".into(),
            format!("-node={name}"),
            format!("-data-dir={}", data.path().display()),
            format!("-http-port={http}"),
            format!("-serf-lan-port={own}"),
            format!("-retry-join=127.0.0.1:{other}"),
            "-retry-interval=1s".into(),
            format!("-server-port={}", free_port()),
            format!("-serf-wan-port={}", free_port()),
            "-hcl=performance { raft_multiplier = 1 }".into(),
        ];
        let arguments = arguments.to_vec();
        let process = run(&program, &arguments);
        Self { program, http, arguments, process, _data: data }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.process = run(&self.program, &self.arguments);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(program: &PathBuf, arguments: &[String]) -> Child {
    Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn until_led(url: &str) {
    let client = client(url);
    let led = async {
        while client.healthy("consul", None).await.map_or(0, |servers| servers.len()) < 2 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, led).await.expect("the servers find a leader");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_leader_nobody_is_lost_and_with_a_new_one_newcomers_are_found() {
    let Some(program) = fetched("consul", "a leader that is lost") else { return };
    let (one, other) = (free_port(), free_port());
    let asked = Server::start(program.clone(), "one", (one, other));
    let mut lost = Server::start(program, "other", (other, one));
    until_led(&asked.url()).await;
    let node = |name| start_at(Plan::new(name, without_multicast()), &asked.url());
    let (first, second): (Node, Node) = (node("first"), node("second"));
    first.described(second.id()).await;

    lost.kill();
    let client = client(&asked.url());
    let refused = timeout(LIMIT, async {
        loop {
            match client.healthy("causeway", None).await {
                Err(error) => return error,
                Ok(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    });
    let refused = refused.await.expect("one of two does not lead");
    assert!(matches!(refused, ConsulError::Failing { .. }), "{refused}");
    // Longer than a lease: whoever is known is greeted without Consul.
    sleep(discovery::limits::LEASE + discovery::limits::LEASE / 3).await;
    assert!(first.discovery.snapshot().neighbours.contains_key(&second.id()));

    lost.start_again();
    let third = node("third");
    first.described(third.id()).await;
    third.described(second.id()).await;
}
