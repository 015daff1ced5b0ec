//! Room on the disk: how much there is, and a little that is kept so that a store opens on a full one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use rustix::fs::{FallocateFlags, StatVfsMountFlags, fallocate, statvfs};

use crate::directory::Directory;
use crate::fault::Refusal;

/// Kept in the file `ballast`, bytes, and given up when sled needs room to open: it writes a snapshot then.
const BALLAST: u64 = 1024 * 1024;
const FILE: &str = "ballast";

/// Bytes that are free for this user on the file system of `path`.
pub(crate) fn free(path: &Path) -> io::Result<u64> {
    let system = statvfs(path)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Whether `needed` bytes are free and may be written.
pub(crate) fn check(path: &Path, needed: u64) -> Result<(), Refusal> {
    // A file system that does not tell is treated as roomy: sled's own failure is handled too.
    let Ok(system) = statvfs(path) else { return Ok(()) };
    if system.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(Refusal::ReadOnly);
    }
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if free < needed { Err(Refusal::Full { free, needed }) } else { Ok(()) }
}

/// Whether a file can be written at all: a file system that went read-only after a failure does not always say so.
pub(crate) fn probe(directory: &Directory) -> io::Result<()> {
    let path = directory.file("probe");
    fs::write(&path, "x")?;
    fs::remove_file(&path)
}

/// Sets the ballast aside if there is room for it beside `reserve`.
pub(crate) fn set_ballast_aside(directory: &Directory, reserve: u64) {
    let path = directory.file(FILE);
    if fs::metadata(&path).is_ok_and(|ballast| ballast.len() == BALLAST) {
        return;
    }
    if check(directory.path(), reserve.saturating_add(BALLAST)).is_err() {
        return;
    }
    if let Err(error) = allocate(&path) {
        tracing::debug!(%error, "no room could be set aside for opening on a full disk");
    }
}

/// Gives the ballast up; says whether there was any.
pub(crate) fn drop_ballast(directory: &Directory) -> bool {
    fs::remove_file(directory.file(FILE)).is_ok()
}

fn allocate(path: &Path) -> io::Result<()> {
    let file: File = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    Ok(fallocate(&file, FallocateFlags::empty(), 0, BALLAST)?)
}
