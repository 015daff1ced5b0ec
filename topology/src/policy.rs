//! Which peers are reachable across a bridge.

use std::collections::BTreeSet;

use identity::NodeId;
use proto::log::v1;

use crate::limits::MAX_POLICY_IDS;

/// Limits reachability, not visibility. The default lets everybody through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Peers of the bridge's network that others may reach.
    pub export: Rule,
    /// Remote peers that the bridge's network may reach.
    pub import: Rule,
}

/// Everybody but some, or nobody but some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What happens to ids that are not listed.
    pub allow_others: bool,
    /// The exceptions, at most [`MAX_POLICY_IDS`]; further ones are cut off.
    pub except: BTreeSet<NodeId>,
}

impl Rule {
    /// Whether the rule lets this peer through.
    pub fn allows(&self, peer: &NodeId) -> bool {
        self.allow_others != self.except.contains(peer)
    }

    fn to_proto(&self) -> v1::Rule {
        let except = self.except.iter().take(MAX_POLICY_IDS).map(|id| id.to_bytes()).collect();
        v1::Rule { allow_others: self.allow_others, except }
    }

    fn from_proto(rule: Option<&v1::Rule>) -> Self {
        rule.map_or_else(Self::default, |rule| Self {
            allow_others: rule.allow_others,
            except: rule
                .except
                .iter()
                .take(MAX_POLICY_IDS)
                .filter_map(|id| NodeId::try_from(id).ok())
                .collect(),
        })
    }
}

impl Default for Rule {
    fn default() -> Self {
        Self { allow_others: true, except: BTreeSet::new() }
    }
}

impl Policy {
    /// As a message.
    pub fn to_proto(&self) -> v1::Policy {
        v1::Policy { export: Some(self.export.to_proto()), import: Some(self.import.to_proto()) }
    }

    /// Whether one of the two treats a peer other than the other one does.
    pub(crate) fn differs_for(&self, other: &Self, peer: &NodeId) -> bool {
        self.export.allows(peer) != other.export.allows(peer)
            || self.import.allows(peer) != other.import.allows(peer)
    }

    /// From a message; an absent rule lets everybody through, ids of a wrong length are left out.
    pub fn from_proto(policy: &v1::Policy) -> Self {
        Self {
            export: Rule::from_proto(policy.export.as_ref()),
            import: Rule::from_proto(policy.import.as_ref()),
        }
    }
}
