//! What lies on the disk, and how far back it goes.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use super::gauge;
use crate::keeper::DiskUse;

/// Sizes, ages, and what retention dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct DiskMetrics {
    store_bytes: Gauge,
    logs_bytes: Gauge,
    journal_bytes: Gauge,
    logs_oldest: Gauge,
    journal_oldest: Gauge,
    logs_expired: Counter,
}

impl DiskMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("store_bytes", "Bytes that the store takes on the disk", self.store_bytes.clone());
        registry.register(
            "logs_bytes",
            "Bytes of the logs and their snapshots, before the store's own overhead",
            self.logs_bytes.clone(),
        );
        registry.register(
            "journal_bytes",
            "Bytes of the journal, before the store's own overhead",
            self.journal_bytes.clone(),
        );
        registry.register(
            "logs_oldest_timestamp_seconds",
            "When the oldest log that is kept began by its bridge's clock, seconds since 1970; 0 without any",
            self.logs_oldest.clone(),
        );
        registry.register(
            "journal_oldest_timestamp_seconds",
            "When the oldest record of the journal was written, seconds since 1970; 0 without any",
            self.journal_oldest.clone(),
        );
        registry.register(
            "logs_expired",
            "Logs dropped because all of their events were older than is kept",
            self.logs_expired.clone(),
        );
    }

    pub(crate) fn set(&self, disk: &DiskUse, expired: u64) {
        self.store_bytes.set(gauge(disk.store));
        self.logs_bytes.set(gauge(disk.logs));
        self.journal_bytes.set(gauge(disk.journal));
        self.logs_oldest.set(disk.logs_since_ms.unwrap_or(0) / 1_000);
        self.journal_oldest.set(disk.journal_since_ms.unwrap_or(0) / 1_000);
        self.logs_expired.inc_by(expired.saturating_sub(self.logs_expired.get()));
    }
}
