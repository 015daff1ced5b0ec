//! Numbers that somebody else keeps, read at each scrape.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

/// A number as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    name: &'static str,
    help: &'static str,
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Counter(u64),
    Gauge(u64),
}

/// Registers what `read` gives whenever somebody scrapes.
pub fn read_at_scrape(registry: &mut Registry, read: impl Fn() -> Vec<Reading> + Send + Sync + 'static) {
    registry.register_collector(Box::new(Readings(read)));
}

impl Reading {
    /// A number that only grows.
    pub const fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { name, help, value: Value::Counter(value) }
    }

    /// A number that goes up and down.
    pub const fn gauge(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { name, help, value: Value::Gauge(value) }
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        match self.value {
            Value::Counter(value) => self.encode_as(&ConstCounter::new(value), encoder),
            Value::Gauge(value) => {
                self.encode_as(&ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)), encoder)
            }
        }
    }

    fn encode_as(
        &self,
        metric: &impl EncodeMetric,
        encoder: &mut DescriptorEncoder<'_>,
    ) -> Result<(), fmt::Error> {
        metric.encode(encoder.encode_descriptor(self.name, self.help, None, metric.metric_type())?)
    }
}

struct Readings<F>(F);

impl<F: Fn() -> Vec<Reading> + Send + Sync + 'static> Collector for Readings<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        (self.0)().iter().try_for_each(|reading| reading.encode(&mut encoder))
    }
}

impl<F> fmt::Debug for Readings<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readings").finish_non_exhaustive()
    }
}
