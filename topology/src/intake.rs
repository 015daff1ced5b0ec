//! Foreign segments: checked, stored, folded; and forks, when two do not agree.

mod conflict;
mod stored;

use proto::log::v1;

use crate::{
    Core, Entry, Hash, LinkId, LogId, NO_HASH, Output, Warning,
    limits::{MAX_SEGMENT_BYTES, MAX_SEGMENT_EVENTS, MAX_UNSTORED_BYTES},
    logs::{LogKey, Unstored},
    segment::{BadSegment, Run},
    timers::Timer,
};

/// How a run lies to what is here.
enum Fit {
    /// It begins after a gap.
    Gap,
    /// The hash before it is another one here: the histories differ earlier.
    Before,
    /// The histories differ at this event.
    Conflict(u64),
    /// Nothing of it is new.
    Known,
    /// It goes on from the last event here.
    New,
}

impl Core {
    /// A segment came. `size` is what its frame took of the link's credit.
    pub(crate) fn on_segment(&mut self, link: LinkId, segment: &v1::Segment, size: usize) {
        let run = match Run::read(segment) {
            Ok(run) if run.first > 1 || run.previous == NO_HASH => run,
            Ok(run) => return self.offence(link, &BadSegment::Start(run.first).to_string()),
            Err(bad) => return self.offence(link, &bad.to_string()),
        };
        match self.logs.key(&run.log) {
            Some(key) => {
                self.on_run(link, key, run, size);
            }
            None if run.first == 1 && self.admits(&run.log) => self.on_first_run(link, run, size),
            None => {
                self.counts.segments_refused += 1;
                self.prune(link, run.log);
            }
        }
    }

    /// The first run of a log: the log is begun once the signature holds.
    fn on_first_run(&mut self, link: LinkId, run: Run, size: usize) {
        if let Err(bad) = run.verify(&*self.config.verifier) {
            return self.offence(link, &format!("log {}: {bad}", run.log));
        }
        let key = self.insert_log(run.log);
        self.on_begun(link, key);
        self.on_run(link, key, run, size);
    }

    fn on_run(&mut self, link: LinkId, key: LogKey, mut run: Run, size: usize) {
        let is_own = self.own.as_ref().is_some_and(|own| own.key == key);
        let fork = self.logs[key].fork;
        let fit = self.fit(key, &run);
        // What lies beyond a gap is a mere claim until the owner's signature shows that there is such an event.
        if matches!(fit, Fit::Gap)
            && let Err(bad) = run.verify(&*self.config.verifier)
        {
            return self.offence(link, &format!("log {}: {bad}", run.log));
        }
        self.note_has(link, key, run.last());
        if !matches!(fit, Fit::Gap) {
            self.note_came(link, key);
        }
        match fit {
            Fit::Gap => self.expect_more(key),
            Fit::Known => {
                self.counts.events_duplicate += run.entries.len() as u64;
                if self.logs[key].parent != Some(link) {
                    self.prune(link, run.log);
                }
            }
            // Beyond a fork that is known, differences are no news.
            Fit::Before | Fit::Conflict(_) if fork.is_some_and(|fork| run.last() >= fork.sequence) => {}
            fit => {
                let edge = fork.filter(|fork| run.last() + 1 == fork.sequence);
                let vouched = edge.is_some_and(|edge| edge.previous == run.head().hash);
                if !vouched && let Err(bad) = run.verify(&*self.config.verifier) {
                    return self.offence(link, &format!("log {}: {bad}", run.log));
                }
                if is_own && !self.reopen(run.log) {
                    return;
                }
                match fit {
                    Fit::Before => self.look_back(link, &run),
                    Fit::Conflict(sequence) => self.on_conflict(link, key, &run, sequence),
                    _ => {
                        let known = self.logs[key].last.min(run.last());
                        self.counts.events_duplicate += (known + 1).saturating_sub(run.first);
                        run.skip_to(known);
                        self.take(link, key, run, size);
                    }
                }
            }
        }
    }

    fn fit(&self, key: LogKey, run: &Run) -> Fit {
        let log = &self.logs[key];
        if run.first > log.last + 1 {
            return Fit::Gap;
        }
        if self.hash_at(key, run.first - 1) != Some(run.previous) {
            return Fit::Before;
        }
        let common = run.last().min(log.last);
        if self.hash_at(key, common) != run.hash_at(common) {
            let differs = |sequence: &u64| self.hash_at(key, *sequence) != run.hash_at(*sequence);
            return (run.first..=common).find(differs).map_or(Fit::Known, Fit::Conflict);
        }
        if run.last() <= log.last { Fit::Known } else { Fit::New }
    }

    /// Takes a verified run that goes on from the last event here.
    fn take(&mut self, link: LinkId, key: LogKey, mut run: Run, size: usize) {
        let log = &self.logs[key];
        if let Some(fork) = log.fork {
            let keep = fork.sequence.saturating_sub(run.first);
            run.entries.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
        }
        if run.entries.is_empty() {
            return;
        }
        if run.first_time.is_some_and(|time| time <= log.time) {
            return self.offence(link, &BadSegment::Time(run.first).to_string());
        }
        let held = log.bytes;
        if !self.has_share(&run.log.owner, run.bytes()) {
            // It will not fit soon: the next comparison of heads is early enough to ask again.
            self.counts.segments_refused += 1;
            self.timers.cancel(Timer::Check(key));
            return self.prune(link, run.log);
        }
        if !self.has_room(&run, held, size) {
            self.counts.segments_refused += 1;
            self.expect_more(key);
            return;
        }
        let bytes = run.bytes();
        self.take_share(&run.log.owner, bytes);
        self.clock.observe(run.last_time, self.now.wall_ms);
        let head = run.head();
        let log = &mut self.logs[key];
        (log.last, log.hash, log.time) = (head.sequence, head.hash, run.last_time);
        log.bytes += bytes;
        let (first, entries) = (run.first, run.entries);
        self.counts.events_accepted += entries.len() as u64;
        log.unstored.push_back(Unstored {
            first,
            entries: entries.clone(),
            time: run.last_time,
            link: Some(link),
            bytes: size,
        });
        if log.parent.is_some() {
            log.parent = Some(link);
        }
        self.unstored_bytes += size;
        self.hold(link, size);
        self.out.push(Output::Store { log: head.log, first, entries });
        if head.log.owner == self.me {
            self.on_own_recovered(head.log);
        }
    }

    /// Events of ours came back that were not here. Under a later epoch than this one, this one would be overlooked.
    fn on_own_recovered(&mut self, log: LogId) {
        let later = self.own.as_ref().is_some_and(|own| own.log.epoch < log.epoch);
        if later {
            self.reopen(log);
        } else if !std::mem::replace(&mut self.local.recovered, true) {
            self.warn(Warning::OwnKeyElsewhere { log });
        }
    }

    fn has_room(&mut self, run: &Run, held: u64, size: usize) -> bool {
        self.unstored_bytes + size <= MAX_UNSTORED_BYTES && self.allows(&run.log.owner, held, run.bytes())
    }

    /// The histories differ somewhere before this run: ask for what is before it.
    fn look_back(&mut self, link: LinkId, run: &Run) {
        let from = run.first.saturating_sub(MAX_SEGMENT_EVENTS as u64 - 1).max(1);
        self.want(link, run.log, from, false);
    }

    /// The hash of a log after an event, if it is here.
    pub(crate) fn hash_at(&self, key: LogKey, sequence: u64) -> Option<Hash> {
        let log = &self.logs[key];
        match sequence {
            0 => Some(NO_HASH),
            _ if sequence == log.last => Some(log.hash),
            _ if sequence == log.stored => Some(log.stored_hash),
            _ => self.entries(key, sequence, 1).first().map(|entry| entry.hash),
        }
    }

    /// Entries of a log, durable or not.
    fn entries(&self, key: LogKey, first: u64, most: usize) -> Vec<Entry> {
        let log = &self.logs[key];
        let mut entries = Vec::new();
        if first <= log.stored {
            entries = self.history.read(&log.id, first, most, MAX_SEGMENT_BYTES);
            let stored = usize::try_from(log.stored + 1 - first).unwrap_or(usize::MAX);
            entries.truncate(stored);
        }
        for run in &log.unstored {
            let next = first + entries.len() as u64;
            if (run.first..=run.last()).contains(&next) && entries.len() < most {
                let skip = usize::try_from(next - run.first).unwrap_or(usize::MAX);
                entries.extend(run.entries.iter().skip(skip).take(most - entries.len()).cloned());
            }
        }
        entries
    }
}
