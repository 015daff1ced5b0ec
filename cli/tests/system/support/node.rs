//! A running node: the built program with a data directory and a log file of its own.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{
    Answer, GENEROUS, Host,
    command::{isolate, wait_for},
    eventually, json,
};

/// How much of a log is shown when a test fails, bytes.
const SHOWN_LOG: usize = 6_000;

/// Where a node runs.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// On this machine, on its loopback interface only.
    Here,
    /// On a host of a test's world.
    On(Host),
}

/// A node with everything it takes to start it again. Dropped, it is killed; its log is shown when the test fails.
#[derive(Debug)]
pub(crate) struct Node {
    name: String,
    program: &'static str,
    place: Place,
    data: PathBuf,
    /// It is told where its data belongs.
    told_data: bool,
    folder: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    child: Option<Child>,
}

impl Node {
    /// A peer that is not started yet. `folder` keeps its data and its log.
    pub(crate) fn peer(name: &str, network: &str, folder: &Path) -> Self {
        Self::new("peer", name, network, folder)
    }

    /// A bridge that is not started yet.
    pub(crate) fn bridge(name: &str, network: &str, folder: &Path) -> Self {
        Self::new("bridge", name, network, folder)
    }

    /// A node of which the command line says nothing yet but what it is; `label` names it in the test alone.
    pub(crate) fn unsaid(kind: &str, label: &str, folder: &Path) -> Self {
        let mut node = Self::new(kind, label, "", folder);
        node.arguments.truncate(1);
        node
    }

    fn new(kind: &str, name: &str, network: &str, folder: &Path) -> Self {
        let arguments = [kind, "--name", name, "--network", network].map(str::to_owned).to_vec();
        let (data, folder) = (folder.join(name), folder.to_path_buf());
        Self {
            name: name.into(),
            program: env!("CARGO_BIN_EXE_causeway"),
            place: Place::Here,
            data,
            told_data: true,
            folder,
            arguments,
            environment: vec![],
            child: None,
        }
    }

    /// Runs the program of containers instead of the whole one, and asks it.
    pub(crate) fn like_in_a_container(mut self) -> Self {
        self.program = env!("CARGO_BIN_EXE_causeway-peer");
        self
    }

    /// Runs on a host instead of here.
    pub(crate) fn on(mut self, host: &Host) -> Self {
        self.place = Place::On(host.clone());
        self
    }

    /// Adds arguments.
    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// From its next start on, another value of an option that it has.
    pub(crate) fn change(&mut self, option: &str, value: &str) {
        let place = self.arguments.iter().position(|argument| argument == option).expect("it has the option");
        value.clone_into(&mut self.arguments[place + 1]);
    }

    /// Keeps its data elsewhere than in a folder of its name.
    pub(crate) fn keeping(mut self, data: PathBuf) -> Self {
        self.data = data;
        self
    }

    /// Keeps its data where nodes do that are not told where.
    pub(crate) fn keeping_as_usual(mut self) -> Self {
        self.data = self.folder.join(format!("user/data/causeway/{}-{}", self.arguments[0], self.name));
        self.told_data = false;
        self
    }

    /// Adds a variable to the environment.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts it and waits until it answers.
    pub(crate) fn start(mut self) -> Self {
        self.start_again();
        self
    }

    /// Starts a node that is down, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        self.launch();
        self.wait_until_it_answers();
    }

    /// Waits until a node that was launched answers.
    pub(crate) fn wait_until_it_answers(&mut self) {
        let name = self.name.clone();
        eventually(&format!("{name} answers"), || {
            self.assert_running();
            (self.causeway(&["status", "--json"]).code == 0).then_some(())
        });
    }

    /// Starts it without waiting.
    pub(crate) fn launch(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let log = OpenOptions::new().create(true).append(true).open(self.log()).expect("the folder is there");
        let mut command = match &self.place {
            Place::Here => Command::new(self.program),
            Place::On(host) => host.command(self.program),
        };
        isolate(&mut command, &self.folder);
        command.args(&self.arguments);
        if self.told_data {
            command.arg("--data").arg(&self.data);
        }
        if matches!(self.place, Place::Here) {
            command.args(["--interface", "lo"]);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file can be shared")).stderr(log);
        self.child = Some(command.spawn().expect("the program was built"));
    }

    /// The node's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Its id, made if it has none yet.
    pub(crate) fn id(&self) -> String {
        let answer = self.causeway(&["id"]);
        assert_eq!(answer.code, 0, "{answer:?}");
        answer.out.trim().to_owned()
    }

    /// The process.
    pub(crate) fn process(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// What it has written so far.
    pub(crate) fn written(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
        }
    }

    /// SIGTERM; returns at once.
    pub(crate) fn signal(&self, signal: Signal) {
        let process =
            i32::try_from(self.process()).ok().and_then(Pid::from_raw).expect("a process has a number");
        kill_process(process, signal).expect("it is ours");
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Waits for the end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("it runs");
        let status = wait_for(child, GENEROUS).unwrap_or_else(|| panic!("{} does not end", self.name));
        self.child = None;
        status
    }

    /// Runs a command on this node's data directory.
    pub(crate) fn causeway(&self, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.command(arguments))
    }

    /// Runs a command that must succeed, and gives its JSON lines.
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let answer = self.causeway(&[arguments, &["--json"]].concat());
        assert_eq!(answer.code, 0, "{} {arguments:?}: {answer:?}", self.name);
        json::lines(&answer.out)
    }

    /// The command that would run here, for those who want its output as it comes.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        isolate(&mut command, &self.folder);
        command.args(arguments).arg("--data").arg(&self.data);
        command
    }

    /// # Panics
    /// When the process has ended by itself.
    fn assert_running(&mut self) {
        let child = self.child.as_mut().expect("it was started");
        if let Some(status) = child.try_wait().expect("it is ours") {
            self.child = None;
            panic!("{} ended with {status}:\n{}", self.name, tail(&self.written()));
        }
    }

    /// For whoever reads about a failure. Never panics.
    fn tell_what_it_knows(&self) {
        for command in ["status", "peers", "links"] {
            let mut limited = Command::new("timeout");
            limited.arg("5").arg(env!("CARGO_BIN_EXE_causeway")).args([command, "--json", "--data"]);
            if let Ok(output) = limited.arg(&self.data).stdin(Stdio::null()).output() {
                let told = String::from_utf8_lossy(&output.stdout);
                eprint!("--- {} of {}:\n{told}", command, self.name);
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if thread::panicking() && self.child.is_some() {
            self.tell_what_it_knows();
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            eprintln!("--- {} ({}) said:\n{}", self.name, self.data.display(), tail(&self.written()));
        }
    }
}

fn tail(text: &str) -> &str {
    let mut start = text.len().saturating_sub(SHOWN_LOG);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}
