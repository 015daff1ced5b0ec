//! What the system tells of processes: see proc(5).

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _, path::Path};

use rustix::process::{Pid, Signal, kill_process};

/// Whether it runs; what only waits to be reaped does not.
pub(super) fn is_alive(process: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The state stands behind the name, which is in brackets and may hold anything.
    state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// The process that is the peer of a data directory, whether it answers or not.
pub(super) fn peer_of(data: &Path) -> Option<u32> {
    let entries = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let mut processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.find(|process| is_peer_of(*process, data))
}

/// kill -9.
pub(super) fn kill(process: u32) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// By its command line: other commands name data directories, too, and are no peers.
fn is_peer_of(process: u32, data: &Path) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let mut words = line.split(|byte| *byte == 0).skip(1);
    words.next() == Some(b"peer")
        && words.skip_while(|word| *word != b"--data").nth(1).map(OsStr::from_bytes) == Some(data.as_os_str())
}
