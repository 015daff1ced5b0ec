//! The policy of this bridge: in force at once, written when it may be.

use std::time::Duration;

use identity::NodeId;
use proto::log::v1::Kind;

use super::Local;
use crate::{Core, Policy, limits::POLICY_INTERVAL, timers::Timer};

/// What the log says of the policy, and since when. A fresh epoch says the default.
#[derive(Debug, Default)]
pub(super) struct LoggedPolicy {
    policy: Policy,
    at: Option<Duration>,
}

impl Local {
    /// What the log says.
    pub(crate) fn logged_policy(&self) -> &Policy {
        &self.logged_policy.policy
    }
}

impl Core {
    pub(crate) fn on_policy(&mut self, policy: Policy) {
        let before = std::mem::replace(&mut self.local.policy, policy);
        let policy = &self.local.policy;
        let differ = self.homes.keys().filter(|peer| policy.differs_for(&before, peer));
        self.changed_peers.extend(differ);
        self.plan_routes();
    }

    /// A bridge's log says another policy than `before`: what can be reached there is another.
    pub(crate) fn after_policy(&mut self, bridge: &NodeId, before: &Policy) {
        let Some(owner) = self.owners.get(bridge) else { return };
        let policy = &owner.fold.policy;
        let differ =
            owner.fold.peers.keys().filter(|peer| policy.export.allows(peer) != before.export.allows(peer));
        self.changed_peers.extend(differ);
    }

    /// States the policy in a fresh epoch.
    pub(crate) fn restate_policy(&mut self) {
        if self.local.policy != Policy::default() {
            self.log_policy();
        }
    }

    /// Writes a policy that the log does not say yet. Whoever changes it a thousand times in a row has few events
    /// written: the first at once, and the last.
    pub(super) fn reconcile_policy(&mut self) {
        if self.local.policy == self.local.logged_policy.policy {
            return;
        }
        let now = self.now.mono;
        let due = self.local.logged_policy.at.map_or(now, |at| at + POLICY_INTERVAL);
        if due > now || !self.may_write(0) {
            self.timers.arm(Timer::Local, due.max(now + POLICY_INTERVAL / 4));
            return;
        }
        self.log_policy();
    }

    fn log_policy(&mut self) {
        let policy = self.local.policy.clone();
        self.append(Kind::PolicyChanged, &policy.to_proto());
        self.local.logged_policy = LoggedPolicy { policy, at: Some(self.now.mono) };
    }
}
