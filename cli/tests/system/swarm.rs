//! A dispatcher and its peers on a real Docker swarm, made for the test and gone with it.
//!
//! It needs root, `dockerd` and `unshare`; without them the tests say so and are skipped, and fail where `CI` is set.

mod across;
mod browser;
mod engine;
mod failing;
mod keeping;
mod lobby;
mod stack;

use std::{env, process::Command, time::Duration};

use crate::support::eventually_within;

/// The limit for anything that should take seconds: a loaded machine may take many times as long.
const GENEROUS: Duration = Duration::from_secs(90);

/// Waits until `condition` gives something, and says `what` was waited for when it never does.
fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually_within(GENEROUS, what, condition)
}

/// True when an engine can be started. Otherwise says loudly that the test is skipped.
///
/// # Panics
/// Where `CI` is set: a test that is silently skipped there would guard nothing.
fn can_run_docker(test: &str) -> bool {
    let Some(obstacle) = obstacle() else { return true };
    let ci = env::var_os("CI").is_some_and(|ci| !ci.is_empty());
    assert!(!ci, "{test} cannot run, and in CI it must: {obstacle}");
    eprintln!("\n!!! SKIPPED: {test}\n!!! {obstacle}\n");
    false
}

fn obstacle() -> Option<String> {
    let needed = [
        ("dockerd", "--version", "docker.io"),
        ("docker", "--version", "docker.io"),
        ("ip", "-V", "iproute2"),
    ];
    for (program, argument, package) in needed {
        if Command::new(program).arg(argument).output().is_err() {
            return Some(format!("`{program}` is missing: apt-get install {package}"));
        }
    }
    let tried = Command::new("unshare").args(engine::APART).arg("true").output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Some(format!("this user may not make namespaces, root may: {why}"))
        }
        Err(error) => Some(format!("`unshare` does not run: {error}")),
    }
}
