//! A link that this side is to keep up.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use identity::NodeId;
use tokio_util::sync::CancellationToken;

use super::{Live, Shared};
use crate::link::{Introduction, LinkState, LinkStatus, LinkTarget};

/// A target and how the tries for it go.
pub(in crate::link) struct Wanted {
    target: LinkTarget,
    /// Cancelled when the target is removed or replaced.
    ended: CancellationToken,
    state: LinkState,
    since: SystemTime,
    reason: String,
    last: Option<Introduction>,
}

/// Whether a target is to be dialled now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::link) enum Readiness {
    Dial,
    Up,
    Untrusted,
}

impl Wanted {
    pub(super) fn host_port(&self) -> &str {
        &self.target.host_port
    }

    pub(super) fn last_seen(&mut self, introduction: Introduction) {
        self.last = Some(introduction);
    }

    pub(super) fn status(&self, bridge: NodeId) -> LinkStatus {
        LinkStatus {
            bridge,
            address: self.target.host_port.clone(),
            state: self.state,
            since: self.since,
            reason: self.reason.clone(),
            configured: true,
            dialled: false,
            connection: None,
            description: self.last.as_ref().map(|last| last.description.clone()),
            network: self.last.as_ref().map(|last| last.network.clone()),
            rtt: Duration::ZERO,
            bytes_in: 0,
            bytes_out: 0,
        }
    }
}

impl Shared {
    /// Notes a target. `None` when the same one is there already.
    pub(in crate::link) fn want(&self, target: &LinkTarget) -> Option<CancellationToken> {
        let mut state = self.state();
        if state.wanted.get(&target.id).is_some_and(|wanted| wanted.target == *target) {
            return None;
        }
        let ended = self.group.token().child_token();
        let wanted = Wanted {
            target: target.clone(),
            ended: ended.clone(),
            state: LinkState::Connecting,
            since: SystemTime::now(),
            reason: "the first try is under way".into(),
            last: None,
        };
        if let Some(old) = state.wanted.insert(target.id, wanted) {
            old.ended.cancel();
        }
        Some(ended)
    }

    /// Stops dialling, and closes what this side dialled.
    pub(in crate::link) fn remove_target(&self, bridge: NodeId) {
        let mut state = self.state();
        if let Some(wanted) = state.wanted.remove(&bridge) {
            wanted.ended.cancel();
        }
        if let Some(live) = state.live.get(&bridge).filter(|live| live.was_dialled()) {
            live.close(proto::link::v1::Close::Unspecified, "the link was removed");
        }
    }

    pub(in crate::link) fn readiness(&self, bridge: NodeId) -> Readiness {
        if self.state().live.get(&bridge).is_some_and(Live::is_open) {
            Readiness::Up
        } else if self.is_trusted(bridge) {
            Readiness::Dial
        } else {
            Readiness::Untrusted
        }
    }

    /// Notes how the tries for a target go. The time counts from the last change of state.
    pub(in crate::link) fn note(&self, bridge: NodeId, to: LinkState, reason: &str) {
        if let Some(wanted) = self.state().wanted.get_mut(&bridge) {
            if wanted.state != to {
                wanted.state = to;
                wanted.since = SystemTime::now();
            }
            reason.clone_into(&mut wanted.reason);
        }
    }

    /// The other side trusts this one now: an invitation has done its work, and is shown to nobody again.
    pub(in crate::link) fn forget_invitation(&self, bridge: NodeId) {
        if let Some(wanted) = self.state().wanted.get_mut(&bridge) {
            wanted.target.invitation = None;
        }
    }

    /// The invitation to show, while there is one.
    pub(in crate::link) fn invitation(&self, bridge: NodeId) -> Option<Bytes> {
        self.state().wanted.get(&bridge)?.target.invitation.clone()
    }
}
