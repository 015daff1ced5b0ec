//! A dispatcher with all that it keeps in a folder of its own, and others on the network of its peers. Nothing of it runs on
//! when a test is over.

use std::{
    fs::{self, Permissions},
    net::UdpSocket,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{Node, eventually, network, text};

/// See the module.
pub(crate) struct Lobby {
    pub(crate) dispatcher: Node,
    network: String,
    discovery: String,
    folder: TempDir,
}

impl Lobby {
    /// A running dispatcher with these arguments, at a free port.
    pub(crate) fn start(test: &str, arguments: &[&str]) -> Self {
        Self::start_told(test, arguments, &[])
    }

    /// The same, told some of it by its environment.
    pub(crate) fn start_told(test: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_changed(test, arguments, |dispatcher| {
            environment
                .iter()
                .fold(dispatcher, |dispatcher, (name, value)| dispatcher.environment(name, value))
        })
    }

    /// The same, with its data and those of its peers in a folder of the test's choice.
    pub(crate) fn start_in(test: &str, data: PathBuf, arguments: &[&str]) -> Self {
        Self::start_changed(test, arguments, |dispatcher| dispatcher.keeping(data))
    }

    fn start_changed(test: &str, arguments: &[&str], change: impl FnOnce(Node) -> Node) -> Self {
        let (folder, network) = (TempDir::new().expect("there is room"), network(test));
        let discovery = free_port().to_string();
        let dispatcher = Node::unsaid("dispatcher", "lobby", folder.path())
            .with(&["--name", "lobby", "--network", &network, "--discovery-port", &discovery])
            .with(&["--listen", "127.0.0.1:0"])
            .with(arguments);
        let dispatcher = change(dispatcher).start();
        Self { dispatcher, network, discovery, folder }
    }

    /// Two dispatchers of one network that share their keys and give out each other's peers; each with arguments of its own.
    pub(crate) fn start_fellows(test: &str, arguments: [&[&str]; 2]) -> [Self; 2] {
        let (network, discovery) = (network(test), free_port().to_string());
        let prepared = arguments.map(|arguments| {
            let folder = TempDir::new().expect("there is room");
            let keys = folder.path().join("shared");
            fs::write(&keys, "0123456789abcdef".repeat(4)).expect("there is room");
            fs::set_permissions(&keys, Permissions::from_mode(0o600)).expect("it is ours");
            let keys = keys.to_string_lossy();
            let dispatcher = Node::unsaid("dispatcher", "lobby", folder.path())
                .with(&["--name", "lobby", "--network", &network, "--discovery-port", &discovery])
                .with(&["--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1", "--keys", &keys])
                .with(arguments);
            (dispatcher, folder)
        });
        let [(one, first), (other, second)] = prepared;
        let (one, other) = {
            let ids = [one.id(), other.id()];
            (one.with(&["--fellow", &ids[1]]), other.with(&["--fellow", &ids[0]]))
        };
        [(one, first), (other, second)].map(|(dispatcher, folder)| Self {
            dispatcher: dispatcher.start(),
            network: network.clone(),
            discovery: discovery.clone(),
            folder,
        })
    }

    /// A peer of somebody's own, on the same network.
    pub(crate) fn neighbour(&self, name: &str) -> Node {
        let peer = Node::peer(name, &self.network, self.folder.path());
        peer.with(&["--listen", "127.0.0.1", "--discovery-port", &self.discovery]).start()
    }

    /// A bridge of the network of its peers.
    pub(crate) fn bridge(&self, name: &str) -> Node {
        let bridge = Node::bridge(name, &self.network, self.folder.path());
        bridge.with(&["--listen", "127.0.0.1", "--discovery-port", &self.discovery])
    }

    /// Where everything of this stage lies.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `causeway dispatcher status --json`.
    pub(crate) fn status(&self) -> Value {
        self.dispatcher.json(&["dispatcher", "status"]).remove(0)
    }

    /// Where people log in.
    pub(crate) fn url(&self) -> String {
        text(&self.status(), "url").to_owned()
    }

    /// The port of that; another one after each start.
    pub(crate) fn port(&self) -> u16 {
        let url = self.url();
        let port = url.trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
        port.unwrap_or_else(|| panic!("no port in {url}"))
    }

    /// The kept peers.
    pub(crate) fn kept(&self) -> Vec<Value> {
        self.status()["peers"].as_array().expect("a list").clone()
    }

    /// A kept peer, by its id.
    pub(crate) fn kept_as(&self, id: &str) -> Value {
        let kept = self.kept();
        kept.iter().find(|peer| peer["id"] == id).unwrap_or_else(|| panic!("no {id} in {kept:?}")).clone()
    }

    /// The number of a kept peer.
    pub(crate) fn number(&self, id: &str) -> u64 {
        self.kept_as(id)["number"].as_u64().expect("a number")
    }

    /// Waits until a kept peer is in a state.
    pub(crate) fn wait_state(&self, id: &str, state: &str) {
        eventually(&format!("{id} is {state}"), || (self.kept_as(id)["state"] == state).then_some(()));
    }

    /// Waits until so many peers are vacant and ready.
    pub(crate) fn wait_vacant(&self, count: usize) {
        self.wait_count("vacant", count);
    }

    /// Waits until so many peers are in a state.
    pub(crate) fn wait_count(&self, state: &str, count: usize) {
        eventually(&format!("{count} peers are {state}"), || {
            (self.kept().iter().filter(|peer| peer["state"] == state).count() == count).then_some(())
        });
    }

    /// Where a kept peer has its data.
    pub(crate) fn data_of(&self, number: u64) -> PathBuf {
        self.peers().join(number.to_string())
    }

    /// The processes of kept peers: number and process id, whether the dispatcher knows them or not.
    pub(crate) fn processes(&self) -> Vec<(u64, u32)> {
        let all = fs::read_dir("/proc").expect("it is there").filter_map(Result::ok);
        let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter_map(|id| Some((kept_by(&self.peers(), id)?, id))).collect()
    }

    /// The process of a kept peer, if one runs.
    pub(crate) fn process_of(&self, number: u64) -> Option<u32> {
        self.processes().into_iter().find(|(found, _)| *found == number).map(|(_, process)| process)
    }

    fn peers(&self) -> PathBuf {
        self.dispatcher.data().join("peers")
    }
}

impl Drop for Lobby {
    fn drop(&mut self) {
        if thread::panicking() {
            let status = self.dispatcher.causeway(&["dispatcher", "status"]);
            eprintln!("--- the dispatcher's status:\n{}{}", status.out, status.err);
        }
        // First, so that it starts no peer again.
        self.dispatcher.kill();
        loop {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            left.into_iter().for_each(|(_, process)| kill(process));
        }
    }
}

/// kill -9 of a process that is ours.
pub(crate) fn kill(process: u32) {
    signal(process, Signal::KILL);
}

/// Sends a signal to a process that is ours.
pub(crate) fn signal(process: u32, signal: Signal) {
    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(process, signal);
    }
}

/// The number of the peer that a process is, if it is one of this folder.
fn kept_by(peers: &Path, process: u32) -> Option<u64> {
    let line = fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let line = String::from_utf8(line).ok()?;
    let mut words = line.split('\0').skip_while(|word| *word != "--data").skip(1);
    Path::new(words.next()?).strip_prefix(peers).ok()?.to_str()?.parse().ok()
}

/// For multicast: more than one may use it.
fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("there are ports");
    socket.local_addr().expect("it is bound").port()
}
