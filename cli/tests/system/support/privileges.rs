//! Whether this machine lets us make network namespaces.

use std::{env, process::Command, sync::OnceLock};

/// Why there can be no namespaces; none when there can.
fn obstacle() -> Option<&'static str> {
    static OBSTACLE: OnceLock<Option<String>> = OnceLock::new();
    OBSTACLE.get_or_init(find_obstacle).as_deref()
}

fn find_obstacle() -> Option<String> {
    for (program, argument, package) in [("ip", "-V", "iproute2"), ("nft", "--version", "nftables")] {
        if Command::new(program).arg(argument).output().is_err() {
            return Some(format!("`{program}` is missing: apt-get install {package}"));
        }
    }
    let tried = Command::new("unshare").args(["--net", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "this user may not make network namespaces, root may: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Some(format!("`unshare` does not run: {error}")),
    }
}

/// True when namespaces can be made. Otherwise says loudly that the test is skipped.
///
/// # Panics
/// Where `CI` is set: a test that is silently skipped there would guard nothing.
pub(crate) fn can_make_networks(test: &str) -> bool {
    let Some(obstacle) = obstacle() else { return true };
    let ci = env::var_os("CI").is_some_and(|ci| !ci.is_empty());
    assert!(!ci, "{test} cannot run, and in CI it must: {obstacle}");
    eprintln!("\n!!! SKIPPED: {test}\n!!! {obstacle}\n");
    false
}
