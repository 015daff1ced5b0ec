//! A real Consul agent of the test's own, in development mode: nothing of it outlives its process.

use std::{
    env,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// An agent takes a second or two; a loaded machine may take many times as long.
const GENEROUS: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// See the module. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Agent {
    program: PathBuf,
    port: u16,
    configuration: String,
    token: String,
    process: Child,
}

/// Where a program lies that `discovery/tests/consul/fetch` fetched; none, said loudly, where it did not.
///
/// # Panics
/// Where `CI` is set.
pub(crate) fn fetched(program: &str, test: &str) -> Option<PathBuf> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = target.parent().expect("it lies in the target folder").join("cloud/bin").join(program);
    if path.exists() {
        return Some(path);
    }
    let ci = env::var_os("CI").is_some_and(|ci| !ci.is_empty());
    assert!(!ci, "{test} cannot run, and in CI it must: there is no {}", path.display());
    eprintln!("\n!!! SKIPPED: {test}\n!!! there is no {}: run `./check consul`\n", path.display());
    None
}

impl Agent {
    /// Starts one, and waits until it has a leader. With more configuration, in Consul's own language.
    pub(crate) fn start(test: &str, configuration: &str) -> Option<Self> {
        Self::start_closed(test, configuration, "")
    }

    /// Starts one whose configuration wants to see a token.
    pub(crate) fn start_closed(test: &str, configuration: &str, token: &str) -> Option<Self> {
        let program = fetched("consul", test)?;
        let port = free_port();
        let process = run(&program, port, configuration);
        let (configuration, token) = (configuration.to_owned(), token.to_owned());
        let mut agent = Self { program, port, configuration, token, process };
        agent.wait();
        Some(agent)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Kills it where it stands: all that it knew is lost.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it is this test's own process");
        self.process.wait().expect("it ends");
    }

    /// Starts it again, with nothing in it, at the same port.
    pub(crate) fn start_again(&mut self) {
        self.process = run(&self.program, self.port, &self.configuration);
        self.wait();
    }

    /// What it answers, status line and headers included.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let headers = format!("Host: {}\r\nX-Consul-Token: {}\r\n", self.address(), self.token);
        exchange(self.address(), (method, path), &headers, body).unwrap_or_default()
    }

    /// One that has ended found a port taken: by somebody who asked for any, a moment after this test did.
    fn wait(&mut self) {
        let deadline = Instant::now() + GENEROUS;
        // Its own node is registered once it leads itself.
        while !self.ask("GET", "/v1/catalog/nodes", "").contains("\"Node\"") {
            assert!(Instant::now() < deadline, "Consul did not start");
            if self.process.try_wait().expect("it is this test's own process").is_some() {
                self.process = run(&self.program, self.port, &self.configuration);
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(program: &PathBuf, http: u16, configuration: &str) -> Child {
    let [lan, wan, server] = [free_port(), free_port(), free_port()].map(|port| port.to_string());
    let http = http.to_string();
    Command::new(program)
        .args(["agent", "-dev", "-client=127.0.0.1", "-bind=127.0.0.1", "-node=here", "-log-level=err"])
        .args(["-http-port", &http, "-serf-lan-port", &lan, "-serf-wan-port", &wan, "-server-port", &server])
        .args(["-dns-port=-1", "-grpc-port=-1", "-hcl", configuration])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it was fetched for this machine")
}

/// One request over a connection of its own, with headers of the caller's, `Host` among them.
/// HTTP/1.0: nothing comes in chunks.
pub(crate) fn exchange(
    address: SocketAddr,
    (method, path): (&str, &str),
    headers: &str,
    body: &str,
) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(GENEROUS))?;
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.0\r\n{headers}Content-Length: {length}\r\n\r\n{body}")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("there are ports")
        .port()
}
