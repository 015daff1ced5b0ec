//! Every bound of the bridge apart from the links' own (`link::limits`) and the core's (`topology::limits`).
//!
//! Each is a named constant with its unit and its reason; docs/limits.md lists them for operators.

use std::time::Duration;

/// Inputs that wait for the actor from local sources (registrations, discovery, commands). A full queue makes the
/// sender wait, and a registration then fails with its own time limit.
pub const ACTOR_QUEUE: usize = 1024;

/// Events of links that wait for the actor. Links stop reading while it is full, which is QUIC's flow control.
pub const LINK_EVENT_QUEUE: usize = 1024;

/// Inputs handled between two publications of the view: a burst costs one publication.
pub const INPUTS_PER_TURN: usize = 64;

/// How long a registration lives without renewal.
pub const REGISTRATION_LEASE: Duration = Duration::from_secs(15);

/// How long whoever wants to reach a peer that sleeps waits for it.
pub const WAKE_LIMIT: Duration = Duration::from_secs(15);

/// Peers that are being woken.
pub const MAX_WAKES: usize = 64;

/// Local peers that the bridge keeps, registered and heard together. One more is refused.
pub const MAX_LOCAL_PEERS: usize = 4_096;

/// Addresses kept for one local peer: a laptop with cable, wireless and both families has four.
pub const MAX_ADDRESSES_PER_PEER: usize = 8;

/// Registrations from one address: several people on one machine, and room for NAT in front of a swarm.
pub const MAX_REGISTRATIONS_PER_ADDRESS: usize = 1_024;

/// How many peers a bridge serves.
#[derive(Debug, Clone, Copy)]
pub struct PeerLimits {
    /// Local peers; [`MAX_LOCAL_PEERS`].
    pub local: usize,
    /// Registrations from one address; [`MAX_REGISTRATIONS_PER_ADDRESS`].
    pub registrations_per_address: usize,
}

impl Default for PeerLimits {
    fn default() -> Self {
        Self { local: MAX_LOCAL_PEERS, registrations_per_address: MAX_REGISTRATIONS_PER_ADDRESS }
    }
}

/// Descriptions, and as many announcements, whose signatures are remembered as good; about 3 KiB each.
pub const VERIFIED_RECORDS: usize = 8_192;

/// Requests to the control port from one address: at once, and per second. A machine with a thousand peers, each of
/// which renews its registration every 5 s, needs 200 per second.
pub const CONTROL_RATE_PER_ADDRESS: (f64, f64) = (1_000.0, 400.0);

/// The same of one node: at once, and per second.
pub const CONTROL_RATE_PER_NODE: (f64, f64) = (100.0, 10.0);

/// Addresses, and nodes, whose rates are remembered; idle ones make room.
pub const MAX_RATE_ENTRIES: usize = 4_096;

/// Followers at once; each costs a queue.
pub const MAX_FOLLOWERS: usize = 4_096;

/// Followers of one node at once: a reconnecting peer may briefly have two.
pub const MAX_FOLLOWERS_PER_NODE: usize = 4;

/// Changes that wait for the slowest follower, shared by all. A follower that falls further behind is given everything
/// anew, so memory stays bounded and nothing is missed.
pub const CHANGES_QUEUE: usize = 1_024;

/// Messages under way to one follower's connection.
pub const FOLLOWER_CHANNEL: usize = 16;

/// Refusals remembered for Explain; the oldest makes room.
pub const MAX_REFUSALS: usize = 1_024;

/// Peers that left and are still told apart from unknown ones; the oldest makes room.
pub const MAX_GONE: usize = 4_096;

/// How long a remembered refusal is told: whoever was refused asks at once.
pub const REFUSAL_MEMORY: Duration = Duration::from_secs(60);

/// Warnings kept for Status; the oldest makes room.
pub const MAX_WARNINGS: usize = 64;

/// How long a warning of which nothing more is heard is shown.
pub const WARNING_MEMORY: Duration = Duration::from_secs(3_600);

/// Bridges on the trust list.
pub const MAX_TRUSTED: usize = 1_024;

/// Configured links.
pub const MAX_LINKS: usize = 256;

/// Invitations that are open or were used and are remembered for a good answer.
pub const MAX_INVITATIONS: usize = 64;

/// The longest that an invitation may be good for.
pub const MAX_INVITATION: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long an invitation is good for when nobody said.
pub const DEFAULT_INVITATION: Duration = Duration::from_secs(3_600);

/// Addresses in one invitation.
pub const MAX_INVITATION_ADDRESSES: usize = 8;

/// The longest invitation token, characters.
pub const MAX_TOKEN_CHARS: usize = 2_048;

/// How long `join` tries to link.
pub const JOIN_LIMIT: Duration = Duration::from_secs(20);

/// Ids on the operators' list.
pub const MAX_OPERATORS: usize = 256;

/// A file of settings in the data directory is not read beyond this, bytes.
pub const MAX_SETTINGS_FILE: u64 = 1024 * 1024;

/// The journal on disk, bytes. Above it the oldest sixteenth goes.
pub const JOURNAL_BYTES: u64 = 256 * 1024 * 1024;

/// The longest time between two looks at whether the journal holds what is older than is kept, and at the disk when
/// nothing is stored.
pub const JOURNAL_CHECK: Duration = Duration::from_secs(60);

/// Journal records that wait while the disk is full, bytes. Above it the journal of this run ends where it is, and
/// status says so: a journal with a gap would replay to something that never was.
pub const JOURNAL_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// Logs in the store: those of all bridges that the core keeps, each with one of snapshots, and the journal.
pub const MAX_STORED_LOGS: usize =
    2 * topology::limits::MAX_BRIDGES * topology::limits::MAX_EPOCHS_PER_BRIDGE + 64;

/// Acknowledgements of the storage that wait for the actor. The thread that stores waits while it is full.
pub const STORED_QUEUE: usize = 4_096;

/// Writes that the storage thread takes up at once; they are made durable together.
pub const WRITES_PER_BATCH: usize = 1_024;

/// Bytes of outputs that wait for the disk before inputs of links wait, too. Above it the actor takes in only what
/// frees it: acknowledgements of the storage.
pub const PENDING_WRITE_BYTES: usize = 16 * 1024 * 1024;

/// How long a first start listens for another bridge of its network, to take over the network's id, before it makes
/// one: nodes answer a newcomer's question within 20 ms, and a lost datagram is repeated.
pub const NETWORK_ID_WAIT: Duration = Duration::from_millis(500);

/// Between two attempts to append what the storage refused.
pub const STORE_RETRY: Duration = Duration::from_secs(1);

/// How long open streams go on after a drain began, when nobody said.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// The longest grace time.
pub const MAX_GRACE: Duration = Duration::from_secs(3_600);

/// How long the shutdown waits for the drain event to become durable and reach the neighbours.
pub const DRAIN_SPREAD: Duration = Duration::from_millis(500);

/// gRPC requests to the control port are decoded up to this size, bytes: a description and an announcement fit ten
/// times.
pub const CONTROL_MESSAGE_BYTES: usize = 64 * 1024;

/// Requests at once on one connection to the control port.
pub const CONTROL_REQUESTS_PER_CONNECTION: usize = 32;

/// How long a control request may take before it is answered with an error.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection to the control port may ask for nothing. A registered peer renews every 5 s; this is for
/// programs that look now and then.
pub const CONTROL_IDLE: Duration = Duration::from_secs(5 * 60);

/// What Peers answers with, bytes: gRPC clients take 4 MiB unless they were told otherwise. More than 10,000 rows.
pub const MAX_PEERS_BYTES: usize = 4 * 1024 * 1024 - 64 * 1024;

/// Questions about the past that are worked on at once; each may read all logs. The others wait.
pub const MAX_QUESTIONS: usize = 2;

/// Streams that read or follow the logs.
pub const MAX_WATCHERS: usize = 64;

/// Events that wait for whoever follows or reads; reading waits while it is full.
pub const WATCH_QUEUE: usize = 64;

/// How long whoever asked for an export may read nothing of it before it is given up.
pub const EXPORT_TIMEOUT: Duration = Duration::from_secs(30);

/// Events that are read at once for whoever follows.
pub const WATCH_BATCH_EVENTS: usize = 256;

/// Pages in browsers that follow the bridge at once.
pub const MAX_PAGE_STREAMS: usize = 16;

/// Events in one answer to a page: more than anybody reads in a list.
pub const MAX_PAGE_EVENTS: u32 = 1_000;

/// Events that a page is sent at once.
pub const PAGE_BATCH_EVENTS: usize = 256;

/// Batches that wait for a page.
pub const PAGE_STREAM_QUEUE: usize = 16;

/// How long a page that follows may read nothing before it is given up; it asks again by itself.
pub const PAGE_STREAM_TIMEOUT: Duration = Duration::from_secs(30);
