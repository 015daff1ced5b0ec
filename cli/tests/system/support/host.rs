//! A host: a network namespace with interfaces, routes and rules of its own.

use std::{
    fs::File,
    io::Write as _,
    os::fd::AsFd as _,
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{
    lan::{Cable, Lan},
    world::ip,
};

/// See the module. The world it is of removes it.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    namespace: String,
    names: Option<PathBuf>,
}

impl Host {
    pub(super) fn new(namespace: String) -> Self {
        let host = Self { namespace, names: None };
        // Addresses of IPv6 count at once, without the second that asking the neighbours takes.
        host.sysctl("net.ipv6.conf.default.accept_dad", "0");
        host.sysctl("net.ipv6.conf.all.accept_dad", "0");
        ip(&["-n", &host.namespace, "link", "set", "lo", "up"]);
        host
    }

    /// Looks names up in this file, as hosts(5) has it, from the next program on. Whoever writes to it changes what they
    /// stand for, for programs that run, too.
    pub(crate) fn with_names(mut self, file: &Path) -> Self {
        self.names = Some(file.to_path_buf());
        self
    }

    /// Plugs an interface of this host into a LAN; `addresses` as `10.0.0.2/24` or `fd00::2/64`.
    pub(crate) fn plug(&self, interface: &str, lan: &Lan, addresses: &[&str]) -> Cable {
        let cable = lan.plug(&self.namespace, interface);
        for address in addresses {
            self.add_address(interface, address);
        }
        ip(&["-n", &self.namespace, "link", "set", interface, "up"]);
        cable
    }

    /// Gives an interface one more address.
    pub(crate) fn add_address(&self, interface: &str, address: &str) {
        ip(&["-n", &self.namespace, "address", "add", address, "dev", interface]);
    }

    /// Gives an interface another address for one it had. Routes that went by the old one are gone.
    pub(crate) fn change_address(&self, interface: &str, old: &str, new: &str) {
        // The old one first: a second address of a subnet goes with the first.
        ip(&["-n", &self.namespace, "address", "delete", old, "dev", interface]);
        self.add_address(interface, new);
    }

    /// Everything that is not on its LANs goes to this router.
    pub(crate) fn default_route(&self, router: &str) {
        ip(&["-n", &self.namespace, "route", "replace", "default", "via", router]);
    }

    /// Speaks to a subnet from this one of its addresses.
    pub(crate) fn prefer_source(&self, interface: &str, subnet: &str, address: &str) {
        ip(&["-n", &self.namespace, "route", "replace", subnet, "dev", interface, "src", address]);
    }

    /// Passes packets on between its interfaces.
    pub(crate) fn become_router(&self) {
        self.sysctl("net.ipv4.ip_forward", "1");
        self.sysctl("net.ipv6.conf.all.forwarding", "1");
    }

    /// A home's router: hides everybody behind its address on `outside`, and lets nothing in that was not asked for.
    pub(crate) fn become_nat(&self, outside: &str) {
        self.become_router();
        self.nft(&format!(
            "table ip home {{
                chain out {{ type nat hook postrouting priority 100; oifname \"{outside}\" masquerade; }}
                chain in {{
                    type filter hook forward priority 0;
                    iifname \"{outside}\" ct state new drop;
                }}
            }}"
        ));
    }

    /// From now on, this share of the packets that the router passes on is lost, in both directions.
    pub(crate) fn lose(&self, percent: u32) {
        self.nft(&format!(
            "table inet loss {{
                chain pass {{
                    type filter hook forward priority 10;
                    numgen random mod 100 < {percent} counter drop;
                }}
            }}"
        ));
    }

    /// Cuts the way through this router without a word to anybody.
    pub(crate) fn cut(&self) {
        self.nft("table inet cut { chain pass { type filter hook forward priority 20; policy drop; }; }");
    }

    /// Undoes [`Self::cut`].
    pub(crate) fn heal(&self) {
        self.nft("delete table inet cut");
    }

    /// From now on multicast and broadcast neither reach this host nor leave it, as on a guests' wireless network.
    pub(crate) fn block_multicast(&self) {
        // Not what IPv6 needs to find its neighbours.
        let drop = "udp dport 1-65535 fib daddr type { multicast, broadcast } counter drop;";
        self.nft(&format!(
            "table inet deaf {{
                chain hears {{ type filter hook input priority 0; {drop} }}
                chain says {{ type filter hook output priority 0; {drop} }}
            }}"
        ));
    }

    /// How many packets the rules of a table have counted.
    pub(crate) fn counted(&self, table: &str) -> u64 {
        let rules = self.run("nft", &["list", "table", "inet", table]);
        let after = rules.split("packets ").nth(1).unwrap_or_else(|| panic!("no counter in {rules}"));
        after.split(' ').next().and_then(|number| number.parse().ok()).expect("a counter is a number")
    }

    /// Runs code of this test on this host: its sockets are the host's.
    pub(crate) fn within<T: Send>(&self, code: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let entered = scope.spawn(|| {
                self.enter();
                code()
            });
            entered.join().unwrap_or_else(|panicked| resume_unwind(panicked))
        })
    }

    /// Moves the calling thread, and no other, onto this host for good.
    pub(super) fn enter(&self) {
        let namespace = File::open(Path::new("/run/netns").join(&self.namespace)).expect("the host is there");
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("we are root");
    }

    /// A program on this host.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]);
        if let Some(names) = &self.names {
            // `ip` has made a mount namespace for it.
            command.args(["sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""]).arg(names);
        }
        command.arg(program);
        command
    }

    /// Runs a program to its end, which must be a good one.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output =
            self.command(program).args(arguments).stdin(Stdio::null()).output().expect("ip is there");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {}: {error}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn nft(&self, rules: &str) {
        let mut child =
            self.command("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().expect("ip is there");
        let mut input = child.stdin.take().expect("it was asked for");
        input.write_all(rules.as_bytes()).expect("nft reads its rules");
        drop(input);
        assert!(child.wait().expect("nft ends").success(), "nft refused {rules}");
    }

    fn sysctl(&self, key: &str, value: &str) {
        let file = format!("/proc/sys/{}", key.replace('.', "/"));
        self.run("sh", &["-c", &format!("echo {value} > {file}")]);
    }
}
