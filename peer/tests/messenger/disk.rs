//! A disk without room at the start, and a history that lost its end. Mounts a tmpfs where it may.

use std::{fs, io::Write as _, net::SocketAddr, path::Path, process::Command};

use peer::{Peer, PeerConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Node, config, eventually, start, start_with, until_online};

/// A small file system, unmounted when dropped. The store keeps 32 MiB free; this leaves it as much again.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=64m", "none"]).arg(folder.path()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
        assert!(!ci, "this test needs the right to mount a tmpfs");
        eprintln!("NOT TESTED: a full disk; it needs the right to mount a tmpfs");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Writes until not a byte more fits.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    for block in [64 * 1024, 1] {
        let block = vec![0; block];
        while file.write_all(&block).is_ok() {}
    }
}

async fn health(address: SocketAddr) -> String {
    http(address, "/healthz").await
}

async fn http(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A free port of this machine.
fn free_port() -> SocketAddr {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

fn number_kept(data: &Path) -> u64 {
    fs::read_to_string(data.join("identity/starts")).unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_starts_on_a_full_disk_is_read_says_so_and_recovers_by_itself() {
    let Some(disk) = Small::mount() else { return };
    let anna = start("anna", &[]).await;
    let mut config: PeerConfig = config("ben", &disk.0.path().join("data"));
    config.peers = vec![peer::Target::new(anna.greeting(), None)];
    config.metrics = Some(free_port());
    let (data, metrics) = (config.data.clone(), config.metrics.unwrap());
    let mut ben = start_with(config.clone()).await;
    until_online(&mut ben, 1).await;
    ben.deliver("anna", "one").await;
    assert!(health(metrics).await.starts_with("HTTP/1.1 200"));
    ben.peer.shutdown().await;

    // The store has set a little room aside for this: the first start uses it, the second finds none at all.
    fill(&disk.0.path().join("filler"));
    let mut ben = start_with(config.clone()).await;
    assert_eq!(ben.texts().await, ["one"]);
    ben.peer.shutdown().await;
    fill(&disk.0.path().join("rest"));
    let before = number_kept(&data);
    let mut ben = start_with(config).await;
    assert_eq!(ben.texts().await, ["one"]);
    let warnings = ben.status().await.warnings;
    assert!(warnings.iter().any(|warning| warning.contains("the number of this start")), "{warnings:?}");
    assert_eq!(number_kept(&data), before);
    let sick = health(metrics).await;
    assert!(sick.starts_with("HTTP/1.1 503") && sick.contains("the disk is full"), "{sick}");
    until_online(&mut ben, 1).await;
    let refused = ben.send("anna", "two").await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);

    fs::remove_file(disk.0.path().join("filler")).unwrap();
    eventually("recovery", async || {
        let told = ben.status().await.warnings.iter().any(|warning| warning.contains("disk"));
        let well = health(metrics).await.starts_with("HTTP/1.1 200");
        (!told && well && number_kept(&data) > before).then_some(())
    })
    .await;
    ben.deliver("anna", "two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_tell_what_the_store_counts() {
    let (anna, data) = (start("anna", &[]).await, tempfile::tempdir().unwrap());
    let mut config = config("ben", data.path());
    config.peers = vec![peer::Target::new(anna.greeting(), None)];
    config.metrics = Some(free_port());
    let metrics = config.metrics.unwrap();
    let mut ben = start_with(config).await;
    until_online(&mut ben, 1).await;
    ben.deliver("anna", "one").await;
    let text = http(metrics, "/metrics").await;
    let value = |name: &str| -> u64 {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    };
    assert!(value("causeway_peer_store_records_total") > 0);
    assert!(value("causeway_peer_store_last_commit_microseconds") > 0);
    assert_eq!(value("causeway_peer_store_database_failures_total"), 0);
    ben.peer.shutdown().await;
    // The metrics port does not keep the store open.
    let again = storage::Store::open(data.path().join("store"), storage::Options::default());
    assert!(again.is_ok(), "{again:?}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Stops a peer, lets something happen to its files, and starts it again on the same ports.
async fn restart_after(node: Node, change: impl FnOnce(&Path)) -> Node {
    let mut config = node.config.clone();
    let addresses = node.peer.addresses();
    node.peer.shutdown().await;
    change(&config.data);
    config.ports = peer::PeerPorts {
        secure: peer::Port::Exact(addresses.secure.port()),
        greeting: peer::Port::Exact(addresses.greeting.port()),
    };
    start_with(config).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_whose_history_lost_its_end_starts_says_so_and_gets_back_what_others_sent() {
    let (data, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ben = start_with(config("ben", data.path())).await;
    let ben_id = ben.id();
    let mut anna = start("anna", &[ben.greeting()]).await;
    until_online(&mut anna, 1).await;
    anna.deliver(ben_id, "one").await;
    let sled = |data: &Path| data.join("store/sled");
    let ben = restart_after(ben, |data| copy(&sled(data), old.path())).await;
    anna.deliver(ben_id, "two").await;
    anna.deliver(ben_id, "three").await;

    // sled's files as they were before; beside them is written how far the history went.
    let lose = |data: &Path| {
        fs::remove_dir_all(sled(data)).unwrap();
        copy(old.path(), &sled(data));
    };
    let mut ben = restart_after(ben, lose).await;
    let warnings = ben.status().await.warnings;
    assert!(
        warnings.iter().any(|warning| warning.contains("the history was damaged at record")),
        "{warnings:?}"
    );
    anna.deliver(ben_id, "four").await;
    eventually("what was lost comes back", async || {
        let mut texts = ben.texts().await;
        texts.sort_unstable();
        (texts == ["four", "one", "three", "two"]).then_some(())
    })
    .await;
    let ben = restart_after(ben, |_| {}).await;
    ben.peer.shutdown().await;
    let again = Peer::start(ben.config).await.unwrap();
    again.shutdown().await;
}
