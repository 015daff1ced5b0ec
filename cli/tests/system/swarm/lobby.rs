//! The dispatcher, and the bridge of its peers, as containers on their overlay.

use std::{process::Command, thread};

use serde_json::Value;

use super::{
    browser::PORT,
    engine::{Engine, IMAGE, OVERLAY, PEER_IMAGE},
};

const NAME: &str = "lobby";
const BRIDGE: &str = "bridge";
/// Where the bridge is told of peers: by its name on the overlay, where multicast does not work.
const CONTROL: &str = "bridge:30012";

/// Starts a bridge.
pub(crate) fn start_bridge(engine: &Engine) {
    let run = ["run", "--detach", "--name", BRIDGE, "--network", OVERLAY, IMAGE];
    engine.docker(&[&run[..], &["bridge", "--name", BRIDGE, "--network", "cloud"]].concat());
}

/// Whom the bridge knows.
pub(crate) fn known_to_the_bridge(engine: &Engine) -> String {
    engine.docker(&["exec", BRIDGE, "/causeway", "peers", "--json"])
}

/// See the module.
pub(crate) struct Lobby<'a>(&'a Engine);

impl<'a> Lobby<'a> {
    /// Starts it, with what the one before kept.
    pub(crate) fn start(engine: &'a Engine, more: &[&str]) -> Self {
        let (socket, group) = (format!("{}:/var/run/docker.sock", engine.socket().display()), engine.group());
        let (published, listen) = (format!("{PORT}:{PORT}"), format!("0.0.0.0:{PORT}"));
        let run = ["run", "--detach", "--name", NAME, "--network", OVERLAY, "--group-add", &group];
        let mounted = ["--volume", &socket, "--volume", "lobby:/data", "--publish", &published, IMAGE];
        let told = [
            "--log",
            "info,dispatcher=debug",
            "dispatcher",
            "--name",
            NAME,
            "--network",
            "cloud",
            "--bridge",
            CONTROL,
        ];
        let swarm = ["--backend", "swarm", "--image", PEER_IMAGE, "--overlay", OVERLAY, "--listen", &listen];
        let _ = engine.docker(&[&run[..], &mounted, &told, &swarm, more].concat());
        Self(engine)
    }

    /// What the program answers there.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        self.0.docker(&[&["exec", NAME, "/causeway"], arguments].concat())
    }

    /// How it is.
    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.ask(&["dispatcher", "status", "--json"])).unwrap()
    }

    /// Ends it where it stands.
    pub(crate) fn kill(self) {
        self.0.docker(&["rm", "--force", NAME]);
    }
}

impl Drop for Lobby<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let mut command = Command::new("docker");
            let output = command.args(["logs", NAME]).env("DOCKER_HOST", self.0.url()).output();
            let said = output.map(|output| output.stderr).unwrap_or_default();
            let status = self.0.try_docker(&["exec", NAME, "/causeway", "dispatcher", "status"]);
            eprintln!("{}", status.unwrap_or_else(|why| why));
            let services = self.0.try_docker(&["service", "ls"]);
            eprintln!("{}", services.unwrap_or_else(|why| why));
            eprintln!("the dispatcher logged:\n{}", String::from_utf8_lossy(&said));
        }
    }
}
