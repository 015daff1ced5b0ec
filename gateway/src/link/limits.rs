//! Every bound of links, streams and the proxy port, with its reason. docs/limits.md lists them for operators.

use std::time::Duration;

/// The longest hello of a link, bytes: a description has at most 4,736.
pub const MAX_HELLO_BYTES: usize = 8 * 1024;

/// The longest frame of the gossip, bytes.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// The longest secret of an invitation, bytes.
pub const MAX_INVITATION_BYTES: usize = 512;

/// Frames that wait to be written to one link: so many that [`FRAME_QUEUE_BYTES`] rules from 64 bytes a frame on. News
/// and credit come in many small ones.
pub const FRAME_QUEUE: usize = 16 * 1024;

/// Bytes of frames that wait to be written to one link: twice the credit of the gossip, so that the gossip's own flow
/// control rules and this bound only catches a mistake.
pub const FRAME_QUEUE_BYTES: usize = 1024 * 1024;

/// A dial may take this long in all, to the end of the TLS handshake.
pub const DIAL_LIMIT: Duration = Duration::from_secs(5);

/// The next address of a name is tried after this, when the one before has not answered (RFC 8305 says 250 ms).
pub const DIAL_STAGGER: Duration = Duration::from_millis(250);

/// Addresses of one name that are tried.
pub const MAX_DIAL_ADDRESSES: usize = 16;

/// Looking up a name may take this long.
pub const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

/// The exchange of hellos may take this long: several round trips on the worst path.
pub const HELLO_LIMIT: Duration = Duration::from_secs(5);

/// The second connection of a link follows the first within this time.
pub const PAIR_LIMIT: Duration = Duration::from_secs(10);

/// The first wait after a failed dial, at most.
pub const REDIAL_MIN: Duration = Duration::from_millis(200);

/// The longest wait between dials: an outage that ends is noticed soon, and a lasting one costs little.
pub const REDIAL_MAX: Duration = Duration::from_secs(5);

/// A link that lived this long was no failed attempt: the next wait is short again.
pub const REDIAL_RESET: Duration = Duration::from_secs(10);

/// QUIC handshakes of others under way at once. Beyond it they are refused.
pub const MAX_HANDSHAKES: usize = 256;

/// From here on whoever begins a handshake must first show, by a retry, that its address is its own.
pub const RETRY_HANDSHAKES: usize = 32;

/// Handshakes of one address under way at once: several bridges behind one NAT.
pub const MAX_HANDSHAKES_PER_ADDRESS: usize = 16;

/// Links of which the second connection has not come yet.
pub const MAX_HALF_LINKS: usize = 256;

/// The same, of one bridge.
pub const MAX_HALF_LINKS_PER_BRIDGE: usize = 4;

/// How often a link's round trip and losses are told.
pub const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// Streams of links that wait to be taken in.
pub const INCOMING_STREAMS: usize = 256;

/// The header of a stream must be there within this time.
pub const HEADER_LIMIT: Duration = Duration::from_secs(5);

/// Bounds of one link's streams.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// Streams that one link carries in each direction.
    pub streams_per_link: u32,
    /// Streams that QUIC allows beyond, so that the refusal is ours, with its reason: QUIC itself makes the opener wait
    /// in silence.
    pub streams_margin: u32,
    /// Waiting for QUIC's own stream limit of the other side.
    pub open_stream: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { streams_per_link: 8_192, streams_margin: 256, open_stream: Duration::from_secs(1) }
    }
}
