//! Comparing heads: summaries, digests, news.

use bytes::{BufMut as _, Bytes, BytesMut};
use proto::link::v1::{Compare, Digest, Have, Held, Seek, frame::Kind};

use super::neighbour::DigestJob;
use crate::{
    Core, LinkId, LogId,
    limits::{COMPARE_BUCKETS, HAVE_DELAY, MAX_HELD_PER_FRAME},
    logs::{Log, LogKey, bucket},
    timers::Timer,
};
use identity::NodeId;

impl Core {
    /// Sends a summary (one side of a link does) and a probe (both do), and arms the timer to do so again.
    pub(crate) fn compare(&mut self, link: LinkId) {
        let interval = self.config.compare_interval;
        let jitter = self.random.below(interval.as_millis() as u64 / 10);
        let me = self.me;
        let Some(neighbour) = self.links.get_mut(&link) else { return };
        neighbour.compare_due = me < neighbour.bridge;
        (neighbour.probe_due, neighbour.busy) = (true, true);
        let next = self.now.mono + interval - interval / 20 + std::time::Duration::from_millis(jitter);
        self.timers.arm(Timer::Compare(link), next);
        self.follow_neighbour(link);
    }

    pub(crate) fn summary(&self) -> Compare {
        let mut buckets = BytesMut::with_capacity(COMPARE_BUCKETS * 16);
        self.logs.buckets().iter().for_each(|bucket| buckets.put_u128(*bucket));
        Compare { buckets: buckets.freeze() }
    }

    pub(super) fn on_compare(&mut self, link: LinkId, theirs: &Compare) {
        let ours = self.summary().buckets;
        if theirs.buckets.len() != ours.len() {
            return self.offence(link, "a comparison of another length");
        }
        let pairs = ours.chunks(16).zip(theirs.buckets.chunks(16)).enumerate();
        let differ = pairs.filter(|(_, (ours, theirs))| ours != theirs);
        let mask = differ.fold(0, |mask, (index, _)| mask | 1 << index);
        self.plan_digest(link, mask, true);
    }

    pub(super) fn on_digest(&mut self, link: LinkId, digest: &Digest) {
        if digest.answer {
            self.plan_digest(link, digest.buckets, false);
        }
        digest.held.iter().for_each(|held| self.on_held(link, held, false));
    }

    fn plan_digest(&mut self, link: LinkId, buckets: u32, answer: bool) {
        let Some(neighbour) = self.links.get_mut(&link) else { return };
        if buckets != 0 {
            let before = neighbour.digest.map_or(0, |job| job.buckets);
            neighbour.digest = Some(DigestJob { buckets: buckets | before, after: None, answer });
            neighbour.busy = true;
        }
    }

    /// The next page of a digest; afterwards the job is where that page ends, or done.
    pub(super) fn digest_page(&self, job: &mut Option<DigestJob>) -> Option<Kind> {
        let state = job.as_mut()?;
        let (buckets, answer) = (state.buckets, state.answer);
        let mut held = Vec::new();
        let logs = self.logs.after(state.after);
        for log in logs.filter(|log| log.stored > 0 && buckets >> bucket(&log.id) & 1 == 1) {
            if held.len() == MAX_HELD_PER_FRAME {
                break;
            }
            state.after = Some(log.id);
            held.push(self.held(log));
        }
        state.answer = false;
        if held.len() < MAX_HELD_PER_FRAME {
            *job = None;
        }
        Some(Kind::Digest(Digest { buckets, held, answer }))
    }

    /// The next frame of news.
    pub(super) fn news_page(&mut self, link: LinkId) -> Option<Kind> {
        let mut held = Vec::new();
        let neighbour = self.links.get_mut(&link)?;
        let mut told = Vec::new();
        for key in &neighbour.news {
            if held.len() == MAX_HELD_PER_FRAME {
                break;
            }
            told.push(*key);
            let log = &self.logs[*key];
            if neighbour.has(*key) < log.stored {
                held.push(*key);
            }
        }
        told.iter().for_each(|key| {
            neighbour.news.remove(key);
        });
        let held: Vec<Held> = held.iter().map(|key| self.held(&self.logs[*key])).collect();
        (!held.is_empty()).then_some(Kind::Have(Have { held }))
    }

    /// A log has more durable events: followers get them, others will be told.
    pub(crate) fn on_advanced(&mut self, key: LogKey) {
        let stored = self.logs[key].stored;
        let now = self.now.mono;
        self.note_reach(key);
        for (link, neighbour) in &mut self.links {
            let toward = *neighbour.toward(key);
            if toward.has >= stored {
                continue;
            }
            if toward.follows {
                neighbour.push.insert(key);
                neighbour.busy = true;
            } else {
                neighbour.news.insert(key);
                self.timers.arm(Timer::News(*link), now + HAVE_DELAY);
            }
        }
    }

    pub(crate) fn tell_news(&mut self, link: LinkId) {
        if let Some(neighbour) = self.links.get_mut(&link) {
            (neighbour.news_due, neighbour.busy) = (true, true);
        }
    }

    pub(super) fn on_seek(&mut self, link: LinkId, seek: &Seek) {
        for owner in seek.owners.iter().filter_map(|owner| NodeId::try_from(owner).ok()) {
            let keys: Vec<LogKey> =
                self.owners.get(&owner).map_or_else(Vec::new, |it| it.epochs.values().copied().collect());
            if let Some(neighbour) = self.links.get_mut(&link) {
                neighbour.news.extend(keys);
                (neighbour.news_due, neighbour.busy) = (true, true);
            }
        }
    }

    fn held(&self, log: &Log) -> Held {
        let LogId { owner, epoch } = log.id;
        Held {
            owner: owner.to_bytes(),
            epoch: epoch.to_bytes(),
            first: 1,
            last: log.stored,
            hash: Bytes::copy_from_slice(&log.stored_hash),
        }
    }
}
