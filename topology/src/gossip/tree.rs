//! Which neighbour brings which log: asking, following, pruning.
//!
//! Each log comes by one neighbour, its parent, which pushes. Everybody else says only what they have. If the parent
//! does not deliver what another one has, the other becomes the parent.

use std::{collections::BTreeSet, ops::Bound, time::Duration};

use identity::NodeId;
use proto::link::v1::{Held, Prune, Want};

use super::neighbour::Neighbour;
use crate::{
    Core, LinkId, LogId,
    limits::{GRAFT_DELAY, WANT_TIMEOUT},
    logs::LogKey,
    timers::Timer,
};

/// Logs that were never seen here and are asked of one neighbour at a time.
const MAX_ASKED_PER_LINK: usize = 1_024;
/// Prunes that wait for credit.
const MAX_PRUNES: usize = 1_024;

/// Claims of events that do not come, until it is an offence: an honest neighbour may have lost a log meanwhile.
const MAX_BROKEN_CLAIMS: u32 = 4;

/// A log that was asked for and has not begun to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    link: LinkId,
    until: Duration,
}

impl Core {
    /// A neighbour says what it holds. `fresh`: it tells because it will not push.
    pub(super) fn on_held(&mut self, link: LinkId, held: &Held, fresh: bool) {
        let Some((log, key)) = self.known(&held.owner, &held.epoch) else {
            return self.offence(link, "a log's name of a wrong length");
        };
        match key {
            Some(key) => self.on_held_known(link, key, held, fresh),
            None if held.last > 0 && self.admits(&log) => self.ask(link, log),
            None => {}
        }
    }

    fn on_held_known(&mut self, link: LinkId, key: LogKey, held: &Held, fresh: bool) {
        self.note_has(link, key, held.last);
        let log = &self.logs[key];
        if log.fork.is_some_and(|fork| log.last + 1 >= fork.sequence) {
            return;
        }
        if held.last > log.last {
            if fresh && log.parent.is_none() {
                self.follow(link, key);
            } else {
                self.expect_more(key);
            }
        } else if held.last == log.stored && held.hash.as_ref() != log.stored_hash {
            // The same length and another hash: the events will show which of them forked.
            let id = log.id;
            self.want(link, id, held.last, false);
        }
    }

    /// Asks for a log of which nothing is here, of one neighbour at a time.
    fn ask(&mut self, link: LinkId, log: LogId) {
        let until = self.now.mono + WANT_TIMEOUT;
        let Some(neighbour) = self.links.get_mut(&link) else { return };
        if self.asked.contains_key(&log) || neighbour.asked >= MAX_ASKED_PER_LINK {
            return;
        }
        neighbour.asked += 1;
        self.asked.insert(log, Asked { link, until });
        self.timers.arm(Timer::Asked, until);
        self.want(link, log, 1, true);
    }

    /// The first run of a log that was asked for, or pushed, has come.
    pub(crate) fn on_begun(&mut self, link: LinkId, key: LogKey) {
        if let Some(asked) = self.asked.remove(&self.logs[key].id)
            && let Some(neighbour) = self.links.get_mut(&asked.link)
        {
            neighbour.asked -= 1;
        }
        self.logs[key].parent = Some(link);
    }

    /// Makes a neighbour the parent of a log.
    fn follow(&mut self, link: LinkId, key: LogKey) {
        let log = &mut self.logs[key];
        let before = log.parent.replace(link);
        let (id, from) = (log.id, log.last + 1);
        log.checked_at = log.last;
        if let Some(before) = before.filter(|before| *before != link) {
            self.prune(before, id);
        }
        if let Some(neighbour) = self.links.get_mut(&link) {
            neighbour.toward(key).came = false;
        }
        self.want(link, id, from, true);
        self.timers.arm(Timer::Check(key), self.now.mono + WANT_TIMEOUT);
        self.note_reach(key);
    }

    /// Follows a neighbour's own log although nothing of it is missing: what it is told of how far the log has come must
    /// not wait for its next event.
    pub(super) fn follow_neighbour(&mut self, link: LinkId) {
        let bridge = self.links.get(&link).map(|neighbour| neighbour.bridge);
        let owner = bridge.and_then(|bridge| self.owners.get(&bridge));
        let latest = owner.and_then(|owner| owner.epochs.values().last()).copied();
        if let Some(key) = latest.filter(|key| self.logs[*key].parent.is_none()) {
            self.follow(link, key);
        }
    }

    /// There is more of a log: its parent gets a moment to deliver.
    pub(crate) fn expect_more(&mut self, key: LogKey) {
        if !self.timers.is_armed(Timer::Check(key)) {
            let log = &mut self.logs[key];
            log.checked_at = log.last;
            self.timers.arm(Timer::Check(key), self.now.mono + GRAFT_DELAY);
        }
    }

    /// The moment is over: if nothing came, the next neighbour that has more becomes the parent.
    pub(crate) fn check_progress(&mut self, key: LogKey) {
        let log = &self.logs[key];
        let (last, parent) = (log.last, log.parent);
        if log.fork.is_some_and(|fork| last + 1 >= fork.sequence) {
            return;
        }
        let stands = last == log.checked_at;
        if let Some(parent) = parent.filter(|_| stands) {
            self.on_silence(parent, key);
        }
        let have: BTreeSet<LinkId> =
            self.links.iter().filter(|(_, it)| it.has(key) > last).map(|(link, _)| *link).collect();
        let moves = !stands && parent.is_some_and(|parent| have.contains(&parent));
        if moves {
            self.logs[key].checked_at = last;
            self.timers.arm(Timer::Check(key), self.now.mono + GRAFT_DELAY);
            return;
        }
        let next = parent.and_then(|parent| have.range((Bound::Excluded(parent), Bound::Unbounded)).next());
        if let Some(link) = next.or_else(|| have.first()) {
            self.follow(*link, key);
        }
    }

    /// The parent brought nothing. If it was asked for what it claims to have and had nothing else to send, its claim is
    /// not believed any more, so that it keeps nobody from the place of the parent; too many such claims are an offence.
    fn on_silence(&mut self, link: LinkId, key: LogKey) {
        let id = self.logs[key].id;
        let (last, now) = (self.logs[key].last, self.now.mono);
        let Some(neighbour) = self.links.get_mut(&link) else { return };
        let busy = neighbour.wants.contains_key(&id) || now < neighbour.segment_at + WANT_TIMEOUT;
        let toward = neighbour.toward(key);
        if toward.has <= last || toward.came || busy {
            return;
        }
        toward.has = last;
        neighbour.broken += 1;
        if neighbour.broken >= MAX_BROKEN_CLAIMS {
            neighbour.broken = 0;
            self.offence(link, &format!("claims to have events of log {id} that do not come"));
        }
    }

    /// A connection is gone: its logs need another parent, what was asked of it another neighbour.
    pub(super) fn adopt_orphans(&mut self, link: LinkId) {
        let keys: Vec<LogKey> = self.logs.keys().filter(|key| self.logs[*key].parent == Some(link)).collect();
        for key in keys {
            self.logs[key].parent = None;
            self.timers.cancel(Timer::Check(key));
            self.check_progress(key);
        }
        let lost: Vec<LogId> =
            self.asked.iter().filter(|(_, asked)| asked.link == link).map(|(log, _)| *log).collect();
        self.ask_others(&lost);
        self.note_reach_of_all();
    }

    pub(crate) fn expire_asked(&mut self) {
        let now = self.now.mono;
        let late: Vec<LogId> =
            self.asked.iter().filter(|(_, asked)| asked.until <= now).map(|(log, _)| *log).collect();
        self.ask_others(&late);
        if let Some(next) = self.asked.values().map(|asked| asked.until).min() {
            self.timers.arm(Timer::Asked, next);
        }
    }

    /// Drops requests; every neighbour is asked who has these logs.
    fn ask_others(&mut self, logs: &[LogId]) {
        for log in logs {
            let link = self.asked.remove(log).map(|asked| asked.link);
            if let Some(neighbour) = link.and_then(|link| self.links.get_mut(&link)) {
                neighbour.asked -= 1;
            }
            if self.admits(log) {
                self.links.values_mut().for_each(|neighbour| neighbour.seek(log.owner));
            }
        }
    }

    /// Asks whoever brings the introducer's log for the candidate's; without one, everybody.
    pub(crate) fn seek(&mut self, candidate: NodeId, introducer: NodeId) {
        let key = self.owners.get(&introducer).and_then(|owner| owner.epochs.values().last());
        let parent = key.and_then(|key| self.logs[*key].parent);
        let direct = self.neighbours.get(&introducer).copied();
        match direct.or(parent).and_then(|link| self.links.get_mut(&link)) {
            Some(neighbour) => neighbour.seek(candidate),
            None => self.links.values_mut().for_each(|neighbour| neighbour.seek(candidate)),
        }
    }

    pub(crate) fn want(&mut self, link: LinkId, log: LogId, from: u64, follow: bool) {
        if let Some(neighbour) = self.links.get_mut(&link) {
            neighbour.prunes.remove(&log);
            neighbour.wants.insert(log, (from, follow));
            neighbour.busy = true;
        }
    }

    pub(crate) fn prune(&mut self, link: LinkId, log: LogId) {
        if let Some(neighbour) = self.links.get_mut(&link)
            && neighbour.prunes.len() < MAX_PRUNES
        {
            neighbour.wants.remove(&log);
            neighbour.prunes.insert(log);
            neighbour.busy = true;
        }
    }

    pub(super) fn on_want(&mut self, link: LinkId, want: &Want) {
        for want in &want.logs {
            let Some((_, key)) = self.known(&want.owner, &want.epoch).filter(|_| want.from > 0) else {
                return self.offence(link, "a request that names no log or no event");
            };
            if let (Some(key), Some(neighbour)) = (key, self.links.get_mut(&link)) {
                let toward = neighbour.toward(key);
                toward.has = want.from - 1;
                toward.follows |= want.follow;
                neighbour.push.insert(key);
                neighbour.busy = true;
                self.note_reach(key);
            }
        }
    }

    pub(super) fn on_prune(&mut self, link: LinkId, prune: &Prune) {
        for prune in &prune.logs {
            let Some((_, key)) = self.known(&prune.owner, &prune.epoch) else {
                return self.offence(link, "a prune that names no log");
            };
            if let (Some(key), Some(neighbour)) = (key, self.links.get_mut(&link)) {
                neighbour.toward(key).follows = false;
                neighbour.push.remove(&key);
                self.note_reach(key);
            }
        }
    }
}

impl Neighbour {
    fn seek(&mut self, owner: NodeId) {
        self.seeks.insert(owner);
        self.busy = true;
    }
}
