//! What neighbours are told and asked: links, credit, and the frames that come in.

mod digest;
mod neighbour;
mod reach;
mod send;
mod tree;

use prost::Message as _;
use proto::link::v1::{Close, Frame, ProbeReply, frame::Kind};

use identity::NodeId;

use crate::{
    Core, LinkId, LogId, Output, Warning,
    limits::{LINK_WINDOW_BYTES, MAX_FRAME_BYTES, MAX_OFFENCES, SKEW_WARNING_MS},
    logs::LogKey,
    timers::Timer,
};

pub(crate) use neighbour::Neighbour;
pub(crate) use reach::Reach;
pub(crate) use tree::Asked;

impl Core {
    pub(crate) fn on_link_up(&mut self, link: LinkId, bridge: NodeId) {
        if bridge == self.me || self.links.contains_key(&link) {
            return;
        }
        if let Some(old) = self.neighbours.insert(bridge, link) {
            self.close(old, Close::Replaced, "a newer connection took over");
            self.drop_link(old);
        }
        self.links.insert(link, Neighbour::new(bridge));
        self.local_link_up(bridge, link);
        self.admit_neighbour(bridge);
        self.compare(link);
    }

    pub(crate) fn on_link_down(&mut self, link: LinkId, reason: String) {
        let Some(bridge) = self.links.get(&link).map(|neighbour| neighbour.bridge) else { return };
        self.neighbours.remove(&bridge);
        self.drop_link(link);
        self.local_link_down(bridge, reason);
        self.timers.arm(Timer::Admission, self.now.mono);
    }

    /// Forgets a connection; what it was to bring is asked for elsewhere.
    fn drop_link(&mut self, link: LinkId) {
        self.links.remove(&link);
        self.timers.cancel(Timer::News(link));
        self.timers.cancel(Timer::Compare(link));
        self.adopt_orphans(link);
    }

    pub(crate) fn on_frame(&mut self, link: LinkId, frame: Frame) {
        let Some(neighbour) = self.links.get_mut(&link) else { return };
        self.counts.frames += 1;
        let size = frame.encoded_len();
        let Some(kind) = frame.kind else { return };
        if !matches!(kind, Kind::Ack(_)) {
            neighbour.received += size as u64;
        }
        match kind {
            Kind::Compare(compare) => self.on_compare(link, &compare),
            Kind::Digest(digest) => self.on_digest(link, &digest),
            Kind::Have(have) => have.held.iter().for_each(|held| self.on_held(link, held, true)),
            Kind::Seek(seek) => self.on_seek(link, &seek),
            Kind::Want(want) => self.on_want(link, &want),
            Kind::Segment(segment) => self.on_segment(link, &segment, size),
            Kind::Prune(prune) => self.on_prune(link, &prune),
            Kind::Ack(ack) => self.on_ack(link, ack.bytes),
            Kind::Probe(probe) => self.on_probe(link, probe.token),
            Kind::ProbeReply(reply) => self.on_probe_reply(link, &reply),
            Kind::Reached(reached) => self.on_reached(link, &reached),
        }
        self.grant(link);
    }

    /// A neighbour sent what does not hold. It is named; too often, and the link is closed.
    pub(crate) fn offence(&mut self, link: LinkId, what: &str) {
        let Some(neighbour) = self.links.get_mut(&link) else { return };
        neighbour.offences += 1;
        let (offences, bridge) = (neighbour.offences, neighbour.bridge);
        self.counts.segments_invalid += 1;
        if offences <= MAX_OFFENCES {
            self.warn(Warning::Invalid { neighbour: bridge, what: what.to_owned() });
        }
        if offences == MAX_OFFENCES {
            self.close(link, Close::Protocol, &format!("too much that does not verify, at last: {what}"));
        }
    }

    /// Asks for a connection to be closed. What comes over it until it is down still counts.
    pub(crate) fn close(&mut self, link: LinkId, code: Close, reason: &str) {
        self.out.push(Output::Close { link, code, reason: reason.to_owned() });
    }

    /// A frame's bytes wait for the disk.
    pub(crate) fn hold(&mut self, link: LinkId, bytes: usize) {
        let Some(neighbour) = self.links.get_mut(&link) else { return };
        neighbour.unstored += bytes as u64;
        if neighbour.unstored > LINK_WINDOW_BYTES + MAX_FRAME_BYTES as u64 && !neighbour.overdrawn {
            neighbour.overdrawn = true;
            self.close(link, Close::Protocol, "more was sent than the credit allows");
        }
    }

    /// They wait no more.
    pub(crate) fn release(&mut self, link: Option<LinkId>, bytes: usize) {
        let Some(link) = link else { return };
        self.unstored_bytes -= bytes;
        if let Some(neighbour) = self.links.get_mut(&link) {
            neighbour.unstored -= bytes as u64;
            self.grant(link);
        }
    }

    fn on_ack(&mut self, link: LinkId, bytes: u64) {
        if let Some(neighbour) = self.links.get_mut(&link) {
            neighbour.acked = neighbour.acked.max(bytes.min(neighbour.sent));
            neighbour.busy = true;
        }
    }

    fn on_probe(&mut self, link: LinkId, token: u64) {
        if let Some(neighbour) = self.links.get_mut(&link) {
            neighbour.reply = Some(token);
            neighbour.busy = true;
        }
    }

    fn on_probe_reply(&mut self, link: LinkId, reply: &ProbeReply) {
        let now = self.now;
        let Some(neighbour) = self.links.get_mut(&link) else { return };
        let Some(sent) = neighbour.probe.take_if(|(token, _)| *token == reply.token).map(|(_, at)| at) else {
            return;
        };
        let half_ms = i64::try_from(now.mono.saturating_sub(sent).as_millis() / 2).unwrap_or(0);
        let skew_ms = reply.wall_ms.saturating_add(half_ms).saturating_sub(now.wall_ms);
        let far = |skew: Option<i64>| skew.is_some_and(|ms| ms.saturating_abs() > SKEW_WARNING_MS);
        let news = far(Some(skew_ms)) && !far(neighbour.skew_ms);
        neighbour.skew_ms = Some(skew_ms);
        let bridge = neighbour.bridge;
        if news {
            self.warn(Warning::Skew { bridge, skew_ms });
        }
    }

    /// A neighbour says by its sending that it has a log up to here.
    pub(crate) fn note_has(&mut self, link: LinkId, key: LogKey, through: u64) {
        if let Some(neighbour) = self.links.get_mut(&link) {
            let toward = neighbour.toward(key);
            toward.has = toward.has.max(through);
        }
    }

    /// Events of a log came from a neighbour, of use or not.
    pub(crate) fn note_came(&mut self, link: LinkId, key: LogKey) {
        let now = self.now.mono;
        if let Some(neighbour) = self.links.get_mut(&link) {
            (neighbour.toward(key).came, neighbour.segment_at) = (true, now);
        }
    }

    fn known(&self, owner: &[u8], epoch: &[u8]) -> Option<(LogId, Option<LogKey>)> {
        let log = LogId::from_fields(owner, epoch).ok()?;
        Some((log, self.logs.key(&log)))
    }
}
