//! What is counted.

use std::collections::BTreeMap;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// The metrics of a dispatcher. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    peers: Family<State, Gauge>,
    /// People who wait for a peer.
    pub(crate) waiting: Gauge,
    /// Logins that led to a peer.
    pub(crate) logins: Counter,
    /// Logins that were refused since one address asked too often.
    pub(crate) limited: Counter,
    /// Peers that became somebody's.
    pub(crate) claims: Counter,
    /// Peers that did not start, stop, or answer.
    pub(crate) failures: Counter,
    /// Requests that were passed on to pages of peers.
    pub(crate) passed_on: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: String,
}

const STATES: [&str; 6] = ["starting", "vacant", "held", "asleep", "stopping", "broken"];

impl Metrics {
    /// Makes them known under the prefix `dispatcher`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("dispatcher");
        registry.register("peers", "Kept peers, by state", self.peers.clone());
        registry.register("waiting", "People who wait for a peer", self.waiting.clone());
        registry.register("logins", "Logins that led to a peer", self.logins.clone());
        let limited = "Logins refused since one address asked too often";
        registry.register("limited_logins", limited, self.limited.clone());
        registry.register("claims", "Peers that became somebody's", self.claims.clone());
        registry.register("failures", "Peers that did not start, stop or answer", self.failures.clone());
        registry.register("passed_on", "Requests passed on to pages of peers", self.passed_on.clone());
    }

    pub(crate) fn set_states(&self, counts: &BTreeMap<&'static str, i64>) {
        for state in STATES {
            let count = counts.get(state).copied().unwrap_or(0);
            self.peers.get_or_create(&State { state: state.to_owned() }).set(count);
        }
    }
}
