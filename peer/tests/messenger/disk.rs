//! A disk without room at the start. Mounts a tmpfs where it may.

use std::{fs, io::Write as _, net::SocketAddr, path::Path, process::Command};

use peer::PeerConfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{config, eventually, start, start_with, until_online};

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
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
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
