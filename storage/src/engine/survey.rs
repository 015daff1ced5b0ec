//! Where sled's data file is damaged, looked for only when sled met damage: it seldom says where.
//!
//! The file is a row of segments. Each begins with `crc32 ‖ log number ‖ stable log number`, the numbers xored with
//! `i64::MAX`, and goes on with messages `crc32 ‖ kind ‖ length ‖ segment number ‖ page ‖ body`. The checksums are xored
//! with `u32::MAX`; a message's covers its body and then its head. Length, segment number and page are numbers of
//! variable size. (sled 0.34: `pagecache/logger.rs`, `pagecache/constants.rs`, `serialization.rs`)

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::fault::Fault;

/// sled's default, bytes.
const SEGMENT: usize = 512 * 1024;
const SEGMENT_HEAD: usize = 20;
/// No message begins so close to the end of its segment, bytes.
const RED_ZONE: usize = 32;
const CRC: usize = 4;
/// The kind of a message that fills its segment up.
const CAP: u8 = 2;

/// The length of the data file, to be asked before sled opens it: sled fills the segment in which its recovery ends with
/// zeros, zeroes later segments, and may cut the file.
pub(crate) fn length(dir: &Path) -> u64 {
    std::fs::metadata(dir.join("db")).map_or(0, |data| data.len())
}

/// The fault with the offset of the damage, if that can be found; `length` is what [`length`] said.
pub(crate) fn locate(dir: &Path, length: u64, fault: Fault) -> Fault {
    match fault {
        Fault::Damaged { offset, what } => {
            let data = File::open(dir.join("db"));
            let found = data.and_then(|data| first_damage(&data, length)).ok().flatten();
            let offset = match (found, offset) {
                // What sled cannot read may be what it has just zeroed itself.
                (Some((sign, at)), Some(_)) if sign <= Sign::EndOfFile => Some(at),
                (_, Some(offset)) => Some(offset),
                (found, None) => found.map(|(_, at)| at),
            };
            Fault::Damaged { offset, what }
        }
        other => other,
    }
}

/// How surely a place is the damage, the surest first. A segment that is whole may end anywhere, where a run of the program
/// ended, and what its place held before may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    /// More of the same segment follows, or it lacks its head.
    Inside,
    /// The file ended in the middle of a message.
    CutShort,
    /// The file ended in a segment that sled has given up.
    EndOfFile,
    /// The whole segment was given up, or its head is zeros.
    Zeros,
    /// Something else than messages follows.
    EndOfSegment,
    /// The same, in the newest segment.
    EndOfData,
}

/// Where the segment or message begins that is most surely not whole.
fn first_damage(data: &File, length: u64) -> io::Result<Option<(Sign, u64)>> {
    let left = length.min(data.metadata()?.len());
    let mut buffer = vec![0; SEGMENT];
    let mut newest = 0;
    let mut found = Vec::new();
    if left < length {
        found.push((Sign::EndOfFile, u64::MAX, length));
    }
    for offset in (0..left).step_by(SEGMENT) {
        let here = SEGMENT.min(usize::try_from(left - offset).unwrap_or(SEGMENT));
        let bytes = &mut buffer[..here];
        data.read_exact_at(bytes, offset)?;
        match number_of(bytes) {
            Head::Zeros if here < SEGMENT => found.push((Sign::EndOfFile, u64::MAX, length)),
            Head::Zeros => found.push((Sign::Zeros, u64::MAX, offset)),
            Head::Broken => found.push((Sign::Inside, u64::MAX, offset)),
            Head::Of(number) => {
                newest = newest.max(number);
                let broken = first_broken(bytes, number);
                found.extend(broken.map(|at| (sign(bytes, number, at), number, offset + at as u64)));
            }
        }
    }
    let ranked = found.into_iter().map(|(sign, number, at)| match sign {
        Sign::EndOfSegment if number == newest => (Sign::EndOfData, at),
        sign => (sign, at),
    });
    Ok(ranked.min())
}

/// What is said by a message that is not whole.
fn sign(segment: &[u8], number: u64, at: usize) -> Sign {
    if (at + 1..segment.len()).any(|next| message(&segment[next..], number).is_some()) {
        Sign::Inside
    } else if segment.len() < SEGMENT && at < segment.len() {
        Sign::CutShort
    } else {
        Sign::EndOfSegment
    }
}

enum Head {
    Zeros,
    Broken,
    /// The number of the segment.
    Of(u64),
}

fn number_of(segment: &[u8]) -> Head {
    let Some(head) = segment.first_chunk::<SEGMENT_HEAD>() else { return Head::Broken };
    if head.iter().all(|byte| *byte == 0) {
        return Head::Zeros;
    }
    let number = head[CRC..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes) ^ i64::MAX as u64);
    match number {
        Some(number) if sum(head) == Some(crc(&[&head[CRC..]])) => Head::Of(number / SEGMENT as u64),
        _ => Head::Broken,
    }
}

fn first_broken(segment: &[u8], number: u64) -> Option<usize> {
    let mut at = SEGMENT_HEAD;
    while at + RED_ZONE <= SEGMENT {
        match message(segment.get(at..)?, number) {
            Some(Message { kind: CAP, .. }) => return None,
            Some(Message { length, .. }) => at += length,
            None => return Some(at),
        }
    }
    None
}

struct Message {
    kind: u8,
    /// With its head, bytes.
    length: usize,
}

/// The message at the beginning of `bytes`, if it is whole and of this segment.
fn message(bytes: &[u8], segment: u64) -> Option<Message> {
    let kind = *bytes.get(CRC)?;
    let mut rest = &bytes[CRC + 1..];
    let length = usize::try_from(varint(&mut rest)?).ok()?;
    let of = varint(&mut rest)?;
    varint(&mut rest)?;
    let head = &bytes[CRC..bytes.len() - rest.len()];
    let body = rest.get(..length)?;
    let whole = of == segment && sum(bytes) == Some(crc(&[body, head]));
    whole.then_some(Message { kind, length: CRC + head.len() + length })
}

/// sled's numbers of variable size: those of SQLite 4, but little-endian.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let size = match first {
        0..=240 => 0,
        241..=248 => 1,
        249 => 2,
        first => usize::from(first - 247),
    };
    let (more, rest) = rest.split_at_checked(size)?;
    *bytes = rest;
    Some(match (first, more) {
        (249, [high, low]) => 2288 + 256 * u64::from(*high) + u64::from(*low),
        (241..=248, [low]) => 240 + 256 * (u64::from(*first) - 241) + u64::from(*low),
        (0..=240, _) => u64::from(*first),
        (_, more) => more.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    })
}

fn sum(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|sum| u32::from_le_bytes(*sum))
}

fn crc(pieces: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    pieces.iter().for_each(|piece| hasher.update(piece));
    hasher.finalize() ^ u32::MAX
}
