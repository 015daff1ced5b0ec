//! The own log: epochs and appending.

mod renew;

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use proto::log::v1::{self, Kind};

use crate::{
    Core, Entry, Epoch, Head, LogId, Output, Warning,
    event::Event,
    fork::ForkPoint,
    limits::{
        CHECKPOINT_EVERY, MAX_FORKS_PER_BRIDGE, MAX_SEGMENT_EVENTS, REOPEN_INTERVAL, SIGN_EVERY_BYTES,
        WITNESS_INTERVAL,
    },
    logs::{LogKey, Unstored},
    segment::{chain, digest},
    timers::Timer,
};

/// The log of this run.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) log: LogId,
    pub(crate) key: LogKey,
    opened_at: Duration,
    /// The events at its beginning that say again what held before; 0 unless it was a renewal.
    restates: u64,
    /// Must not go on: a further epoch opens as soon as it may.
    superseded: bool,
    /// A proven fork of this very log, acted upon when it is not written any more.
    accused: Option<(ForkPoint, v1::ForkProof)>,
    /// Proofs of forks in this epoch.
    accusations: usize,
    /// Appended in this call.
    batch: Vec<Entry>,
    /// Events and bytes since the last signature.
    unsigned: (usize, usize),
    checkpoint: u64,
    witnessed_at: Option<Duration>,
}

impl Core {
    /// Opens a new epoch that names the last own head known, and states everything that is so now.
    pub(crate) fn open_epoch(&mut self) {
        self.begin_epoch(0);
        self.restate();
    }

    /// Begins an epoch, the first `restates` events of which say again what held before.
    fn begin_epoch(&mut self, restates: u64) {
        self.flush_own();
        let owner = &self.owners[&self.me];
        let before = owner.epochs.last_key_value().map(|(epoch, key)| (*epoch, *key));
        let previous = before.map(|(_, key)| {
            let log = &self.logs[key];
            self.clock.resume(log.time);
            Head { log: log.id, sequence: log.last, hash: log.hash }
        });
        let epoch = Epoch::after(before.map(|(epoch, _)| epoch), self.now.wall_ms, self.random.epoch());
        let log = LogId { owner: self.me, epoch };
        let key = self.insert_log(log);
        self.reach.restart(restates);
        self.own = Some(Own {
            log,
            key,
            opened_at: self.now.mono,
            restates,
            superseded: false,
            accused: None,
            accusations: 0,
            batch: Vec::new(),
            unsigned: (0, 0),
            checkpoint: 0,
            witnessed_at: None,
        });
        let started = v1::BridgeStarted { restates, ..self.started(epoch, previous) };
        self.append(Kind::BridgeStarted, &started);
    }

    /// Somebody holds events of ours that we did not write, or wrote and lost: this epoch must not go on. Gives whether
    /// a new one was opened.
    pub(crate) fn reopen(&mut self, because: LogId) -> bool {
        self.warn(Warning::OwnKeyElsewhere { log: because });
        let Some(own) = &mut self.own else { return false };
        let at = own.opened_at + REOPEN_INTERVAL;
        let due = self.now.mono >= at || self.counts.own_epochs < 2;
        if due {
            self.open_epoch();
        } else {
            // Nobody need show anything again: without the timer this log would stay overlooked.
            own.superseded = true;
            self.timers.arm(Timer::Reopen, at);
        }
        due
    }

    /// The pause after the last reopening is over.
    pub(crate) fn reopen_late(&mut self) {
        let Some(own) = self.own.as_mut().filter(|own| own.superseded) else { return };
        let (log, accused) = (own.log, own.accused.take());
        self.open_epoch();
        if let Some((point, proof)) = accused {
            self.apply_fork(log, point, proof);
        }
    }

    /// A fork of the log that is being written was proven, and no further epoch may be opened yet.
    pub(crate) fn postpone_fork(&mut self, point: ForkPoint, proof: v1::ForkProof) {
        if let Some(own) = &mut self.own {
            own.accused = Some((point, proof));
        }
    }

    /// Whether others will take over a further proof out of this epoch.
    pub(crate) fn may_accuse(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.accusations < MAX_FORKS_PER_BRIDGE)
    }

    /// Writes the proof of a fork.
    pub(crate) fn accuse(&mut self, proof: &v1::ForkProof) {
        if let Some(own) = &mut self.own {
            own.accusations += 1;
            self.append(Kind::ForkFound, proof);
        }
    }

    /// Writes an event. It reaches the fold and the neighbours once it is durable.
    pub(crate) fn append(&mut self, kind: Kind, payload: &impl Message) {
        self.append_encoded(kind, payload.encode_to_vec());
    }

    fn append_encoded(&mut self, kind: Kind, payload: Vec<u8>) {
        let Some(own) = &mut self.own else { return };
        let log = &mut self.logs[own.key];
        let time = self.clock.tick(self.now.wall_ms);
        let event = Event::encode(log.last + 1, time, kind, payload);
        let hash = chain(&log.hash, &digest(&event));
        (log.last, log.hash, log.time) = (log.last + 1, hash, time);
        own.unsigned = (own.unsigned.0 + 1, own.unsigned.1 + event.len());
        own.batch.push(Entry { event, hash, signature: Bytes::new() });
        self.counts.own_events += 1;
        if own.unsigned.0 >= MAX_SEGMENT_EVENTS || own.unsigned.1 >= SIGN_EVERY_BYTES {
            self.sign();
        }
    }

    /// Hands over what was appended.
    pub(crate) fn flush_own(&mut self) {
        self.sign();
        let Some(own) = &mut self.own else { return };
        if own.batch.is_empty() {
            return;
        }
        let entries = std::mem::take(&mut own.batch);
        let log = &mut self.logs[own.key];
        let first = log.last + 1 - entries.len() as u64;
        let time = log.time;
        log.unstored.push_back(Unstored { first, entries: entries.clone(), time, link: None, bytes: 0 });
        self.out.push(Output::Append { log: own.log, first, entries });
    }

    /// Events of this epoch that are not durable.
    pub(crate) fn undurable(&self) -> usize {
        self.own.as_ref().map_or(0, |own| {
            let log = &self.logs[own.key];
            usize::try_from(log.last - log.stored).unwrap_or(usize::MAX)
        })
    }

    /// After own events became durable: a checkpoint, when it is time and the fold has everything.
    pub(crate) fn checkpoint(&mut self) {
        let Some(own) = &mut self.own else { return };
        let (last, owner) = (self.logs[own.key].last, &self.owners[&self.me]);
        let fold = &owner.fold;
        let is_folded = owner.folded == Some(own.log.epoch) && fold.through == last;
        if last >= own.checkpoint + CHECKPOINT_EVERY && is_folded {
            own.checkpoint = last + 1;
            let root = Bytes::copy_from_slice(&fold.root());
            self.append(Kind::Checkpoint, &v1::Checkpoint { root, chunks: Vec::new() });
        }
    }

    /// A neighbour's log went on: it will be witnessed.
    pub(crate) fn plan_witness(&mut self) {
        let Some(own) = &self.own else { return };
        let at = own.witnessed_at.map_or(self.now.mono, |at| at) + WITNESS_INTERVAL;
        self.timers.arm(Timer::Witness, at.max(self.now.mono));
    }

    /// Writes down which heads of the neighbours are durable here.
    pub(crate) fn witness(&mut self) {
        let heads = self
            .neighbours
            .keys()
            .filter_map(|bridge| self.owners.get(bridge)?.epochs.values().last())
            .map(|key| &self.logs[*key])
            .filter(|log| log.stored > 0)
            .map(|log| Head { log: log.id, sequence: log.stored, hash: log.stored_hash }.to_proto())
            .take(crate::limits::MAX_LINKS_PER_BRIDGE)
            .collect::<Vec<_>>();
        if let Some(own) = &mut self.own {
            own.witnessed_at = Some(self.now.mono);
        }
        if !heads.is_empty() {
            self.append(Kind::HeadsSeen, &v1::HeadsSeen { heads });
        }
    }

    fn started(&self, epoch: Epoch, previous: Option<Head>) -> v1::BridgeStarted {
        let previous = previous.map(|head| v1::Head { owner: Bytes::new(), ..head.to_proto() });
        v1::BridgeStarted {
            epoch: epoch.to_bytes(),
            previous,
            format: 1,
            network: Some(self.config.network.to_proto()),
            description: Some(self.config.description.signed().clone()),
            restates: 0,
        }
    }

    /// States what is so now in a fresh epoch.
    fn restate(&mut self) {
        self.counts.own_epochs += 1;
        self.local.forget_logged();
        self.restate_policy();
        let proofs: Vec<_> = self.forks.proofs().take(MAX_FORKS_PER_BRIDGE).cloned().collect();
        proofs.iter().for_each(|proof| self.accuse(proof));
        if self.local.draining {
            self.append(Kind::BridgeDraining, &v1::BridgeDraining::default());
        }
    }

    fn sign(&mut self) {
        let Some(own) = &mut self.own else { return };
        let Some(entry) = own.batch.last_mut() else { return };
        let log = &self.logs[own.key];
        let head = Head { log: own.log, sequence: log.last, hash: entry.hash };
        entry.signature = self.config.signer.sign(&head.signed_body());
        own.unsigned = (0, 0);
    }
}
