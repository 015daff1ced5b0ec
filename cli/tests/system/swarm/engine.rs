//! A Docker engine of the test's own.

use std::{
    env, fs,
    fs::File,
    net::TcpStream,
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use tempfile::TempDir;

use super::eventually;

/// Nothing of the engine is outside of its namespaces: its ports, rules and bridges meet no other engine's, no registry can
/// be reached, and all of its processes and mounts end with it.
pub(crate) const APART: [&str; 6] = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
/// The overlay network of the peers.
pub(crate) const OVERLAY: &str = "people";
/// The image that is made of the program under test, and that of what peers need of it.
pub(crate) const IMAGE: &str = "causeway-under-test";
pub(crate) const PEER_IMAGE: &str = "causeway-under-test-peer";

/// See the module.
pub(crate) struct Engine {
    folder: TempDir,
    process: Option<Child>,
}

impl Engine {
    /// A place for an engine that does not run yet.
    pub(crate) fn prepared() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), process: None }
    }

    /// One that runs as a swarm of its own, with the network.
    pub(crate) fn running() -> Self {
        let mut engine = Self::prepared();
        engine.start();
        engine
    }

    pub(crate) fn start(&mut self) {
        let folder = self.folder.path();
        // What one that was killed left behind tells of processes that are gone.
        let _ = fs::remove_file(folder.join("pid"));
        let _ = fs::remove_dir_all(folder.join("exec"));
        let at = |name: &str| folder.join(name).display().to_string();
        let script = format!(
            "ip link set lo up && exec dockerd --data-root {} --exec-root {} --pidfile {} --host {} --bridge none --log-level error",
            at("data"),
            at("exec"),
            at("pid"),
            self.url()
        );
        let log = File::create(folder.join("log")).unwrap();
        let mut command = Command::new("unshare");
        command.args(APART).args(["sh", "-c", &script]).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        // Images are not asked for elsewhere when they are here.
        command.env("DOCKER_SERVICE_PREFER_OFFLINE_IMAGE", "1");
        self.process = Some(command.spawn().unwrap());
        eventually("the engine answers", || self.try_docker(&["version"]).ok());
        if self.docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]) == "active" {
            return;
        }
        self.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377"]);
        self.docker(&["network", "create", "--driver", "overlay", "--attachable", OVERLAY]);
    }

    /// Ends it as the loss of power does.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("the engine was started");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Makes the images as an operator does. The programs as they were built for the tests are not static and bring their
    /// libraries along: that saves building everything once more.
    pub(crate) fn make_images(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy/image");
        let mut command = Command::new(script);
        command.args(["--program", env!("CARGO_BIN_EXE_causeway"), "--tag", IMAGE]);
        told(command.env("DOCKER_HOST", self.url())).unwrap();
    }

    /// Makes an image of one program and the libraries that it needs.
    pub(super) fn make_image_of(&self, tag: &str, program: &Path, inside: &str) {
        let context = tempfile::tempdir().unwrap();
        let libraries = Command::new("ldd").arg(program).output().unwrap();
        let libraries = String::from_utf8_lossy(&libraries.stdout).into_owned();
        // `ldd` names none of a static program.
        let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/'));
        let files = [(program, inside)].into_iter().chain(libraries.map(|path| (Path::new(path), path)));
        for (from, to) in files {
            let to = context.path().join("root").join(to.trim_start_matches('/'));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
        let file = format!("FROM scratch\nCOPY root /\nENTRYPOINT [{inside:?}]\n");
        fs::write(context.path().join("Dockerfile"), file).unwrap();
        let mut command = Command::new("docker");
        command.args(["build", "--quiet", "--tag", tag]).arg(context.path());
        // The builder of old: the new one is a plugin that not every machine has.
        told(command.env("DOCKER_HOST", self.url()).env("DOCKER_BUILDKIT", "0")).unwrap();
    }

    /// What `docker` says.
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        self.try_docker(arguments).unwrap()
    }

    pub(crate) fn try_docker(&self, arguments: &[&str]) -> Result<String, String> {
        told(Command::new("docker").args(arguments).env("DOCKER_HOST", self.url()))
    }

    /// The specification of a service.
    pub(crate) fn spec(&self, service: &str) -> Option<Value> {
        let text = self.try_docker(&["service", "inspect", service, "--format", "{{json .Spec}}"]).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// What there is of a kind, as `service ls` or `ps`, with a label.
    pub(crate) fn list(&self, what: &str, label: &str) -> Vec<String> {
        let filter = format!("label={label}");
        let what: Vec<_> = what.split(' ').collect();
        let said = self.docker(&[&what[..], &["--quiet", "--filter", &filter]].concat());
        said.lines().map(String::from).collect()
    }

    /// The addresses of the overlay.
    pub(crate) fn subnet(&self) -> String {
        self.docker(&["network", "inspect", OVERLAY, "--format", "{{(index .IPAM.Config 0).Subnet}}"])
    }

    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// The group that may open the socket.
    pub(crate) fn group(&self) -> String {
        fs::metadata(self.socket()).unwrap().gid().to_string()
    }

    /// The process in whose namespaces everything of it is.
    pub(super) fn process(&self) -> u32 {
        self.process.as_ref().expect("the engine was started").id()
    }

    /// Connects to a port that the engine publishes.
    pub(crate) fn connect(&self, port: u16) -> std::io::Result<TcpStream> {
        let process = self.process();
        let namespace = File::open(format!("/proc/{process}/ns/net"))?;
        // A thread that moved does not come back.
        let connect = move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            TcpStream::connect(("127.0.0.1", port))
        };
        thread::spawn(connect).join().unwrap()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        if thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprintln!("the engine logged:\n{log}");
        }
        // In good order as far as it goes: the kernel's groups of a container are taken away only then.
        let _ = self.try_docker(&["swarm", "leave", "--force"]);
        let containers = self.try_docker(&["ps", "--all", "--quiet"]).unwrap_or_default();
        for container in containers.lines() {
            let _ = self.try_docker(&["rm", "--force", container]);
        }
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// Runs a command to its end; what it says.
pub(super) fn told(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let cried = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(said) } else { Err(format!("{command:?}: {said}\n{cried}")) }
}
