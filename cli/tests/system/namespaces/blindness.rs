//! docs/what-a-bridge-learns.md: a secret in a conversation is nowhere in a bridge, and the same search finds it in the
//! peers.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
    process::Stdio,
};

use super::stage::Stage;
use crate::support::{Capture, Node, eventually};

/// Read at once from a process's memory.
const CHUNK: usize = 4 << 20;

fn secret() -> String {
    let digits = digits_of_this_moment();
    format!("secret-{digits}")
}

/// Enough digits of this moment that nothing else has them.
fn digits_of_this_moment() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{:x}", now.as_nanos().wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let first = needle[0];
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// Whether a process has these bytes anywhere in its memory (proc_pid_maps(5), proc_pid_mem(5)).
fn in_memory(process: u32, needle: &[u8]) -> bool {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let regions =
        maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|flags| flags.starts_with("rw")));
    regions.filter_map(|line| line.split(' ').next()?.split_once('-')).any(|(from, to)| {
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        in_region(&memory, from, to, needle)
    })
}

fn in_region(memory: &File, from: u64, to: u64, needle: &[u8]) -> bool {
    let mut at = from;
    while at < to {
        let length = CHUNK.min(usize::try_from(to - at).unwrap());
        let mut chunk = vec![0; length];
        // A region may have gone since the map was read.
        let Ok(read) = memory.read_at(&mut chunk, at) else { return false };
        if contains(&chunk[..read], needle) {
            return true;
        }
        if read == 0 || at + read as u64 >= to {
            return false;
        }
        // The next chunk begins before this one's end: nothing is missed at the seam.
        at += (read - needle.len().min(read - 1)) as u64;
    }
    false
}

fn on_disk(path: &Path, needle: &[u8]) -> bool {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().any(|entry| on_disk(&entry.unwrap().path(), needle));
    }
    path.is_file() && contains(&fs::read(path).unwrap(), needle)
}

#[test]
fn a_bridge_learns_no_message() {
    let Some(stage) = Stage::set("blindness") else { return };
    let (link, lan) = (Capture::of(&stage.router), Capture::of(&stage.hosts.anna));
    let secret = secret();
    // Somebody reads along at both ends, as people do, so that their processes have had the text in their hands.
    let mut readers: Vec<_> = [&stage.anna, &stage.carla]
        .map(|node| node.command(&["inbox", "--follow", "--json"]).stdout(Stdio::null()).spawn().unwrap())
        .into();
    let before = link.bytes();
    for number in 0..200 {
        stage.anna.send("carla", &format!("{secret} {number}"));
    }
    stage.carla.deliver("anna", &format!("{secret} is safe"));
    eventually("all of it arrived", || (stage.carla.received("anna").len() == 200).then_some(()));

    let needle = secret.as_bytes();
    let found = |node: &Node| (in_memory(node.process(), needle), on_disk(node.data(), needle));
    assert_eq!(found(&stage.attic), (false, false), "(memory, disk) of the attic");
    assert_eq!(found(&stage.tower), (false, false), "(memory, disk) of the tower");
    assert!(!contains(stage.attic.written().as_bytes(), needle), "the attic logged it");
    assert_eq!(link.holding(needle), 0, "it crossed the link in the clear");
    assert_eq!(lan.holding(needle), 0, "it crossed the LAN in the clear");
    assert!(link.bytes() - before > 200 * 32, "the link carried nothing, so nothing was shown");

    // The same search where the secret belongs.
    assert_eq!(found(&stage.anna), (true, true), "(memory, disk) of the sender");
    assert_eq!(found(&stage.carla), (true, true), "(memory, disk) of the receiver");
    // And what does travel in the clear, by design, is seen by the same tap: a name in an announced description.
    assert!(lan.holding(b"anna") > 0, "the tap on the LAN sees nothing");
    for reader in &mut readers {
        reader.kill().unwrap();
        reader.wait().unwrap();
    }
}

#[test]
fn the_search_finds_what_is_there() {
    let secret = secret();
    let held = format!("before {secret} after");
    assert!(in_memory(std::process::id(), held.as_bytes()));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), [vec![7; CHUNK], held.into_bytes()].concat()).unwrap();
    assert!(on_disk(folder.path(), secret.as_bytes()));
    assert!(!on_disk(folder.path(), b"something else"));
}
