//! A real Traefik that reads the test's Consul.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::agent::{Agent, fetched, free_port};
use crate::support::{eventually, visitor::request};

/// See the module. It ends when dropped.
pub(crate) struct Traefik {
    program: PathBuf,
    /// Where browsers come in.
    pub(crate) port: u16,
    /// Where they come in by TLS, with a certificate that nobody signed.
    pub(crate) tls: u16,
    /// Where it tells what it knows.
    inside: u16,
    folder: TempDir,
    process: Child,
}

impl Traefik {
    /// Starts one with the configuration of docs/consul.md, but for how it looks: lines of `[providers]`, and of its
    /// provider.
    pub(crate) fn start(test: &str, agent: &Agent, (providers, provider): (&str, &str)) -> Option<Self> {
        let program = fetched("traefik", test)?;
        let folder = TempDir::new().expect("there is room");
        let [port, tls, inside] = [(); 3].map(|()| free_port());
        let configuration = format!(
            "[entryPoints.web]\naddress = \"127.0.0.1:{port}\"\n\
             [providers]\n{providers}\n\
             [providers.consulCatalog]\nexposedByDefault = false\n{provider}\n\
             [providers.consulCatalog.endpoint]\naddress = \"{}\"\nscheme = \"http\"\n\
             [entryPoints.tls]\naddress = \"127.0.0.1:{tls}\"\n[entryPoints.tls.http.tls]\n\
             [entryPoints.traefik]\naddress = \"127.0.0.1:{inside}\"\n[api]\ninsecure = true\n\
             [log]\nlevel = \"DEBUG\"\n",
            agent.address()
        );
        fs::write(folder.path().join("traefik.toml"), configuration).expect("there is room");
        let process = run(&program, &folder);
        let traefik = Self { program, port, tls, inside, folder, process };
        traefik.wait();
        Some(traefik)
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it is this test's own process");
        self.process.wait().expect("it ends");
    }

    pub(crate) fn start_again(&mut self) {
        self.process = run(&self.program, &self.folder);
        self.wait();
    }

    /// Whether it has a route of this name.
    pub(crate) fn has_route(&self, name: &str) -> bool {
        let asked = format!("GET /api/http/routers/{name}@consulcatalog");
        request(self.inside, &asked, "127.0.0.1", &[]).is_ok_and(|heard| heard.status == 200)
    }

    /// Between how many servers it chooses for a service of this name.
    pub(crate) fn servers(&self, name: &str) -> usize {
        let asked = format!("GET /api/http/services/{name}@consulcatalog");
        let Ok(heard) = request(self.inside, &asked, "127.0.0.1", &[]) else { return 0 };
        heard.json()["loadBalancer"]["servers"].as_array().map_or(0, Vec::len)
    }

    /// What it said.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// It listens before it knows any route.
    fn wait(&self) {
        eventually("Traefik listens", || {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: nowhere\r\nConnection: close\r\n\r\n").ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            answer.contains("404").then_some(())
        });
    }
}

impl Drop for Traefik {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().rev().take(40).collect();
            eprintln!("--- Traefik said last, the newest first:\n{}", lines.join("\n"));
        }
    }
}

fn run(program: &PathBuf, folder: &TempDir) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.path().join("log"));
    let log = log.expect("there is room");
    Command::new(program)
        .arg("--configFile")
        .arg(folder.path().join("traefik.toml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file can be shared"))
        .stderr(log)
        .spawn()
        .expect("it was fetched for this machine")
}
