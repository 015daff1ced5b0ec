//! What discovery counts. Recorded at the edges; the pure table returns facts.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Counters of one node's discovery. Clones count into the same.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sightings: Family<SightingLabels, Counter>,
    dropped: Family<ReasonLabels, Counter>,
    greetings: Family<ReasonLabels, Counter>,
    table: Family<TableLabels, Gauge>,
    time_to_discover: Histogram,
    time_to_expire: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SightingLabels {
    source: &'static str,
    interface: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabels {
    table: &'static str,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            sightings: Family::default(),
            dropped: Family::default(),
            greetings: Family::default(),
            table: Family::default(),
            time_to_discover: Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]),
            time_to_expire: Histogram::new([1.0, 5.0, 10.0, 14.0, 15.0, 15.5, 16.0, 20.0, 30.0]),
        }
    }
}

impl Metrics {
    /// Makes the counters visible.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("discovery");
        let inner = &self.0;
        let sightings = inner.sightings.clone();
        registry.register("sightings", "Announcements taken in, by source and interface", sightings);
        registry.register("dropped", "What was heard but not taken in, by reason", inner.dropped.clone());
        registry.register("greetings", "Greetings sent and refused, by outcome", inner.greetings.clone());
        registry.register("table_size", "Entries of each bounded table", inner.table.clone());
        registry.register(
            "time_to_discover_seconds",
            "From the start of this node, or of an interface, to the first hearing of a node that answered",
            inner.time_to_discover.clone(),
        );
        registry.register(
            "time_to_expire_seconds",
            "From the last hearing of a node that fell silent to its removal",
            inner.time_to_expire.clone(),
        );
    }

    pub(crate) fn sighting(&self, source: &'static str, interface: &str) {
        let labels = SightingLabels { source, interface: interface.into() };
        self.0.sightings.get_or_create(&labels).inc();
    }

    pub(crate) fn dropped(&self, reason: &'static str) {
        self.0.dropped.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn greeting_refused(&self, reason: &'static str) {
        self.0.greetings.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn greeting_sent(&self, outcome: &'static str) {
        self.0.greetings.get_or_create(&ReasonLabels { reason: outcome }).inc();
    }

    pub(crate) fn table(&self, table: &'static str, entries: usize) {
        let entries = i64::try_from(entries).unwrap_or(i64::MAX);
        self.0.table.get_or_create(&TableLabels { table }).set(entries);
    }

    pub(crate) fn discovered(&self, after: Duration) {
        self.0.time_to_discover.observe(after.as_secs_f64());
    }

    pub(crate) fn expired(&self, after: Duration) {
        self.0.time_to_expire.observe(after.as_secs_f64());
    }

    /// How many greetings of others had this outcome. For tests and for people who look.
    pub fn greetings_so_far(&self, outcome: &'static str) -> u64 {
        self.0.greetings.get_or_create(&ReasonLabels { reason: outcome }).get()
    }

    /// How often something was dropped for this reason. For tests and for people who look.
    pub fn dropped_so_far(&self, reason: &'static str) -> u64 {
        self.0.dropped.get_or_create(&ReasonLabels { reason }).get()
    }
}
