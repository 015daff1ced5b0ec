//! What is simulated.

use std::time::Duration;

use crate::{Retention, limits};

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Everything random follows from it.
    pub seed: u64,
    /// Number of bridges.
    pub bridges: usize,
    /// Links per bridge: each bridge dials half as many (at least one) earlier ones.
    pub degree: usize,
    /// One-way delay of a link: at least, at most.
    pub latency: (Duration, Duration),
    /// Frames per million that need a retransmission.
    pub loss_ppm: u32,
    /// Bytes per second of a link.
    pub rate: u64,
    /// From writing to durable.
    pub store_delay: Duration,
    /// How long a bridge takes to notice a dead link.
    pub detect: Duration,
    /// Each bridge has a peer from the start.
    pub peers: bool,
    /// Keep the journals, for replay.
    pub journals: bool,
    /// The cores' [`Config::snapshot_every`](crate::Config::snapshot_every).
    pub snapshot_every: u64,
    /// The cores' [`Config::route_interval`](crate::Config::route_interval).
    pub route_interval: Duration,
    /// The [`Config::retention`](crate::Config::retention) of each bridge, by its number.
    pub retention: fn(usize) -> Option<Retention>,
    /// Frames go through their encoding, as on a real link; otherwise only their size is computed.
    pub encode: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            bridges: 3,
            degree: 4,
            latency: (Duration::from_millis(5), Duration::from_millis(50)),
            loss_ppm: 10_000,
            rate: 10_000_000,
            store_delay: Duration::from_millis(3),
            detect: Duration::from_secs(1),
            peers: true,
            journals: false,
            snapshot_every: 0,
            route_interval: limits::ROUTE_INTERVAL,
            retention: |_| None,
            encode: true,
        }
    }
}
