//! The command line comes before the environment, and that before the configuration file.

use std::{fs, net::TcpListener, path::Path};

use super::{USAGE, assert_answer};
use crate::support::{Answer, Node, network, program, text};

/// Where test ports are looked for: below those that the kernel gives to whoever asks for any.
const PORTS: std::ops::Range<u16> = 20_000..29_000;

/// What one source of settings says of a bridge.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    name: String,
    network: String,
    control: u16,
    trust: String,
}

impl Said {
    fn by(source: &str, port: u16, folder: &Path) -> Self {
        let stranger = Node::unsaid("bridge", &format!("trusted-by-{source}"), folder);
        Self {
            name: format!("named-by-{source}"),
            network: network(source),
            control: port,
            trust: stranger.id(),
        }
    }

    /// What a running bridge shows.
    fn shown_by(node: &Node) -> Self {
        let (status, trusted) = (node.status(), node.json(&["trust", "list"]));
        assert_eq!(trusted.len(), 1, "a list replaces the other, it does not add to it: {trusted:?}");
        Self {
            name: text(&status, "name").into(),
            network: text(&status, "network").into(),
            control: node.port("control"),
            trust: text(&trusted[0], "id").into(),
        }
    }

    fn as_file(&self) -> String {
        let Self { name, network, control, trust } = self;
        format!(
            "[bridge]\nname = \"{name}\"\nnetwork = \"{network}\"\ncontrol-port = {control}\ntrust = [\"{trust}\"]\n"
        )
    }

    fn in_environment(&self, node: Node) -> Node {
        node.environment("CAUSEWAY_NAME", &self.name)
            .environment("CAUSEWAY_NETWORK", &self.network)
            .environment("CAUSEWAY_CONTROL_PORT", &self.control.to_string())
            .environment("CAUSEWAY_TRUST", &self.trust)
    }

    fn on_command_line(&self, node: Node) -> Node {
        let port = self.control.to_string();
        let names = ["--name", &self.name, "--network", &self.network];
        node.with(&names).with(&["--control-port", &port, "--trust", &self.trust])
    }
}

/// Three ports that are free now, looked for from another place in every process.
fn free_ports() -> [u16; 3] {
    let start = std::process::id() as usize % PORTS.len();
    let mut ports = PORTS.cycle().skip(start).filter(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok());
    std::array::from_fn(|_| ports.next().expect("there are free ports"))
}

#[test]
fn the_command_line_comes_before_the_environment_and_that_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let [file, environment, line] = [("file", 0), ("environment", 1), ("line", 2)]
        .map(|(source, at)| Said::by(source, ports[at], folder.path()));
    let config = folder.path().join("config.toml");
    fs::write(&config, file.as_file()).unwrap();
    let bridge = |label: &str| {
        let node = Node::unsaid("bridge", label, folder.path());
        node.with(&["--listen", "127.0.0.1", "--config", config.to_str().unwrap()])
    };
    assert_eq!(Said::shown_by(&bridge("one").start()), file);
    assert_eq!(Said::shown_by(&environment.in_environment(bridge("two")).start()), environment);
    let all = line.on_command_line(environment.in_environment(bridge("three")));
    assert_eq!(Said::shown_by(&all.start()), line);
}

#[test]
fn a_file_named_in_the_environment_gives_way_to_one_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let path = folder.path().join(format!("{name}.toml"));
        fs::write(&path, format!("[peer]\nname = \"{name}\"\nnetwork = \"{}\"\n", network("lan"))).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (near, far) = (file("near"), file("far"));
    let peer = |label: &str| {
        let node = Node::unsaid("peer", label, folder.path()).with(&["--listen", "127.0.0.1"]);
        node.environment("CAUSEWAY_CONFIG", &far)
    };
    assert_eq!(peer("one").start().status()["name"], "far");
    assert_eq!(peer("two").with(&["--config", &near]).start().status()["name"], "near");
}

#[test]
fn a_file_that_is_wrong_is_named_with_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.toml");
    for (text, line, what) in [
        ("log = \"info\"\n\n[peer\nname = \"anna\"\n", 3, "]"),
        ("[peer]\nname = \"anna\"\nnetwrok = \"home\"\n", 3, "netwrok"),
        ("[peer]\ngreeting-port = \"many\"\n", 2, "u16"),
        ("[bridge]\nname = \"attic\"\nnetwork = \"home\"\ncongestion = \"hope\"\n", 4, "hope"),
        ("[bridge]\ntrust = [\"nobody\"]\n", 2, "nobody"),
    ] {
        fs::write(&path, text).unwrap();
        let mut command = program(folder.path());
        command.arg("peer").arg("--config").arg(&path).arg("--data").arg(folder.path().join("data"));
        let answer = Answer::of(&mut command);
        assert_answer(&answer, USAGE, &[path.to_str().unwrap(), &format!("line {line}"), what]);
    }
    let missing = folder.path().join("missing.toml");
    let answer = Answer::of(program(folder.path()).arg("peer").arg("--config").arg(&missing));
    assert_answer(&answer, super::FAILED, &[missing.to_str().unwrap()]);
    assert!(!folder.path().join("data").exists(), "something was made of a file that is wrong");
}
