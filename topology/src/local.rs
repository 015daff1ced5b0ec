//! What is so around this bridge, and what of it the log says. The difference is written when it may be.

mod links;
mod peers;
mod policy;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use identity::NodeId;
use proto::log::v1::{self, Kind};

use crate::{
    Core, Output, Policy, Start, Warning,
    limits::{
        MAX_LINKS_PER_BRIDGE, MAX_UNDURABLE_EVENTS, OWN_BURST_EVENTS, OWN_EVENTS_PER_MINUTE,
        OWN_RESERVE_EVENTS,
    },
    timers::Timer,
};

pub(crate) use links::LocalLink;
pub(crate) use peers::LocalPeer;
use policy::LoggedPolicy;

/// Local facts.
#[derive(Debug, Default)]
pub(crate) struct Local {
    pub(crate) peers: BTreeMap<NodeId, LocalPeer>,
    pub(crate) links: BTreeMap<NodeId, LocalLink>,
    pub(crate) trusted: BTreeSet<NodeId>,
    pub(crate) policy: Policy,
    logged_policy: LoggedPolicy,
    pub(crate) draining: bool,
    pub(crate) stopped: bool,
    /// Own events came back from a neighbour: somebody was told.
    pub(crate) recovered: bool,
    /// Facts that may differ from what the log says.
    dirty_peers: Waiting,
    dirty_links: BTreeSet<NodeId>,
    rate: Rate,
    /// The rate allows nothing before this time.
    hold_until: Duration,
    full: bool,
}

/// Peers in the order in which they changed, each once: ids can be chosen, so their order must not decide who waits.
#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<NodeId>,
    members: BTreeSet<NodeId>,
}

/// How many own events may be written.
#[derive(Debug, Default)]
struct Rate {
    used: u32,
    at: Duration,
}

impl Local {
    pub(crate) fn begin(&mut self, start: &Start) {
        self.trusted = start.trusted.iter().copied().take(MAX_LINKS_PER_BRIDGE).collect();
        self.policy = start.policy.clone();
    }

    /// A fresh epoch says nothing yet.
    pub(crate) fn forget_logged(&mut self) {
        self.logged_policy = LoggedPolicy::default();
        self.peers.values_mut().for_each(LocalPeer::forget_logged);
        self.links.values_mut().for_each(LocalLink::forget_logged);
        self.peers.keys().for_each(|id| self.dirty_peers.insert(*id));
        self.dirty_links.extend(self.links.keys());
    }
}

impl Waiting {
    fn insert(&mut self, id: NodeId) {
        if self.members.insert(id) {
            self.order.push_back(id);
        }
    }

    /// All that wait now, the first first.
    fn take(&mut self) -> VecDeque<NodeId> {
        self.members.clear();
        std::mem::take(&mut self.order)
    }
}

impl Rate {
    /// Takes one event's place unless only `reserve` places are left. Gives how long to wait if so.
    fn take(&mut self, reserve: u32, now: Duration) -> Result<(), Duration> {
        let step = Duration::from_secs(60) / OWN_EVENTS_PER_MINUTE;
        let back = now.saturating_sub(self.at).as_nanos() / step.as_nanos();
        let back = u32::try_from(back).unwrap_or(u32::MAX).min(self.used);
        self.used -= back;
        self.at = if self.used == 0 { now } else { self.at + step * back };
        if self.used + reserve >= OWN_BURST_EVENTS {
            return Err(step);
        }
        self.used += 1;
        Ok(())
    }
}

impl Core {
    /// Writes what differs, as far as the rate and the disk allow.
    pub(crate) fn reconcile(&mut self) {
        if self.own.is_none() || self.local.stopped {
            return;
        }
        self.reconcile_policy();
        self.reconcile_links();
        self.reconcile_peers();
    }

    /// Whether another own event may be written now; if not, arms the timer to try again.
    pub(crate) fn may_write(&mut self, reserve: u32) -> bool {
        if self.undurable() >= MAX_UNDURABLE_EVENTS {
            self.counts.deferred += 1;
            return false;
        }
        match self.local.rate.take(reserve, self.now.mono) {
            Ok(()) => true,
            Err(wait) => {
                self.counts.deferred += 1;
                self.local.hold_until = self.now.mono + wait;
                self.timers.arm(Timer::Local, self.now.mono + wait);
                false
            }
        }
    }

    pub(crate) fn on_trust(&mut self, bridge: NodeId, trusted: bool) {
        let changed = if trusted {
            self.local.trusted.len() < MAX_LINKS_PER_BRIDGE && self.local.trusted.insert(bridge)
        } else {
            self.local.trusted.remove(&bridge)
        };
        if changed {
            self.append(Kind::TrustChanged, &v1::TrustChanged { bridge: bridge.to_bytes(), trusted });
        }
        if !trusted && let Some(link) = self.neighbours.get(&bridge).copied() {
            let reason = "this bridge was taken off the trust list";
            self.close(link, proto::link::v1::Close::NotTrusted, reason);
        }
    }

    pub(crate) fn on_drain(&mut self, grace_ms: u32) {
        if !std::mem::replace(&mut self.local.draining, true) {
            self.append(Kind::BridgeDraining, &v1::BridgeDraining { grace_ms });
        }
    }

    pub(crate) fn on_stop(&mut self) {
        if !std::mem::replace(&mut self.local.stopped, true) {
            self.append(Kind::BridgeStopped, &v1::BridgeStopped {});
        }
    }

    /// A subject is damped from now on, which is itself a fact, though one that may go unsaid when too much is.
    fn log_damped(&mut self, subject: NodeId, reuse_at: Duration) {
        self.counts.damped += 1;
        self.timers.arm(Timer::Local, reuse_at);
        if !self.may_write(OWN_RESERVE_EVENTS) {
            return;
        }
        let millis = reuse_at.saturating_sub(self.now.mono).as_millis() as u64;
        let until = (u64::try_from(self.now.wall_ms).unwrap_or(0) + millis) << 16;
        self.append(Kind::Damped, &v1::Damped { subject: subject.to_bytes(), until });
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        self.out.push(Output::Warn(warning));
    }
}
