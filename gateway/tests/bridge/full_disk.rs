//! A disk that fills up while the bridge runs. Needs the right to mount a tmpfs.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::Command,
    time::Duration,
};

use gateway::Bridge;

use crate::support::{FakePeer, Node, config, eventually};

/// The store keeps 32 MiB free; this leaves it as much again.
const SIZE: &str = "size=64m";

/// A small file system, unmounted when dropped.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "none"]).arg(folder.path()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
        assert!(!ci, "this test needs the right to mount a tmpfs");
        eprintln!("NOT TESTED: a full disk; it needs the right to mount a tmpfs");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Writes until not a byte more fits.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for block in [64 * 1024, 1] {
        let block = vec![0; block];
        while file.write_all(&block).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_starts_on_a_full_disk_says_so_and_recovers_by_itself() {
    let Some(disk) = Small::mount() else { return };
    let data = disk.path().join("data");
    Bridge::start(config(&data, "home")).await.unwrap().shutdown(Duration::ZERO).await;
    // The store has set a little room aside for this: the first start uses it, the second finds none at all.
    let filler = disk.path().join("filler");
    fill(&filler);
    Bridge::start(config(&data, "home")).await.unwrap().shutdown(Duration::ZERO).await;
    fill(&disk.path().join("rest"));
    let kept = || fs::read_to_string(data.join("identity/starts")).unwrap().trim().parse::<u64>().unwrap();
    let before = kept();

    // The new name is one file more that finds no room.
    let home = Node::of(Bridge::start(config(&data, "house")).await.unwrap(), "house");
    let warnings = home.status().await.warnings;
    let told =
        |what| warnings.iter().any(|warning| warning.contains("the disk is full") && warning.contains(what));
    assert!(told("the number of this start") && told("description.json"), "{warnings:?}");
    assert_eq!(kept(), before);
    let mut anna = FakePeer::new("anna");
    anna.register(&home).await;

    fs::remove_file(&filler).unwrap();
    eventually("recovery", async || {
        let status = home.status().await;
        let told = status.warnings.iter().any(|warning| warning.contains("disk") || warning.contains("stor"));
        (status.head == status.durable_head && !told && kept() > before).then_some(())
    })
    .await;
    assert!(fs::read_to_string(data.join("description.json")).unwrap().contains("house"));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_with_a_full_disk_goes_on_says_so_and_recovers_by_itself() {
    let Some(disk) = Small::mount() else { return };
    let data = disk.path().join("data");
    let home = Node::of(Bridge::start(config(&data, "home")).await.unwrap(), "home");
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    anna.register(&home).await;
    let durable = eventually("durable", async || {
        let status = home.status().await;
        (status.head == status.durable_head).then_some(status.head)
    })
    .await;

    let filler = disk.path().join("filler");
    fill(&filler);
    ben.register(&home).await;
    let full = eventually("warning", async || {
        let status = home.status().await;
        status.warnings.iter().any(|warning| warning.contains("the disk is full")).then_some(status)
    })
    .await;
    assert!(full.head > full.durable_head && full.durable_head >= durable, "{full:?}");
    // Peers are still told of each other: only the log waits.
    anna.register(&home).await;
    assert_eq!(full.local_peers, 2);

    fs::remove_file(&filler).unwrap();
    eventually("recovery", async || {
        let status = home.status().await;
        let told = status.warnings.iter().any(|warning| warning.contains("disk") || warning.contains("stor"));
        (status.head == status.durable_head && !told).then_some(())
    })
    .await;
    home.stop().await;
}
