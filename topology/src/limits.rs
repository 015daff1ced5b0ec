//! Every bound of the crate, in one place; docs/limits.md is made from it.

use std::time::Duration;

/// The largest encoded event: the largest description and announcement (5,248 bytes) fit, with room for later fields.
/// Storage keeps it as two values, of at most 6 KiB each.
pub const MAX_EVENT_BYTES: usize = 7_168;
/// The most events of a segment. It also bounds the proof of a fork.
pub const MAX_SEGMENT_EVENTS: usize = 64;
/// The most event bytes of a segment, so that it fits a frame.
pub const MAX_SEGMENT_BYTES: usize = 48 * 1024;
/// An owner signs a head after this many event bytes at the latest; with one more event it stays below
/// [`MAX_SEGMENT_BYTES`].
pub const SIGN_EVERY_BYTES: usize = 32 * 1024;
/// The largest encoded frame.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;
/// What may be under way on one link: sent and not yet dealt with by the other side.
pub const LINK_WINDOW_BYTES: u64 = 512 * 1024;
/// A receiver grants new credit after this much.
pub const ACK_EVERY_BYTES: u64 = LINK_WINDOW_BYTES / 8;
/// Logs named in one frame of digest or news.
pub const MAX_HELD_PER_FRAME: usize = 400;
/// Logs named in one frame that asks or prunes.
pub const MAX_ASKED_PER_FRAME: usize = 256;
/// Buckets of the comparison of heads.
pub const COMPARE_BUCKETS: usize = 32;

/// Links of one bridge that count. Further claims in its log are ignored and the bridge is named.
pub const MAX_LINKS_PER_BRIDGE: usize = 64;
/// Bridges known at once, in all states.
pub const MAX_BRIDGES: usize = 4_096;
/// Bridges that were first admitted through one neighbour.
pub const MAX_BRIDGES_PER_NEIGHBOUR: usize = MAX_BRIDGES / 2;
/// Candidates (introduced by one end of a link, not yet confirmed by the other) of one introducer at a time.
pub const MAX_CANDIDATES_PER_INTRODUCER: usize = 16;
/// How long a candidate may take to confirm its link before another one gets its place.
pub const CANDIDATE_TIME: Duration = Duration::from_secs(30);
/// How long a candidate that did not confirm is not tried again.
pub const CANDIDATE_PAUSE: Duration = Duration::from_secs(300);
/// Event bytes of a candidate's log that are taken before it confirmed its link.
pub const MAX_CANDIDATE_BYTES: u64 = 16 * 1024 * 1024;
/// Bridges of one introducer that are kept although no confirmed link leads to them any more.
pub const MAX_UNREACHABLE_PER_INTRODUCER: usize = 64;
/// Epochs of one bridge that are kept. The journal's record of a start names each log in 91 bytes and may have 256 KiB,
/// so 8 allow 360 bridges with as many restarts before a run goes without a journal; 32 would allow 90.
pub const MAX_EPOCHS_PER_BRIDGE: usize = 8;
/// Proven forks that are remembered.
pub const MAX_FORKS: usize = 256;
/// Fork proofs in one epoch of an accuser that count: two for each fork that is remembered.
pub const MAX_FORKS_PER_BRIDGE: usize = 2 * MAX_FORKS;
/// Foreign event bytes accepted and not yet reported durable, over all logs.
pub const MAX_UNSTORED_BYTES: usize = 32 * 1024 * 1024;
/// Sustained growth of one foreign log that is taken, bytes per second.
pub const FOREIGN_BYTES_PER_SECOND: u64 = 16 * 1024;
/// Growth of one foreign log that is taken at once.
pub const FOREIGN_BURST_BYTES: u64 = 256 * 1024 * 1024;
/// Event bytes of all foreign logs together; half of it for what came through one neighbour.
pub const MAX_FOREIGN_BYTES: u64 = 64 * 1024 * 1024 * 1024;
/// Frames that do not verify before a link is closed.
pub const MAX_OFFENCES: u32 = 4;

/// Local peers of a bridge, and peers that count in a foreign log.
pub const MAX_PEERS_PER_BRIDGE: usize = 4_096;
/// Peers that left and are still remembered, per bridge.
pub const MAX_LEFT_PER_BRIDGE: usize = 1_024;
/// Homes of one peer that are looked at.
pub const MAX_CLAIMS_PER_PEER: usize = 16;
/// Ids in one rule of a policy.
pub const MAX_POLICY_IDS: usize = 64;
/// Links that a stream may cross.
pub const MAX_HOPS: usize = 8;
/// Peers whose signatures are checked in one call of the core, about 0.15 ms each.
pub const MAX_CHECKS_PER_CALL: usize = 64;

/// Own events written at once. Reserve for links and departures included.
pub const OWN_BURST_EVENTS: u32 = 4_608;
/// Of the burst, what only links, departures and the bridge's own state may use.
pub const OWN_RESERVE_EVENTS: u32 = 512;
/// Own events per minute in the long run: at 2 KiB each 350 MB a day at the very most.
pub const OWN_EVENTS_PER_MINUTE: u32 = 120;
/// Own events that are not yet durable; beyond it nothing new is written until storage catches up.
pub const MAX_UNDURABLE_EVENTS: usize = 8_192;

/// The bridge's policy is logged at most once in this time; what changed meanwhile goes into one event. An event of 128
/// ids has 4.4 KiB, and neighbours take [`FOREIGN_BYTES_PER_SECOND`] in the long run.
pub const POLICY_INTERVAL: Duration = Duration::from_secs(1);
/// The least change of a link's cost that is logged, in quanta of a quarter power of two.
pub const COST_HYSTERESIS_QUANTA: u32 = 2;
/// A link's cost is logged at most once in this time (the first measurement excepted).
pub const COST_INTERVAL: Duration = Duration::from_secs(30);
/// A link's coming up waits this long for the first measurement, so that one event says both.
pub const LINK_SETTLE: Duration = Duration::from_millis(50);
/// The cost of a link before it was measured, microseconds.
pub const UNMEASURED_COST_US: u64 = 50_000;
/// The largest cost of a link, microseconds.
pub const MAX_COST_US: u64 = 60_000_000;

/// Each coming up of a peer or link adds this to its penalty.
pub const FLAP_PENALTY: u32 = 1_000;
/// From this penalty on it is damped: six times up in a short while.
pub const DAMP_ABOVE: u32 = 5_500;
/// Below this penalty it is logged again.
pub const REUSE_BELOW: u32 = 2_000;
/// Penalties never exceed this: a damping ends after three half-lives at the latest.
pub const MAX_PENALTY: u32 = 12_000;
/// The penalty halves in this time.
pub const PENALTY_HALF_LIFE: Duration = Duration::from_secs(60);

/// Neighbours' heads are witnessed at most once in this time.
pub const WITNESS_INTERVAL: Duration = Duration::from_secs(60);
/// A checkpoint follows after this many own events.
pub const CHECKPOINT_EVERY: u64 = 512;
/// Events of a log between two snapshots of what they fold to: folding so many takes about 10 ms, and a snapshot of
/// 1,000 peers has 0.7 MB.
pub const SNAPSHOT_EVERY: u64 = 16_384;
/// The least age at which the own log begins anew, so that older ones can go.
pub const MIN_RENEWAL: Duration = Duration::from_secs(60);
/// A log that said fewer new things since it began does not begin anew: nothing would be won.
pub const RENEWAL_EVENTS: u64 = 16;
/// The longest time between two looks at which logs have had their time.
pub const RETENTION_CHECK: Duration = Duration::from_secs(60);
/// The least time between two epochs opened by one process.
pub const REOPEN_INTERVAL: Duration = Duration::from_secs(60);

/// A remote event's time moves our hybrid time at most this far beyond our wall clock, milliseconds.
pub const MAX_CLOCK_PULL_MS: u64 = 5_000;
/// A neighbour's clock that differs more is warned about, milliseconds.
pub const SKEW_WARNING_MS: i64 = 10_000;

/// The time between two comparisons of heads with a neighbour.
pub const COMPARE_INTERVAL: Duration = Duration::from_secs(10);
/// News for neighbours outside the tree are collected this long.
pub const HAVE_DELAY: Duration = Duration::from_millis(20);
/// That a log has come to everybody below is told to its parent after this: several reports cost one message.
pub const REACH_DELAY: Duration = Duration::from_millis(20);
/// Own events, by the time at which they became durable, of which it is remembered that not all bridges hold them.
pub const MAX_UNREACHED: usize = 256;
/// How long the parent in the tree has, once a neighbour said that there is more.
pub const GRAFT_DELAY: Duration = Duration::from_millis(400);
/// A request that brought nothing is sent elsewhere after this time.
pub const WANT_TIMEOUT: Duration = Duration::from_secs(1);
/// The least time between two computations of routes.
pub const ROUTE_INTERVAL: Duration = Duration::from_millis(50);

/// The largest item of an exported file: the largest record of a journal, 256 KiB, with room to spare.
pub const MAX_EXPORT_ITEM_BYTES: usize = 320 * 1024;
/// The largest exported file that is read, bytes. It is held in memory.
pub const MAX_EXPORT_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Events about a peer in the answer to why it is known.
pub const WHY_EVENTS: usize = 20;
/// Slices of time in which events are counted, if nobody says how many.
pub const DENSITY_SLICES: u32 = 200;
/// The most of them.
pub const MAX_DENSITY_SLICES: u32 = 1_000;
/// Rows of what was worst, in statistics.
pub const WORST_ROWS: usize = 20;
