//! What the tests share: records whose content follows from their place, child processes, and loud skips.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use storage::{Log, Options, ReadError, Store, Ticket};

/// Generous: nothing here takes a tenth of it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
const CHILD: &str = "STORAGE_TEST_CHILD";

pub(crate) fn open(dir: &Path) -> Store {
    Store::open(dir, Options::default()).unwrap()
}

/// A small generator, so that a seed gives the same run everywhere.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound.max(1)
    }
}

/// A record that can be told from every other one.
pub(crate) fn record(log: &str, position: u64, length: usize) -> Bytes {
    let mut random = Random::new(position.wrapping_add(u64::from(crc32fast::hash(log.as_bytes())) << 20));
    let mut bytes = format!("{log}:{position}:").into_bytes();
    let least = bytes.len();
    while bytes.len() < length {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(length.max(least));
    bytes.into()
}

/// Reads a log to its end or to its first error; every record must be the one that belongs there.
pub(crate) fn read_checked(log: &Log, length: impl Fn(u64) -> usize) -> (u64, Option<ReadError>) {
    let mut next = log.first();
    for found in log.iter() {
        match found {
            Ok((position, bytes)) => {
                assert_eq!(position, next, "a gap in {}", log.name());
                assert_eq!(
                    bytes,
                    record(log.name(), position, length(position)),
                    "{} at {position}",
                    log.name()
                );
                next += 1;
            }
            Err(error) => return (next - 1, Some(error)),
        }
    }
    (next - 1, None)
}

/// Waits for appends that were sent one after the other; all must succeed. The last position.
pub(crate) fn wait_all(tickets: Vec<Ticket>) -> u64 {
    tickets.into_iter().map(|ticket| ticket.wait().unwrap().last).last().unwrap_or(0)
}

/// The test of this name, run again as a process of its own; there, [`is_child`] holds.
pub(crate) fn child(test: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    arguments(&mut command, test, dir);
    command
}

/// Like [`child`], started through another program.
pub(crate) fn child_through(mut wrapper: Command, test: &str, dir: &Path) -> Command {
    wrapper.arg(std::env::current_exe().unwrap());
    arguments(&mut wrapper, test, dir);
    wrapper
}

fn arguments(command: &mut Command, test: &str, dir: &Path) {
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, dir).stdin(Stdio::piped()).stdout(Stdio::piped());
}

/// The directory to work in, if this process is a child.
pub(crate) fn is_child() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD).map(Into::into)
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Says why a test cannot run here; in CI that is a failure.
pub(crate) fn skip(why: &str) {
    let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
    assert!(!ci, "this test must run in CI, but {why}");
    eprintln!("SKIPPED, NOT TESTED: {why}");
}

/// A small file system of its own, gone with this value.
#[derive(Debug)]
pub(crate) struct Mount(tempfile::TempDir);

impl Mount {
    /// `None`, said loudly, where mounting is not permitted.
    pub(crate) fn tmpfs(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=0700");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(dir)),
            other => {
                skip(&format!("mounting a tmpfs failed: {other:?}"));
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn remount(&self, options: &str) {
        let done = Command::new("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(self.path())
            .status()
            .unwrap();
        assert!(done.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// An ext4 file system in a file, which can be made to fail as a broken disk would make it.
#[derive(Debug)]
pub(crate) struct LoopDisk {
    image: tempfile::NamedTempFile,
    mount: tempfile::TempDir,
}

impl LoopDisk {
    /// `None`, said loudly, where loop devices or mounting are not permitted.
    pub(crate) fn new() -> Option<Self> {
        let disk =
            Self { image: tempfile::NamedTempFile::new().unwrap(), mount: tempfile::tempdir().unwrap() };
        disk.image.as_file().set_len(96 * 1024 * 1024).unwrap();
        let made = succeeds(Command::new("mkfs.ext4").arg("-q").arg(disk.image.path()));
        if made && disk.mount() {
            return Some(disk);
        }
        skip("an ext4 file system in a file could not be made or mounted");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.mount.path()
    }

    /// The kernel finds an error and makes the file system read-only.
    pub(crate) fn fail(&self) {
        let device = Command::new("findmnt").args(["-no", "SOURCE"]).arg(self.path()).output().unwrap();
        let device = String::from_utf8(device.stdout).unwrap();
        let device = device.trim().trim_start_matches("/dev/");
        std::fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "1").unwrap();
    }

    /// What a person would do.
    pub(crate) fn repair(&self) {
        assert!(succeeds(Command::new("umount").arg(self.path())));
        // Status 1 says that errors were corrected.
        let status = Command::new("e2fsck").args(["-p", "-f"]).arg(self.image.path()).status().unwrap();
        assert!(status.code().is_some_and(|code| code <= 1), "{status}");
        assert!(self.mount());
    }

    fn mount(&self) -> bool {
        let mut mount = Command::new("mount");
        succeeds(mount.args(["-o", "loop,errors=remount-ro"]).arg(self.image.path()).arg(self.path()))
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
