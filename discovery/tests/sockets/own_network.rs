//! Tests that need interfaces of their own: each runs again as a process in a network namespace.

use std::{env, process::Command};

use discovery::Snapshot;

use crate::node::{Node, Plan, free_port, on_interface};

const CHILD: &str = "DISCOVERY_TEST_CHILD";
/// What a child says when it has seen what it was to see.
const SEEN: &str = "seen to the end";

/// Runs a test of this file again, on interfaces that `setup` makes. Says loudly where that is not permitted.
///
/// # Panics
/// When that test fails, and where `CI` is set and it cannot run.
fn in_own_network(test: &str, setup: &str) {
    // Addresses of IPv6 count at once, without the second that asking the neighbours takes.
    let script = format!(
        "for all in default all; do echo 0 > /proc/sys/net/ipv6/conf/$all/accept_dad; done && \\
         ip link set lo up && {setup} && exec \"$0\" \"$@\""
    );
    let possible =
        Command::new("unshare").args(["--net", "sh", "-c", &format!("{script} true"), "true"]).output();
    if !possible.as_ref().is_ok_and(|output| output.status.success()) {
        let ci = env::var_os("CI").is_some_and(|ci| !ci.is_empty());
        assert!(!ci, "{test} must run in CI, but the network cannot be made: {possible:?}");
        eprintln!("SKIPPED, NOT TESTED: {test}: the network cannot be made: {possible:?}");
        return;
    }
    let mut child = Command::new("unshare");
    child.args(["--net", "sh", "-c", &script]).arg(env::current_exe().unwrap());
    child.args([&format!("own_network::{test}"), "--exact", "--nocapture", "--test-threads=1"]);
    let output = child.env(CHILD, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains(SEEN),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_child_with_ipv6_alone() {
    if !is_child() {
        return;
    }
    let port = free_port();
    let start = |name| Node::start(Plan::new(name, on_interface("six", port)));
    let (first, second) = (start("six one"), start("six two"));
    let addresses = |snapshot: &Snapshot| {
        let node = snapshot.neighbours.get(&second.id())?;
        (!node.addresses.is_empty()).then(|| node.addresses.clone())
    };
    let known = first.known("an address", addresses).await;
    assert!(known.iter().all(|address| address.ip.is_ipv6()), "{known:?}");
    first.stop().await;
    second.stop().await;
    println!("{SEEN}");
}

#[test]
fn nodes_find_each_other_by_ipv6_alone() {
    let setup = "ip link add six type veth peer name far && ip link set far up && ip link set six up && \
                 ip address add fd00::6/64 dev six nodad";
    in_own_network("the_child_with_ipv6_alone", setup);
}
