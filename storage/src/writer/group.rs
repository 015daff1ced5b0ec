//! A group of appends that one commit makes durable.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;

use crate::directory::witness::Mark;
use crate::error::AppendError;
use crate::fault::{Fault, Refusal};
use crate::head::Head;
use crate::health::Damage;
use crate::key;
use crate::log::state::LogState;
use crate::metrics::add;
use crate::oneshot::Promise;
use crate::queue::Append;
use crate::read::what;
use crate::sync::read;
use crate::ticket::{Appended, Outcome};
use crate::writer::pack::{Packed, pack};
use crate::writer::tail::Tail;
use crate::writer::{MAX_TAILS, Writer};

/// Appends sorted by their logs, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Group {
    logs: Vec<Share>,
}

/// What a group appends to one log.
#[derive(Debug)]
struct Share {
    log: Arc<LogState>,
    head: Head,
    records: Vec<Bytes>,
    answers: Vec<(Promise<Outcome>, Appended)>,
}

impl Group {
    /// Gives every append its positions; those that cannot be are answered at once.
    pub(super) fn new(appends: Vec<Append>) -> Self {
        let mut group = Self::default();
        let mut index = HashMap::new();
        for append in appends {
            let head = match append.log.ready() {
                Ok(head) => head,
                Err(refusal) => {
                    append.done.give(Err(refusal.into()));
                    continue;
                }
            };
            let at = *index.entry(append.log.id).or_insert(group.logs.len());
            if at == group.logs.len() {
                let log = Arc::clone(&append.log);
                group.logs.push(Share { log, head, records: Vec::new(), answers: Vec::new() });
            }
            group.logs[at].take(append);
        }
        group
    }

    fn answers(self) -> impl Iterator<Item = (Promise<Outcome>, Appended)> {
        self.logs.into_iter().flat_map(|share| share.answers)
    }
}

impl Share {
    fn take(&mut self, append: Append) {
        let next = self.head.head + 1 + self.records.len() as u64;
        match append.expected {
            Some(expected) if expected != next => {
                append.done.give(Err(AppendError::Position { expected, next }));
            }
            _ => {
                let last = next + append.records.len() as u64 - 1;
                self.records.extend(append.records);
                self.answers.push((append.done, Appended { first: next, last }));
            }
        }
    }

    fn refuse(self, refusal: &Refusal) {
        for (done, _) in self.answers {
            done.give(Err(refusal.clone().into()));
        }
    }
}

/// A share that is packed into a batch.
struct Ready {
    share: Share,
    head: Head,
    tail: Tail,
    count: u64,
    bytes: u64,
}

impl Writer {
    pub(super) fn commit_group(&mut self, group: Group) {
        let begun = Instant::now();
        let mut batch = sled::Batch::default();
        let mut ready = Vec::with_capacity(group.logs.len());
        let mut idle = Group::default();
        for share in group.logs {
            if share.records.is_empty() {
                idle.logs.push(share);
            } else if let Some(one) = self.prepare(share, &mut batch) {
                ready.push(one);
            }
        }
        if !ready.is_empty() {
            match self.commit(batch) {
                Ok(()) => self.acknowledge(ready, begun),
                Err(fault) => {
                    self.fail(fault);
                    let refusal = self.refusal();
                    ready.into_iter().for_each(|one| one.share.refuse(&refusal));
                }
            }
        }
        // Appends of nothing: all that came before them is durable now, or was refused.
        idle.answers().for_each(|(done, appended)| done.give(Ok(appended)));
    }

    /// Packs a share into the batch; a log that turns out to be damaged is answered at once.
    fn prepare(&mut self, mut share: Share, batch: &mut sled::Batch) -> Option<Ready> {
        let records = std::mem::take(&mut share.records);
        let count = records.len() as u64;
        let bytes = records.iter().map(|record| record.len() as u64).sum();
        match self.pack(&share, records) {
            Ok(packed) => {
                let stored = share.head.bytes.saturating_sub(packed.freed) + packed.added;
                let head = Head { head: share.head.head + count, bytes: stored, ..share.head };
                let tail = fill(batch, share.log.id, head, packed);
                Some(Ready { share, head, tail, count, bytes })
            }
            Err(damage) => {
                share.log.change(|view| view.damage = Some(damage.clone()));
                share.refuse(&Refusal::Damaged(damage));
                None
            }
        }
    }

    fn pack(&mut self, share: &Share, records: Vec<Bytes>) -> Result<Packed, Damage> {
        let (id, head) = (share.log.id, share.head);
        let engine = read(&self.shared.engine);
        let at = |fault: Fault| Damage { position: head.head, what: what(fault) };
        let engine = engine.as_ref().ok_or_else(|| at(Fault::Closed))?;
        let tail = match self.tails.remove(&id) {
            Some(tail) => tail,
            None => Tail::load(engine, id, head)?,
        };
        let first = tail.blocks().first().map_or(head.head, |small| small.first);
        pack(engine, id, tail, head.head + 1, records)
            .map_err(|fault| Damage { position: first, ..at(fault) })
    }

    fn acknowledge(&mut self, ready: Vec<Ready>, begun: Instant) {
        let counters = &self.shared.counters;
        for one in &ready {
            one.share.log.change(|view| {
                view.head = one.head;
                view.mark = Mark { head: one.head.head, cuts: one.head.cuts, ..view.mark };
                self.witness.note(one.share.log.id, &one.share.log.name, view.mark);
            });
            add(&counters.records, one.count);
            add(&counters.bytes, one.bytes);
        }
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        counters.last_commit_micros.store(micros, Ordering::Relaxed);
        // Before the answers: who is answered and then killed must find a loss reported.
        self.witness();
        if self.tails.len() + ready.len() > MAX_TAILS {
            self.tails.clear();
        }
        for one in ready {
            self.tails.insert(one.share.log.id, one.tail);
            one.share.answers.into_iter().for_each(|(done, appended)| done.give(Ok(appended)));
        }
    }
}

/// Puts what was packed into the batch: a block that is removed and written again is written.
fn fill(batch: &mut sled::Batch, log: u64, head: Head, packed: Packed) -> Tail {
    for place in packed.removed {
        batch.remove(&place.key()[..]);
    }
    for (place, value) in packed.written {
        batch.insert(&place.key()[..], value);
    }
    batch.insert(&key::head(log)[..], head.encode(log));
    packed.tail
}
