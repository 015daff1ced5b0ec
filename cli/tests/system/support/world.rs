//! A small world of hosts and networks on this machine, gone when it is dropped.
//!
//! Every host is a network namespace, and so is the place where the LANs' bridge devices are. Nothing of it touches
//! the machine's own network. Names carry the process that made them, so that what a killed run left behind is found
//! and removed by the next one.

use std::{
    fs,
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{Host, lan::Lan, privileges};

/// Where `ip netns` keeps its names.
const NAMES: &str = "/run/netns";
/// What all our names begin with.
const MARK: &str = "cwtest";

/// See the module.
#[derive(Debug)]
pub(crate) struct World {
    prefix: String,
}

impl World {
    /// An empty world; none, said loudly, where the privileges are missing.
    pub(crate) fn new(test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if !privileges::can_make_networks(test) {
            return None;
        }
        remove_leftovers();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{MARK}-{}-{}-{number}", process::id(), started(process::id())?);
        let world = Self { prefix };
        ip(&["netns", "add", &world.name("switches")]);
        Some(world)
    }

    /// A new host with a loopback interface and nothing else.
    pub(crate) fn host(&self, name: &str) -> Host {
        let namespace = self.name(name);
        ip(&["netns", "add", &namespace]);
        Host::new(namespace)
    }

    /// A host that was made otherwise, as the namespace of a process that runs.
    pub(crate) fn adopt(&self, name: &str, process: u32) -> Host {
        let namespace = self.name(name);
        ip(&["netns", "attach", &namespace, &process.to_string()]);
        Host::new(namespace)
    }

    /// A new LAN: a switch that knows multicast as a broadcast, as most homes' switches do.
    pub(crate) fn lan(&self, name: &str) -> Lan {
        Lan::new(self.name("switches"), name)
    }

    fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.prefix)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        remove_where(|name| name.starts_with(&format!("{}-", self.prefix)));
    }
}

/// Runs `ip`, which must succeed.
pub(crate) fn ip(arguments: &[&str]) -> String {
    let output = Command::new("ip").args(arguments).stdin(Stdio::null()).output().expect("ip is installed");
    assert!(
        output.status.success(),
        "ip {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Removes what runs that no longer live have left.
fn remove_leftovers() {
    remove_where(|name| {
        let mut parts = name.split('-');
        if parts.next() != Some(MARK) {
            return false;
        }
        let (process, start) = (parts.next(), parts.next());
        let Some(process) = process.and_then(|text| text.parse().ok()) else { return false };
        started(process).as_deref() != start
    });
}

fn remove_where(matches: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(NAMES) else { return };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        if matches(&name) {
            remove(&name);
        }
    }
}

/// Ends what runs in a namespace and deletes it. Never panics: it runs while panicking, too.
fn remove(namespace: &str) {
    let run = |arguments: &[&str]| {
        let output = Command::new("ip").args(arguments).stdin(Stdio::null()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    };
    for process in run(&["netns", "pids", namespace]).lines().filter_map(|line| line.trim().parse().ok()) {
        if let Some(process) = rustix::process::Pid::from_raw(process) {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
    }
    run(&["netns", "delete", namespace]);
}

/// When a process began, in clock ticks since the machine's start (field 22 of proc_pid_stat(5)): with it a process is
/// told from a later one of the same number.
fn started(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let after_name = stat.rsplit_once(") ")?.1;
    after_name.split(' ').nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_lives_is_kept() {
        let Some(world) = World::new("leftovers") else { return };
        let _host = world.host("alive");
        let mut ended = Command::new("true").spawn().unwrap();
        let left = format!("{MARK}-{}-1-0-left", ended.id());
        ended.wait().unwrap();
        ip(&["netns", "add", &left]);
        let _other = World::new("leftovers").unwrap();
        let names = ip(&["netns", "list"]);
        assert!(!names.contains(&left), "{names}");
        assert!(names.contains(&world.name("alive")), "{names}");
    }

    #[test]
    fn a_world_is_gone_after_a_panic() {
        let Some(world) = World::new("panic") else { return };
        let prefix = world.prefix.clone();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _host = world.host("alone");
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert!(!ip(&["netns", "list"]).contains(&prefix));
    }
}
