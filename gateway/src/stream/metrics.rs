//! What the data plane counts.

use std::time::Duration;

use identity::NodeId;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use proto::bridge::v1::Refusal;

use super::refusal::name_of;

/// Which way bytes went, seen from whoever opened the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Direction {
    /// From the caller towards the destination.
    Out,
    /// From the destination back to the caller.
    Back,
}

/// The label of counters of bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DirectionLabels {
    /// Which way.
    pub direction: Direction,
}

/// The label of counters of refusals.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefusalLabels {
    /// The refusal's name.
    pub reason: &'static str,
}

/// The label of what is said of one link.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LinkLabels {
    /// The other bridge.
    pub bridge: String,
}

/// Counters and gauges of links, streams and the proxy port. Clones share their values.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Links that are up.
    pub links_up: Gauge,
    /// Links that came up since the start.
    pub links_established: Counter,
    /// QUIC handshakes of others that are under way.
    pub handshakes: Gauge,
    /// QUIC handshakes that were refused: too many at once, not trusted, not ours.
    pub handshakes_refused: Counter,
    /// The round trip of each link that is up, microseconds.
    pub link_round_trip: Family<LinkLabels, Gauge>,
    /// Frames that a full queue to a link turned away.
    pub frames_busy: Counter,
    /// Streams that are open now.
    pub streams_open: Gauge,
    /// Streams opened since the start.
    pub streams_opened: Counter,
    /// Streams refused, by reason, here or further on the way.
    pub streams_refused: Family<RefusalLabels, Counter>,
    /// Streams that were refused by the best way and tried another.
    pub streams_rerouted: Counter,
    /// Streams whose reader does not read.
    pub streams_stalled: Gauge,
    /// Streams ended because their reader did not read.
    pub streams_shed: Counter,
    /// Bytes copied.
    pub bytes: Family<DirectionLabels, Counter>,
    /// Connections to the proxy port that have not finished their hello.
    pub half_open: Gauge,
    /// Half-open connections closed to make room for newer ones.
    pub half_open_shed: Counter,
}

impl Metrics {
    /// Names every metric in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("links_up", "Links that are up", self.links_up.clone());
        registry.register("links_established", "Links that came up", self.links_established.clone());
        registry.register("link_handshakes", "QUIC handshakes under way", self.handshakes.clone());
        registry.register(
            "link_handshakes_refused",
            "QUIC handshakes refused",
            self.handshakes_refused.clone(),
        );
        registry.register("link_round_trip_us", "Round trip of a link", self.link_round_trip.clone());
        registry.register("link_frames_busy", "Frames turned away by a full queue", self.frames_busy.clone());
        registry.register("streams_open", "Streams open now", self.streams_open.clone());
        registry.register("streams_opened", "Streams opened", self.streams_opened.clone());
        registry.register("streams_refused", "Streams refused, by reason", self.streams_refused.clone());
        registry.register(
            "streams_rerouted",
            "Streams that tried another way",
            self.streams_rerouted.clone(),
        );
        registry.register(
            "streams_stalled",
            "Streams whose reader does not read",
            self.streams_stalled.clone(),
        );
        registry.register("streams_shed", "Streams ended for not reading", self.streams_shed.clone());
        registry.register("stream_bytes", "Bytes copied", self.bytes.clone());
        registry.register("proxy_half_open", "Connections without a hello yet", self.half_open.clone());
        registry.register(
            "proxy_half_open_shed",
            "Half-open connections closed for room",
            self.half_open_shed.clone(),
        );
    }

    /// Counts a refusal.
    pub fn refused(&self, refusal: Refusal) {
        self.streams_refused.get_or_create(&RefusalLabels { reason: name_of(refusal) }).inc();
    }

    /// Notes the round trip of a link.
    pub(crate) fn round_trip(&self, bridge: NodeId, rtt: Duration) {
        let gauge = self.link_round_trip.get_or_create(&LinkLabels { bridge: bridge.to_string() });
        gauge.set(i64::try_from(rtt.as_micros()).unwrap_or(i64::MAX));
    }

    /// Forgets the round trip of a link that is down.
    pub(crate) fn forget(&self, bridge: NodeId) {
        self.link_round_trip.remove(&LinkLabels { bridge: bridge.to_string() });
    }
}

/// Raises a gauge for as long as it lives.
#[derive(Debug)]
pub(crate) struct Raised(Gauge);

impl Raised {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        self.0.dec();
    }
}
