//! Numbers that somebody else keeps, read at each scrape.

use std::{fmt, sync::Arc};

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

/// The same of something that this does not keep alive; nothing is told once it is gone.
pub fn read_while_alive<T: Send + Sync + 'static>(
    registry: &mut Registry,
    source: &Arc<T>,
    read: impl Fn(&T) -> Vec<Reading> + Send + Sync + 'static,
) {
    let source = Arc::downgrade(source);
    read_at_scrape(registry, move || source.upgrade().map(|source| read(&source)).unwrap_or_default());
}

impl Reading {
    /// Numbers that only grow, then such as go up and down; each with its name and what it says.
    pub fn all(
        counters: impl IntoIterator<Item = (&'static str, &'static str, u64)>,
        gauges: impl IntoIterator<Item = (&'static str, &'static str, u64)>,
    ) -> Vec<Self> {
        let counters = counters.into_iter().map(|(name, help, value)| Self::counter(name, help, value));
        let gauges = gauges.into_iter().map(|(name, help, value)| Self::gauge(name, help, value));
        counters.chain(gauges).collect()
    }

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
