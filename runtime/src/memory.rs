//! How much memory a process has: see proc(5).

use std::fs;

/// KiB of memory that are resident of a process of this machine; `None` when the system does not tell.
pub fn resident_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
