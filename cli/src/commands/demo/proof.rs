//! What the demo proves with the kernel's help: who is connected to whom, and what a process has in its memory.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom},
};

use anyhow::Context as _;

/// How much memory is read at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// The state of an established connection in `/proc/net/tcp` (proc(5); `TCP_ESTABLISHED` of the kernel).
const ESTABLISHED: &str = "01";

/// A connection as one end sees it: own address, then the other's, as the kernel prints them.
type Connection = (String, String);

/// Whether an established TCP connection joins two processes.
pub(super) fn are_connected(one: u32, other: u32) -> anyhow::Result<bool> {
    let of_other: HashSet<Connection> =
        connections(other)?.into_iter().map(|(local, remote)| (remote, local)).collect();
    Ok(connections(one)?.iter().any(|connection| of_other.contains(connection)))
}

/// Whether a process has `secret` in its memory. None when the kernel does not let us look.
pub(super) fn has_in_memory(process: u32, secret: &[u8]) -> anyhow::Result<Option<bool>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).context("cannot list the memory")?;
    let mut memory = match File::open(format!("/proc/{process}/mem")) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(None),
        opened => opened.context("cannot open the memory")?,
    };
    for (start, end) in maps.lines().filter_map(writable_range) {
        if range_has(&mut memory, start, end, secret)? {
            return Ok(Some(true));
        }
    }
    Ok(Some(false))
}

fn connections(process: u32) -> anyhow::Result<Vec<Connection>> {
    let sockets = sockets(process)?;
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            if let [_, local, remote, state, _, _, _, _, _, inode, ..] = fields.as_slice()
                && *state == ESTABLISHED
                && sockets.contains(*inode)
            {
                found.push((plain(local), plain(remote)));
            }
        }
    }
    Ok(found)
}

/// An IPv4 address in an IPv6 socket is the same address.
fn plain(address: &str) -> String {
    address.strip_prefix("0000000000000000FFFF0000").unwrap_or(address).to_owned()
}

fn sockets(process: u32) -> anyhow::Result<HashSet<String>> {
    let folder = format!("/proc/{process}/fd");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))?;
    Ok(entries
        .filter_map(Result::ok)
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect())
}

fn writable_range(line: &str) -> Option<(u64, u64)> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let readable_and_writable = fields.next()?.starts_with("rw");
    let range = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
    readable_and_writable.then_some(range)
}

fn range_has(memory: &mut File, start: u64, end: u64, secret: &[u8]) -> io::Result<bool> {
    let overlap = secret.len().saturating_sub(1);
    let mut chunk = vec![0; CHUNK_BYTES + overlap];
    let (mut at, mut kept) = (start, 0);
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        memory.seek(SeekFrom::Start(at))?;
        // A range may have gone since it was listed, or be one that nobody can read.
        let Ok(read) = memory.read(&mut chunk[kept..kept + wanted]) else { return Ok(false) };
        if read == 0 {
            return Ok(false);
        }
        let held = kept + read;
        if contains(&chunk[..held], secret) {
            return Ok(true);
        }
        at += read as u64;
        kept = held.min(overlap);
        chunk.copy_within(held - kept..held, 0);
    }
    Ok(false)
}

fn contains(bytes: &[u8], secret: &[u8]) -> bool {
    let Some((first, rest)) = secret.split_first() else { return false };
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        let begin = from + at + 1;
        if bytes[begin..].starts_with(rest) {
            return true;
        }
        from = begin;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_secret_in_memory_is_found() {
        // Put together at run time, so that the program's own text is no witness.
        let secret = format!("{}-{}", "the cat is", std::process::id()).repeat(2);
        let found = has_in_memory(std::process::id(), secret.as_bytes()).unwrap();
        assert_ne!(found, Some(false));
        assert!(contains(b"xxabcabd", b"abd"));
        assert!(!contains(b"xxabcab", b"abd"));
    }

    #[test]
    fn a_connection_of_a_process_with_itself_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap();
        let me = std::process::id();
        assert!(are_connected(me, me).unwrap());
        drop((client, server));
    }
}
