//! Logs in one portable file: `causeway/export/v1/export.proto`.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Buf as _, Bytes};
use identity::{Context, NodeId, NodeKey};
use prost::Message as _;
use proto::{
    export::v1::{End, Header, Item, item},
    journal::v1::{Record, record::Input},
    log::v1::Segment,
};

use crate::{
    Entry, Hash, History, LogId, NO_HASH,
    history::within,
    limits::MAX_EXPORT_ITEM_BYTES,
    segment::{Run, pack},
};

use super::{
    Archive,
    archive::{BATCH_BYTES, BATCH_EVENTS},
};

/// What every file begins with.
pub const MAGIC: &[u8] = b"causeway-export/1\n";

/// Events of a segment, where the owner signed so often: what was changed is then found within few events.
const SEGMENT_EVENTS: usize = 8;

/// Writes a file piece by piece; nothing is held but the hash.
#[derive(Debug)]
pub struct Writer<'a> {
    archive: &'a dyn Archive,
    key: &'a NodeKey,
    hasher: blake3::Hasher,
    segments: u64,
    /// Whether the journal is to be in it, and with addresses.
    journal: Option<bool>,
}

/// The logs of a file, as far as they could be read; [`Past::verify`](super::Past::verify) tells what of them is good.
#[derive(Debug, Default)]
pub struct ExportedLogs {
    exporter: Option<NodeId>,
    exported_ms: u64,
    logs: BTreeMap<LogId, Vec<Entry>>,
    journal: Vec<Bytes>,
    faults: Vec<String>,
}

impl<'a> Writer<'a> {
    /// A file of what an archive holds, signed with the exporter's key.
    pub fn new(archive: &'a dyn Archive, key: &'a NodeKey) -> Self {
        Self { archive, key, hasher: blake3::Hasher::new(), segments: 0, journal: None }
    }

    /// With the records of the journal; without `addresses`, those in them are left out.
    #[must_use]
    pub fn with_journal(self, addresses: bool) -> Self {
        Self { journal: Some(addresses), ..self }
    }

    /// Gives the file's pieces one after the other to `put`, until that fails.
    ///
    /// # Errors
    /// Those of `put`.
    pub fn write<E>(
        mut self,
        now_ms: u64,
        program: &str,
        mut put: impl FnMut(Bytes) -> Result<(), E>,
    ) -> Result<u64, E> {
        self.hasher.update(MAGIC);
        put(Bytes::from_static(MAGIC))?;
        let exporter = self.key.node_id().to_bytes();
        let header = Header { exporter, exported_ms: now_ms, program: program.to_owned() };
        put(self.item(item::Item::Header(header)))?;
        for (log, last) in self.archive.logs() {
            self.write_log(&log, last, &mut put)?;
        }
        if let Some(addresses) = self.journal {
            for record in self.archive.journal().into_iter().flatten() {
                let record = if addresses { record } else { without_addresses(&record) };
                put(self.item(item::Item::Record(record)))?;
                self.segments += 1;
            }
        }
        let hash = *self.hasher.finalize().as_bytes();
        let signature = self.key.sign(Context::Export, &signed_body(self.segments, &hash));
        let end = End { segments: self.segments, hash: Bytes::copy_from_slice(&hash), signature };
        put(self.item(item::Item::End(end)))?;
        Ok(self.segments)
    }

    fn write_log<E>(
        &mut self,
        log: &LogId,
        last: u64,
        put: &mut impl FnMut(Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut next, mut previous) = (1, NO_HASH);
        while next <= last {
            let entries = self.archive.read(log, next, BATCH_EVENTS, BATCH_BYTES);
            let few = &entries[..entries.len().min(SEGMENT_EVENTS)];
            let segment = pack(log, next, &previous, few, None);
            // What no signature of the owner covers is worth nothing to others.
            let Some(segment) = segment.or_else(|| pack(log, next, &previous, &entries, None)) else { break };
            let taken = segment.events.len();
            (next, previous) = (next + taken as u64, entries[taken - 1].hash);
            put(self.item(item::Item::Segment(segment)))?;
            self.segments += 1;
        }
        Ok(())
    }

    fn item(&mut self, item: item::Item) -> Bytes {
        let piece: Bytes = Item { item: Some(item) }.encode_length_delimited_to_vec().into();
        self.hasher.update(&piece);
        piece
    }
}

/// A record of a journal without the addresses that it names. The core makes nothing of them, so it replays to the same.
fn without_addresses(record: &Bytes) -> Bytes {
    let Ok(mut record) = Record::decode(record.clone()) else { return record.clone() };
    match &mut record.input {
        Some(Input::PeerSeen(seen)) => seen.address.clear(),
        Some(Input::LinkUp(up)) => up.address.clear(),
        Some(Input::DialFailed(failed)) => {
            failed.address.clear();
            failed.reason.clear();
        }
        _ => {}
    }
    record.encode_to_vec().into()
}

fn signed_body(segments: u64, hash: &Hash) -> [u8; 40] {
    let mut body = [0; 40];
    body[..8].copy_from_slice(&segments.to_be_bytes());
    body[8..].copy_from_slice(hash);
    body
}

/// What is read of a file so far.
#[derive(Debug, Default)]
struct Reading {
    found: ExportedLogs,
    /// Logs of which something is missing: what follows cannot be told from what was moved there.
    broken: BTreeSet<LogId>,
    segments: u64,
}

impl ExportedLogs {
    /// Reads a whole file. It never fails: what does not hold is left out and named in [`Archive::faults`], with its
    /// place in the file.
    pub fn read(file: &Bytes) -> Self {
        let mut reading = Reading::default();
        if let Err(fault) = reading.read(file) {
            reading.found.faults.push(fault);
        }
        reading.found
    }

    /// Who exported; `None` when the header cannot be read.
    pub fn exporter(&self) -> Option<NodeId> {
        self.exporter
    }

    /// When, by the exporter's clock, milliseconds since 1970.
    pub fn exported_ms(&self) -> u64 {
        self.exported_ms
    }

    /// Cuts each log to its first events, those that [`Past::verify`](super::Past::verify) found good.
    pub fn keep(&mut self, good: impl IntoIterator<Item = (LogId, u64)>) {
        for (log, good) in good {
            if let Some(entries) = self.logs.get_mut(&log) {
                entries.truncate(usize::try_from(good).unwrap_or(usize::MAX));
            }
        }
    }
}

impl Reading {
    fn read(&mut self, file: &Bytes) -> Result<(), String> {
        let mut rest = file.clone();
        if !rest.starts_with(MAGIC) {
            return Err(
                "this is no file that `causeway topology export` wrote: its first line is another one".into(),
            );
        }
        rest.advance(MAGIC.len());
        while !rest.is_empty() {
            let at = file.len() - rest.len();
            match item(&mut rest).map_err(|what| format!("byte {at}: {what}"))? {
                item::Item::Header(header) if at == MAGIC.len() => self.on_header(&header),
                item::Item::Segment(segment) if at > MAGIC.len() => self.on_segment(at, &segment),
                item::Item::Record(record) if at > MAGIC.len() => {
                    self.segments += 1;
                    self.found.journal.push(record);
                }
                item::Item::End(end) => {
                    self.on_end(&end, &file[..at]).map_err(|what| format!("byte {at}: {what}"))?;
                    return if rest.is_empty() { Ok(()) } else { Err("something follows the end".into()) };
                }
                _ => return Err(format!("byte {at}: an item that does not belong here")),
            }
        }
        Err("the end is missing: the file was cut off".into())
    }

    fn on_header(&mut self, header: &Header) {
        self.found.exporter = NodeId::try_from(&header.exporter).ok();
        self.found.exported_ms = header.exported_ms;
    }

    fn on_segment(&mut self, at: usize, segment: &Segment) {
        self.segments += 1;
        let run = match Run::read(segment) {
            Ok(run) => run,
            Err(what) => {
                if let Ok(log) = LogId::from_fields(&segment.owner, &segment.epoch) {
                    self.broken.insert(log);
                }
                return self.found.faults.push(format!("byte {at}: a segment does not hold: {what}"));
            }
        };
        if self.broken.contains(&run.log) {
            return;
        }
        let entries = self.found.logs.entry(run.log).or_default();
        let expected = entries.len() as u64 + 1;
        if run.first == expected {
            entries.extend(run.entries);
        } else {
            let (log, first) = (run.log, run.first);
            self.broken.insert(log);
            self.found.faults.push(format!(
                "byte {at}: of log {log}, event {expected} was expected, and event {first} was found: a segment is missing \
                 or was moved"
            ));
        }
    }

    /// What the exporter vouches for.
    fn on_end(&self, end: &End, before: &[u8]) -> Result<(), &'static str> {
        let hash = *blake3::hash(before).as_bytes();
        if end.hash.as_ref() != hash || end.segments != self.segments {
            return Err("the file is not what the exporter wrote: something before the end was changed");
        }
        let exporter = self.found.exporter.ok_or("the header names no exporter")?;
        identity::verify(&exporter, Context::Export, &signed_body(end.segments, &hash), &end.signature)
            .map_err(|_| "the exporter's signature does not hold")
    }
}

/// The next item of a file.
fn item(rest: &mut Bytes) -> Result<item::Item, &'static str> {
    let length = prost::encoding::decode_varint(rest).map_err(|_| "the length of an item cannot be read")?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_EXPORT_ITEM_BYTES {
        return Err("an item is longer than any may be");
    }
    if length > rest.len() {
        return Err("an item was cut off");
    }
    let item = Item::decode(rest.split_to(length)).map_err(|_| "an item cannot be read")?;
    item.item.ok_or("an item of an unknown kind")
}

impl History for ExportedLogs {
    fn read(&self, log: &LogId, first: u64, most: usize, bytes: usize) -> Vec<Entry> {
        let Some(entries) = self.logs.get(log) else { return Vec::new() };
        let from = usize::try_from(first.max(1) - 1).unwrap_or(usize::MAX).min(entries.len());
        within(entries[from..].iter(), most, bytes)
    }
}

impl Archive for ExportedLogs {
    fn logs(&self) -> Vec<(LogId, u64)> {
        let held = self.logs.iter().filter(|(_, entries)| !entries.is_empty());
        held.map(|(log, entries)| (*log, entries.len() as u64)).collect()
    }

    fn journal(&self) -> Option<Box<dyn Iterator<Item = Bytes> + '_>> {
        (!self.journal.is_empty()).then(|| Box::new(self.journal.iter().cloned()) as Box<_>)
    }

    fn faults(&self) -> Vec<String> {
        self.faults.clone()
    }
}
