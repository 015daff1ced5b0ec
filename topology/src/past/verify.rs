//! Whether what is held is what its owners signed.

use std::collections::BTreeMap;

use proto::topology::v1;

use crate::{Head, Hlc, LogId, NO_HASH, event::Fact, segment::Chain};

use super::{
    Past,
    archive::{BATCH_BYTES, BATCH_EVENTS, event_at},
    names::Names,
    rfc3339,
    world::World,
};

/// How far a log holds, and what is wrong behind that.
struct Checked {
    good: u64,
    time: Hlc,
    signatures: u64,
    what: Option<String>,
}

impl Past<'_> {
    /// Checks every hash, every signature and the order of every log that is held, and each checkpoint against what its
    /// log folds to. What lies behind the last signature that holds is not good.
    pub fn verify(&self) -> v1::VerifyResponse {
        let names = Names::ever(self.archive, self.verifier);
        let world = World::at(self.archive, self.verifier, Hlc(u64::MAX), None);
        let faults = self.archive.faults();
        let mut response =
            v1::VerifyResponse { good: faults.is_empty(), faults, ..v1::VerifyResponse::default() };
        let held: BTreeMap<LogId, u64> = self.archive.logs().into_iter().collect();
        for (log, last) in held.iter().map(|(log, last)| (*log, *last)) {
            let mut checked = self.check_log(&world, &log, last);
            let past = world.bridges.get(&log.owner).filter(|past| past.epoch == Some(log.epoch));
            let lie = past.and_then(|past| past.fold.bad_checkpoint);
            if let (None, Some(sequence)) = (&checked.what, lie) {
                checked.what = Some(format!(
                    "the checkpoint in event {sequence} is not the hash of what the log says before it; its owner's program \
                     counts otherwise, or it lied"
                ));
            }
            response.good &= checked.what.is_none();
            response.events += checked.good;
            response.signatures += checked.signatures;
            response.logs.push(v1::VerifiedLog {
                owner: log.owner.to_bytes(),
                epoch: log.epoch.to_bytes(),
                name: names.name(&log.owner).to_owned(),
                good: checked.good,
                bad: if checked.what.is_some() { checked.good + 1 } else { 0 },
                what: checked.what.unwrap_or_default(),
                last_good: checked.time.0,
                last_good_text: if checked.good > 0 { rfc3339(checked.time) } else { String::new() },
                begins: self.begins(&log, &held).unwrap_or_default(),
            });
        }
        response
    }

    /// From when on a bridge's history is proven, where the log before this one is not here.
    fn begins(&self, log: &LogId, held: &BTreeMap<LogId, u64>) -> Option<String> {
        let first = event_at(self.archive, log, 1)?;
        let Some(Fact::Started(started)) = first.fact() else { return None };
        let previous = started.previous?;
        let before = LogId::from_fields(log.owner.as_bytes(), &previous.epoch).ok()?;
        let is_held = held.get(&before).is_some_and(|last| *last >= previous.sequence);
        (!is_held).then(|| {
            format!("begins {}; what was before it was dropped or never came here", rfc3339(first.time))
        })
    }

    fn check_log(&self, world: &World, log: &LogId, last: u64) -> Checked {
        let mut chain = Chain { log: *log, sequence: 0, hash: NO_HASH, time: Hlc::default() };
        let mut checked = Checked { good: 0, time: Hlc::default(), signatures: 0, what: None };
        while chain.sequence < last && checked.what.is_none() {
            let first = chain.sequence + 1;
            let left = usize::try_from(last - chain.sequence).unwrap_or(usize::MAX);
            for entry in self.archive.read(log, first, BATCH_EVENTS.min(left), BATCH_BYTES) {
                if let Err(bad) = chain.push(&entry.event) {
                    checked.what = Some(bad.to_string());
                    break;
                }
                if chain.hash != entry.hash {
                    checked.what =
                        Some(format!("the hash kept with event {} is another one", chain.sequence));
                    break;
                }
                let vouched = world.edge(log) == Some((chain.sequence + 1, chain.hash));
                if entry.signature.is_empty() && !vouched {
                    continue;
                }
                let head = Head { log: *log, sequence: chain.sequence, hash: chain.hash };
                if !vouched && !self.verifier.head(&log.owner, &head.signed_body(), &entry.signature) {
                    checked.what = Some(format!(
                        "the owner's signature at event {} does not hold: an event since event {} was changed, or the \
                         owner never signed this",
                        chain.sequence,
                        checked.good + 1
                    ));
                    break;
                }
                checked.signatures += 1;
                (checked.good, checked.time) = (chain.sequence, chain.time);
            }
            if chain.sequence < first && checked.what.is_none() {
                checked.what = Some(format!("event {first} cannot be read"));
            }
        }
        if checked.what.is_none() && checked.good < last {
            checked.what = Some("the end is not signed: something was cut off".to_owned());
        }
        checked
    }
}
