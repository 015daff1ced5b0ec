//! Sending what credit allows.

use prost::Message as _;
use proto::{
    link::v1::{Ack, Frame, Probe, ProbeReply, Prune, PruneLog, Seek, Want, WantLog, frame::Kind},
    log::v1::Segment,
};

use crate::{
    Core, LinkId, NO_HASH, Output,
    limits::{
        ACK_EVERY_BYTES, MAX_ASKED_PER_FRAME, MAX_EVENT_BYTES, MAX_FRAME_BYTES, MAX_SEGMENT_BYTES,
        MAX_SEGMENT_EVENTS,
    },
    logs::LogKey,
    segment,
};

impl Core {
    /// Sends on every link that has something to say.
    pub(crate) fn flush_links(&mut self) {
        let busy: Vec<LinkId> = self.links.iter().filter(|(_, it)| it.busy).map(|(link, _)| *link).collect();
        for link in busy {
            self.flush_link(link);
        }
    }

    fn flush_link(&mut self, link: LinkId) {
        while self.links.get(&link).is_some_and(|it| it.has_credit(MAX_FRAME_BYTES)) {
            match self.next_control(link) {
                Some(kind) => self.send(link, kind),
                None => {
                    if !self.push_round(link) {
                        if let Some(neighbour) = self.links.get_mut(&link) {
                            neighbour.busy = false;
                        }
                        return;
                    }
                }
            }
        }
    }

    /// The next frame that is not events.
    fn next_control(&mut self, link: LinkId) -> Option<Kind> {
        let (summary, now) = (self.links.get(&link)?.compare_due.then(|| self.summary()), self.now);
        let token = self.random.below(u64::MAX);
        let neighbour = self.links.get_mut(&link)?;
        if let Some(summary) = summary {
            neighbour.compare_due = false;
            return Some(Kind::Compare(summary));
        }
        if std::mem::take(&mut neighbour.probe_due) {
            neighbour.probe = Some((token, now.mono));
            return Some(Kind::Probe(Probe { token }));
        }
        if let Some(token) = neighbour.reply.take() {
            return Some(Kind::ProbeReply(ProbeReply { token, wall_ms: now.wall_ms }));
        }
        if let Some(request) = neighbour.next_request() {
            return Some(request);
        }
        if !neighbour.reports.is_empty() {
            return self.reached_page(link).map(Kind::Reached);
        }
        if let Some(job) = neighbour.digest.take() {
            let mut job = Some(job);
            let page = self.digest_page(&mut job);
            self.links.get_mut(&link)?.digest = job;
            return page;
        }
        if neighbour.news_due {
            let page = self.news_page(link);
            let neighbour = self.links.get_mut(&link)?;
            neighbour.news_due = !neighbour.news.is_empty();
            return page;
        }
        None
    }

    /// One segment of each log that the neighbour lacks events of. Gives whether anything was sent.
    fn push_round(&mut self, link: LinkId) -> bool {
        let keys: Vec<LogKey> =
            self.links.get(&link).map_or_else(Vec::new, |it| it.push.iter().copied().collect());
        let mut sent = false;
        for key in keys {
            let Some(neighbour) = self.links.get(&link) else { return sent };
            if !neighbour.has_credit(MAX_FRAME_BYTES) {
                return true;
            }
            let segment = self.segment_after(key, neighbour.has(key));
            let Some(neighbour) = self.links.get_mut(&link) else { return sent };
            if let Some(segment) = segment {
                let last = segment.first + segment.events.len() as u64 - 1;
                neighbour.toward(key).has = last;
                self.counts.events_sent += segment.events.len() as u64;
                self.send(link, Kind::Segment(segment));
                sent = true;
            } else {
                neighbour.push.remove(&key);
            }
        }
        sent
    }

    /// The next segment of a log after an event.
    fn segment_after(&self, key: LogKey, has: u64) -> Option<Segment> {
        let log = &self.logs[key];
        if has >= log.stored {
            return None;
        }
        let bytes = MAX_SEGMENT_BYTES + MAX_EVENT_BYTES;
        let mut entries = self.history.read(&log.id, has.max(1), MAX_SEGMENT_EVENTS + 1, bytes);
        let previous = if has == 0 { NO_HASH } else { entries.first()?.hash };
        if has > 0 {
            entries.remove(0);
        }
        entries.truncate(usize::try_from(log.stored - has).unwrap_or(usize::MAX));
        let edge = log.fork.map(|fork| fork.sequence - 1);
        segment::pack(&log.id, has + 1, &previous, &entries, edge)
    }

    fn send(&mut self, link: LinkId, kind: Kind) {
        let frame = Frame { kind: Some(kind) };
        if let Some(neighbour) = self.links.get_mut(&link) {
            neighbour.sent += frame.encoded_len() as u64;
            self.out.push(Output::Send { link, frame });
        }
    }

    /// Gives new credit once enough was dealt with.
    pub(super) fn grant(&mut self, link: LinkId) {
        let Some(neighbour) = self.links.get_mut(&link) else { return };
        let bytes = neighbour.received - neighbour.unstored;
        if bytes >= neighbour.granted + ACK_EVERY_BYTES {
            neighbour.granted = bytes;
            let frame = Frame { kind: Some(Kind::Ack(Ack { bytes })) };
            self.out.push(Output::Send { link, frame });
        }
    }
}

impl super::Neighbour {
    /// Seeks, wants or prunes that wait.
    fn next_request(&mut self) -> Option<Kind> {
        if !self.seeks.is_empty() {
            let owners = drain(&mut self.seeks).map(|owner| owner.to_bytes()).collect();
            return Some(Kind::Seek(Seek { owners }));
        }
        if !self.wants.is_empty() {
            let logs = std::iter::from_fn(|| self.wants.pop_first()).take(MAX_ASKED_PER_FRAME);
            let logs = logs.map(|(log, (from, follow))| WantLog {
                owner: log.owner.to_bytes(),
                epoch: log.epoch.to_bytes(),
                from,
                follow,
            });
            return Some(Kind::Want(Want { logs: logs.collect() }));
        }
        if !self.prunes.is_empty() {
            let logs = drain(&mut self.prunes)
                .map(|log| PruneLog { owner: log.owner.to_bytes(), epoch: log.epoch.to_bytes() });
            return Some(Kind::Prune(Prune { logs: logs.collect() }));
        }
        None
    }
}

pub(super) fn drain<T: Ord>(set: &mut std::collections::BTreeSet<T>) -> impl Iterator<Item = T> {
    std::iter::from_fn(|| set.pop_first()).take(MAX_ASKED_PER_FRAME)
}
