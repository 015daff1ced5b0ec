//! A disk that can be filled.

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// The store keeps 32 MiB free; this leaves it as much again.
const SIZE: &str = "size=64m";

/// A small file system, unmounted when dropped.
#[derive(Debug)]
pub(crate) struct Disk(PathBuf);

/// A small disk in a folder; none, said loudly, where the right to mount one is missing.
///
/// # Panics
/// Where `CI` is set and that right is missing.
pub(crate) fn small_disk(test: &str, folder: &Path) -> Option<Disk> {
    let path = folder.join("small-disk");
    fs::create_dir(&path).expect("there is room");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "none"]).arg(&path).status();
    if mounted.is_ok_and(|status| status.success()) {
        return Some(Disk(path));
    }
    assert!(env::var_os("CI").is_none_or(|ci| ci.is_empty()), "{test} needs the right to mount a tmpfs");
    eprintln!("\n!!! SKIPPED: {test}\n!!! it needs the right to mount a tmpfs: run it as root\n");
    None
}

impl Disk {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes until not a byte more fits.
    pub(crate) fn fill(&self) {
        let mut file = File::create(self.filling()).expect("a file can be made");
        for block in [64 * 1024, 1] {
            let block = vec![0; block];
            while file.write_all(&block).is_ok() {}
        }
    }

    /// Has nobody write to it any more.
    pub(crate) fn make_read_only(&self) {
        let done = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status();
        assert!(done.is_ok_and(|status| status.success()), "it is our mount, and nobody writes to it");
    }

    /// Takes away what filled it.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.filling()).expect("it was filled");
    }

    fn filling(&self) -> PathBuf {
        self.0.join("filling")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
