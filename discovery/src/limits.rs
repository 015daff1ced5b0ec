//! Every bound of this crate: what it bounds, and why it has this size.

use std::time::Duration;

/// The largest datagram: the smallest MTU that IPv6 guarantees (1,280) less the headers of IPv6 and UDP.
pub const MAX_DATAGRAM_BYTES: usize = 1_232;
/// The most hints that a datagram may carry; about 16 fit.
pub const MAX_HINTS: usize = 32;

/// How long a node is believed to be there after it was heard. Three of the slowest announcements.
pub const LEASE: Duration = Duration::from_secs(15);
/// The same announcement may arrive by several interfaces and families: within this time an equal sequence is another
/// address of the node, later it is a replay.
pub const SAME_ANNOUNCEMENT: Duration = Duration::from_secs(2);
/// Nodes that were heard directly. About 3 KiB each.
pub const MAX_NEIGHBOURS: usize = 4_096;
/// Nodes heard from one address: a machine may run a dispatcher with its peers, but not invent a whole table.
pub const MAX_NEIGHBOURS_PER_ADDRESS: usize = 512;
/// Addresses of one neighbour; the one heard longest ago gives way.
pub const MAX_ADDRESSES: usize = 8;
/// Sequences remembered of nodes that are gone, so that nobody brings them back by a replay.
pub const MAX_TOMBSTONES: usize = 8_192;
/// Remote peers that one bridge may name. About 3 KiB each.
pub const MAX_REMOTE_PEERS: usize = 16_384;
/// Neighbours of one bridge that are greeted because it told where they are; the others are reached through it. As many
/// greetings as [`GREETINGS_OF_HINTED`] allows renew no more of them within a [`LEASE`].
pub const MAX_NEARBY: usize = 64;
/// Bridges on the way to a remote peer, the local one included.
pub const MAX_HOPS: usize = 8;
/// Other networks on the same wire that are remembered.
pub const MAX_OTHER_NETWORKS: usize = 64;

/// Network interfaces that are listened on.
pub const MAX_INTERFACES: usize = 32;
/// Datagrams that one address may send at once, and per second: 200 nodes on one machine at their quickest.
pub const DATAGRAMS_PER_ADDRESS: (f64, f64) = (800.0, 400.0);
/// Datagrams that one socket takes in, from all addresses: each costs up to three signature checks,
/// about 0.15 ms.
pub const DATAGRAMS_PER_SOCKET: (f64, f64) = (4_000.0, 2_000.0);
/// Greetings that one address may ask for at once, and per second.
pub const GREETINGS_PER_ADDRESS: (f64, f64) = (200.0, 50.0);
/// Addresses of which a rate limit keeps count; the rest share one bucket.
pub const MAX_RATED_ADDRESSES: usize = 4_096;

/// Answers to queries that wait for their moment; further queries are answered by the next announcement.
pub const MAX_PENDING_ANSWERS: usize = 256;
/// The longest wait before a query is answered, so that a hundred answers do not collide.
pub const ANSWER_SPREAD: Duration = Duration::from_millis(20);
/// Between announcements while something changes.
pub const ANNOUNCE_QUICK: Duration = Duration::from_secs(1);
/// Between the announcements of all nodes together, as far as the slowest pace allows: each one's quick pace grows with
/// the number of its neighbours, for everybody has to check what everybody says.
pub const ANNOUNCE_SHARE: Duration = Duration::from_millis(40);
/// Hints that come so soon after a node's start wait: whoever is named answers the query itself.
pub const HINT_PATIENCE: Duration = Duration::from_millis(1_500);
/// Between announcements while nothing changes.
pub const ANNOUNCE_SLOW: Duration = Duration::from_secs(5);
/// How long announcements stay quick after a change.
pub const QUICK_PHASE: Duration = Duration::from_secs(10);
/// How often the machine's interfaces are looked at.
pub const INTERFACE_POLL: Duration = Duration::from_secs(1);

/// Reports of all sources that wait for the actor.
pub const REPORT_QUEUE: usize = 1_024;
/// Requests of the owner that wait for the actor.
pub const COMMAND_QUEUE: usize = 64;
/// Events that wait for the owner; changes beyond are merged per node, so that a slow reader misses no last state.
pub const EVENT_QUEUE: usize = 256;

/// How long to wait for the description of a node that was heard, before it is greeted: it comes with the answer to a
/// query and with the news of a change, unless it was lost or does not fit.
pub const DESCRIPTION_PATIENCE: Duration = Duration::from_secs(1);
/// The head start of the node with the lower id where two may greet each other: one greeting is enough for both.
pub const GREETING_TURN: Duration = Duration::from_millis(500);
/// Nodes that wait to be greeted.
pub const MAX_PENDING_GREETINGS: usize = 1_024;
/// Greetings under way at once.
pub const MAX_GREETINGS_AT_ONCE: usize = 16;
/// Greetings begun at once, and per second, to nodes that were heard.
pub const GREETINGS_OF_HEARD: (f64, f64) = (64.0, 50.0);
/// Greetings begun at once, and per second, to addresses that others hinted at.
pub const GREETINGS_OF_HINTED: (f64, f64) = (16.0, 4.0);
/// How long one greeting may take.
pub const GREETING_TIMEOUT: Duration = Duration::from_secs(3);
/// Before a node that did not answer a greeting is greeted again.
pub const GREETING_RETRY: Duration = Duration::from_secs(5);
/// The head start of each address before the next one in a race.
pub const RACE_STAGGER: Duration = Duration::from_millis(50);
/// Addresses in one race.
pub const MAX_RACERS: usize = 8;
/// Between greetings of a fixed address while it answers.
pub const FIXED_EVERY: Duration = Duration::from_secs(5);

/// Bridges that a node registers with at once: as many as an announcement names homes.
pub const MAX_BRIDGES: usize = identity::MAX_HOMES;
/// The lease of a registration is taken to be no shorter than this,
pub const MIN_REGISTRATION_LEASE: Duration = Duration::from_millis(600);
/// and no longer than this.
pub const MAX_REGISTRATION_LEASE: Duration = Duration::from_secs(600);
/// How long a bridge may take to accept a connection or to answer a call.
pub const BRIDGE_TIMEOUT: Duration = Duration::from_secs(3);
/// Between tries to reach a bridge: the first wait and the longest.
pub const BRIDGE_RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// The largest gRPC message of a greeting or of a bridge's control port.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024;
/// The longest host name in a target.
pub const MAX_HOST_BYTES: usize = 253;
/// Addresses that one host name may stand for.
pub const MAX_RESOLVED: usize = 8;

/// How long a Consul agent may take to accept a connection and to answer. It waits for a leader for 7 s before it says that
/// there is none.
pub const CONSUL_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer of a Consul agent: about 4,000 nodes.
pub const MAX_CONSUL_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Entries of one service of Consul's catalog that are looked at.
pub const MAX_CONSUL_INSTANCES: usize = 4_096;
/// The longest token for Consul.
pub const MAX_CONSUL_TOKEN_BYTES: usize = 4_096;
/// How long a query waits for Consul's catalog to change; Consul adds up to a sixteenth.
pub const CONSUL_WAIT: Duration = Duration::from_secs(60);
/// Between two such queries at least: a catalog that changes all the time is not read all the time.
pub const CONSUL_PACE: Duration = Duration::from_millis(250);
/// Between tries to reach a Consul agent: the first wait and the longest.
pub const CONSUL_RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// A node that says nothing for so long is not well, in Consul's eyes.
pub const CONSUL_TTL: Duration = Duration::from_secs(15);
/// How often a node says that it is well, and looks whether it is registered still.
pub const CONSUL_REPORT_EVERY: Duration = Duration::from_secs(5);
/// How often Consul's agent looks at a page,
pub const CONSUL_CHECK_EVERY: Duration = Duration::from_secs(5);
/// and how long the page may take to answer.
pub const CONSUL_CHECK_TIMEOUT: Duration = Duration::from_secs(3);
/// After so long without being well a service is taken out of Consul's catalog: the shortest time that Consul takes.
pub const CONSUL_DEREGISTER_AFTER: Duration = Duration::from_secs(60);
/// How long a node that ends tries to take itself out of Consul's catalog.
pub const CONSUL_GOODBYE_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How often those that Consul's catalog has are hinted at again: often enough for two tries within a [`LEASE`].
pub const CONSUL_HINT_EVERY: Duration = Duration::from_millis(2_500);
