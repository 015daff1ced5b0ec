//! What a peer counts. Recorded at the edges; the core returns facts.

use std::sync::Arc;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use runtime::metrics::{Reading, read_while_alive};
use storage::Store;

/// Counters of one peer. Clones count into the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics(Arc<Inner>);

#[derive(Debug, Default)]
pub(crate) struct Inner {
    /// Own messages that became durable here.
    pub(crate) stored_out: Counter,
    /// Messages of others that became durable here.
    pub(crate) stored_in: Counter,
    /// Own messages that were refused before they were stored.
    pub(crate) rejected: Counter,
    pub(crate) queued: Gauge,
    pub(crate) sessions: Gauge,
    pub(crate) dials: Family<Outcome, Counter>,
    pub(crate) session_ends: Family<Outcome, Counter>,
    pub(crate) store_failures: Counter,
    pub(crate) commits: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Outcome {
    pub(crate) outcome: &'static str,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("peer");
        let inner = &self.0;
        registry.register("messages_out", "Own messages stored here", inner.stored_out.clone());
        registry.register("messages_in", "Messages of others stored here", inner.stored_in.clone());
        registry.register("messages_rejected", "Own messages that were not taken", inner.rejected.clone());
        registry.register("messages_queued", "Messages that wait for their peers", inner.queued.clone());
        registry.register("sessions", "Open sessions", inner.sessions.clone());
        registry.register("dials", "Attempts to reach a peer, by outcome", inner.dials.clone());
        registry.register("session_ends", "Sessions that ended, by cause", inner.session_ends.clone());
        registry.register("store_failures", "Appends that failed", inner.store_failures.clone());
        registry.register("commits", "Appends that succeeded", inner.commits.clone());
    }

    pub(crate) fn dial(&self, outcome: &'static str) {
        self.0.dials.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn session_end(&self, outcome: &'static str) {
        self.0.session_ends.get_or_create(&Outcome { outcome }).inc();
    }
}

/// What the store counts for itself.
pub(crate) fn read_store(registry: &mut Registry, store: &Arc<Store>) {
    // The store closes with its last user, and that is not the metrics port.
    read_while_alive(registry, store, |store| {
        let metrics = store.metrics();
        Reading::all(metrics.counters(), metrics.gauges())
    });
}

impl std::ops::Deref for Metrics {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
