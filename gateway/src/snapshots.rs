//! Snapshots of folds in the store: one log of them beside each log of events, the newest at its end.
//!
//! A snapshot lies there as its pieces and, behind them, a record that says how many they are, so that the last one is
//! found with one read and earlier ones by going back. They only save time: what cannot be read is made again.

use bytes::{Bytes, BytesMut};
use prost::Message as _;
use proto::store::v1::SnapshotHead;
use storage::{AppendError, Log, LogError, Store};
use topology::{LogId, Snapshot};

use crate::stored_logs::{PREFIX, StoredLogs, name_of};

/// Every name of a log of snapshots begins with it.
const SNAPSHOTS: &str = "fold/";
/// Bytes of a piece, so that a record and its surroundings fit one value of the store.
const PIECE_BYTES: usize = 6 * 1024;
/// A snapshot is kept when so many times its own size of events were logged since the last one: snapshots add at most a
/// quarter to the disk.
const WORTH: u64 = 4;

/// The name of the log of snapshots of a log.
pub(crate) fn name(log: &LogId) -> String {
    format!("{SNAPSHOTS}{}", &name_of(log)[PREFIX.len()..])
}

/// Why a snapshot was not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKept {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Keeps a snapshot, if it is worth its room. Gives whether it was.
pub(crate) fn keep(store: &Store, logs: &StoredLogs, snapshot: &Snapshot) -> Result<bool, NotKept> {
    let id = snapshot.head.log;
    let log = match logs.snapshots_of(&id) {
        Some(log) => log,
        None => logs.insert_snapshots(id, store.log(&name(&id))?),
    };
    let bytes = snapshot.encode();
    let before = last(&log, log.head()).map_or(0, |(head, _)| head.event_bytes);
    if snapshot.event_bytes() < before.saturating_add(WORTH * bytes.len() as u64) {
        return Ok(false);
    }
    let mut records: Vec<Bytes> = bytes.chunks(PIECE_BYTES).map(Bytes::copy_from_slice).collect();
    let head = SnapshotHead {
        through: snapshot.head.sequence,
        pieces: records.len() as u64,
        event_bytes: snapshot.event_bytes(),
    };
    records.push(head.encode_to_vec().into());
    log.append_sync(records)?;
    Ok(true)
}

/// The newest snapshot that goes no further than `through` and can be read.
pub(crate) fn find(log: &Log, through: u64) -> Option<Snapshot> {
    let mut end = log.head();
    loop {
        let (head, begin) = last(log, end)?;
        if head.through <= through
            && let Some(snapshot) = read(log, begin, end)
        {
            return Some(snapshot);
        }
        end = begin.checked_sub(1)?;
    }
}

/// What the record at `end` says of the snapshot before it, and the position of that one's first piece.
fn last(log: &Log, end: u64) -> Option<(SnapshotHead, u64)> {
    let head = SnapshotHead::decode(log.get(end).ok()??).ok()?;
    let begin = end.checked_sub(head.pieces)?;
    (begin >= log.first() && head.pieces > 0).then_some((head, begin))
}

fn read(log: &Log, begin: u64, end: u64) -> Option<Snapshot> {
    let mut bytes = BytesMut::new();
    for piece in log.range(begin..=end - 1) {
        bytes.extend_from_slice(&piece.ok()?.1);
    }
    Snapshot::decode(bytes.freeze()).ok()
}

/// Opens the logs of snapshots of the logs that are held, and removes the others.
pub(crate) fn open(store: &Store, logs: &StoredLogs) -> Result<(), LogError> {
    for name in store.logs(SNAPSHOTS) {
        let id = crate::stored_logs::log_of(&format!("{PREFIX}{}", &name[SNAPSHOTS.len()..]));
        match id.filter(|id| logs.get(id).is_some()) {
            Some(id) => {
                logs.insert_snapshots(id, store.log(&name)?);
            }
            None => store.remove(&name)?,
        }
    }
    Ok(())
}
