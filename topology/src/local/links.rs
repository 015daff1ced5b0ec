//! Links of this bridge: up, down, cost.

use std::time::Duration;

use identity::NodeId;
use prost::Message as _;
use proto::log::v1::{self, Kind};

use super::Local;
use crate::{Core, LinkId, cost::Cost, damping::Penalty, limits::LINK_SETTLE, timers::Timer};

/// The longest reason that is logged, bytes.
const MAX_REASON_BYTES: usize = 128;

/// One neighbour, linked or lately so.
#[derive(Debug, Default)]
pub(crate) struct LocalLink {
    /// The connection, while there is one.
    pub(crate) up: Option<LinkId>,
    /// The cost that the log says, if it says that the link is up.
    pub(crate) logged: Option<u64>,
    pub(crate) penalty: Penalty,
    cost: Cost,
    up_at: Duration,
    reason: String,
}

impl LocalLink {
    pub(crate) fn forget_logged(&mut self) {
        self.logged = None;
    }
}

impl Local {
    /// The links that the log calls up, as events.
    pub(crate) fn logged_links(&self) -> Vec<(Kind, Vec<u8>)> {
        let logged = self.links.iter().filter_map(|(bridge, link)| Some((bridge, link.logged?)));
        let up = |(bridge, cost_us): (&NodeId, u64)| v1::LinkUp { bridge: bridge.to_bytes(), cost_us };
        logged.map(|link| (Kind::LinkUp, up(link).encode_to_vec())).collect()
    }
}

impl Core {
    pub(crate) fn local_link_up(&mut self, bridge: NodeId, link: LinkId) {
        let now = self.now.mono;
        let entry = self.local.links.entry(bridge).or_default();
        let was_up = entry.up.replace(link).is_some();
        if !was_up {
            (entry.cost, entry.up_at) = (Cost::default(), now);
            if entry.penalty.hit(now) {
                let reuse_at = entry.penalty.reuse_at();
                self.log_damped(bridge, reuse_at);
            }
        }
        self.local.dirty_links.insert(bridge);
    }

    pub(crate) fn local_link_down(&mut self, bridge: NodeId, reason: String) {
        if let Some(entry) = self.local.links.get_mut(&bridge) {
            (entry.up, entry.reason) = (None, reason);
            self.local.dirty_links.insert(bridge);
        }
    }

    pub(crate) fn on_link_sample(&mut self, link: LinkId, rtt_us: u32, loss_ppm: u32) {
        let Some(bridge) = self.links.get(&link).map(|neighbour| neighbour.bridge) else { return };
        if let Some(entry) = self.local.links.get_mut(&bridge) {
            entry.cost.sample(rtt_us, loss_ppm);
            if entry.logged.is_none() || entry.cost.news(self.now.mono).is_some() {
                self.local.dirty_links.insert(bridge);
            }
        }
    }

    pub(super) fn reconcile_links(&mut self) {
        for bridge in std::mem::take(&mut self.local.dirty_links) {
            self.reconcile_link(bridge);
        }
    }

    fn reconcile_link(&mut self, bridge: NodeId) {
        let now = self.now.mono;
        let Some(entry) = self.local.links.get_mut(&bridge) else { return };
        let (up, logged) = (entry.up.is_some(), entry.logged.is_some());
        let wait = match (up && !logged, entry.penalty.is_damped(now), entry.cost.is_measured()) {
            (true, true, _) => entry.penalty.reuse_at(),
            (true, false, false) => entry.up_at + LINK_SETTLE,
            _ => now,
        };
        if wait > now {
            self.timers.arm(Timer::Local, wait);
            self.local.dirty_links.insert(bridge);
            return;
        }
        let news = entry.cost.news(now).filter(|_| up && logged);
        if up == logged && news.is_none() {
            if !up && entry.penalty.is_forgotten(now) {
                self.local.links.remove(&bridge);
            }
            return;
        }
        if news.is_some() && !self.may_write(crate::limits::OWN_RESERVE_EVENTS) {
            return;
        }
        self.log_link(bridge, news);
    }

    /// Writes that a link is up or down, or its new cost.
    fn log_link(&mut self, bridge: NodeId, news: Option<u64>) {
        let now = self.now.mono;
        let Some(entry) = self.local.links.get_mut(&bridge) else { return };
        let id = bridge.to_bytes();
        if news.is_some() || entry.up.is_some() {
            let cost_us = entry.cost.tell(now);
            let first = entry.logged.replace(cost_us).is_none();
            if first {
                self.append(Kind::LinkUp, &v1::LinkUp { bridge: id, cost_us });
            } else {
                self.append(Kind::LinkCost, &v1::LinkCost { bridge: id, cost_us });
            }
        } else {
            entry.logged = None;
            let reason = shortened(std::mem::take(&mut entry.reason));
            self.append(Kind::LinkDown, &v1::LinkDown { bridge: id, reason });
        }
    }
}

fn shortened(mut reason: String) -> String {
    let mut end = MAX_REASON_BYTES.min(reason.len());
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.truncate(end);
    reason
}
