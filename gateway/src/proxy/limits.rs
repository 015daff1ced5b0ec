//! The proxy's bounds, with their reasons.

use std::time::Duration;

/// The longest TLS hello that is read, bytes. A post-quantum one has about 1,600.
pub const MAX_HELLO_BYTES: usize = 16 * 1024;

/// Addresses of one peer that are dialled.
pub const MAX_PEER_ADDRESSES: usize = 8;

/// How long the last bytes before a refused connection closes may take to be taken.
pub const REFUSAL_LINGER: Duration = Duration::from_millis(500);

/// Bounds that an operator may change.
#[derive(Debug, Clone)]
pub struct ProxyLimits {
    /// A caller's TLS hello must be complete within this time.
    pub hello: Duration,
    /// Connections whose hello is not complete. One more closes the oldest.
    pub half_open: usize,
    /// The same, of one address: one more closes that address's oldest.
    pub half_open_per_address: usize,
    /// Connections to the proxy port.
    pub connections: usize,
    /// The same, of one address: several people on one machine, and the NAT in front of a swarm.
    pub connections_per_address: usize,
    /// Streams, whether of callers or of links.
    pub streams: usize,
    /// The same, to one peer.
    pub streams_per_peer: usize,
    /// How long a local peer may take to accept a connection.
    pub peer_dial: Duration,
    /// A stream whose reader takes nothing of what waits for it is ended after this: a laptop that sleeps comes back with
    /// a new connection anyway. What waits is one batch, at most 200 KiB, so 2 KiB a second are enough to live on.
    pub stall: Duration,
}

impl Default for ProxyLimits {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(5),
            half_open: 2_048,
            half_open_per_address: 1_024,
            connections: 16_384,
            connections_per_address: 4_096,
            streams: 32_768,
            streams_per_peer: 4_096,
            peer_dial: Duration::from_millis(2_500),
            stall: Duration::from_secs(120),
        }
    }
}
