//! Every bound of this crate: what it bounds, and why it has this size.

use std::time::Duration;

/// Commands that wait for the keeper.
pub const COMMANDS: usize = 1_024;
/// People who wait for a peer; more are sent away with a sentence.
pub const MAX_WAITING: usize = 1_024;
/// A person who does not ask again within this time waits no more.
pub const WAITING_LASTS: Duration = Duration::from_secs(15);
/// How long the answer to a login may take before the page is told to ask again.
pub const ENTER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a claim may take: a connection, and one sync of the peer's disk.
pub const CLAIM_TIMEOUT: Duration = Duration::from_secs(5);
/// Claims in a row that may fail before the person is told.
pub const MAX_CLAIM_TRIES: u32 = 6;
/// How long a peer may take to start.
pub const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a peer may take to answer over its control socket: one that hangs accepts connections for ever.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a peer may take to end before it is killed.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Peers that are started at once: more would only make each of them slower.
pub const MAX_STARTS: usize = 4;
/// Between tries to make peers after one did not start: the first wait and the longest.
pub const MAKE_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// A peer that ended by itself although it had run for so long is started again at once.
pub const STEADY_AFTER: Duration = Duration::from_secs(10);
/// Between the starts of one that ends sooner: the first wait and the longest.
pub const START_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// Between two looks at a peer.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Looks in a row that may fail before a peer is started anew.
pub const MAX_FAILED_LOOKS: u32 = 3;
/// A visit is written down at most so often for each peer.
pub const VISIT_PACE: Duration = Duration::from_secs(600);
/// A claim whose person did not come is given up after this time: the peer's own lease, and a little.
pub const RELEASE_AFTER: Duration = Duration::from_secs(150);
/// A peer is not put to sleep so soon after somebody was sent to it: what it said last was before they came.
pub const ON_THE_WAY: Duration = Duration::from_secs(3);
/// How long a request to a peer that sleeps may wait for it.
pub const WAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// The largest request of a bridge that wants a peer woken: an id.
pub const MAX_WAKE_BYTES: usize = 1_024;
/// How long a bridge may take to connect, and then to answer.
pub const BRIDGE_TIMEOUT: Duration = Duration::from_secs(5);
/// Bridges are told again who sleeps: one that was restarted forgets.
pub const TELL_BRIDGES_EVERY: Duration = Duration::from_secs(60);
/// A bridge that could not be told is told again after this time.
pub const TELL_BRIDGE_AGAIN: Duration = Duration::from_secs(2);
/// How long it is believed that a peer of another dispatcher is where it was: a page makes many requests.
pub const REACHED_LASTS: Duration = Duration::from_secs(5);
/// Peers of other dispatchers of which that is remembered.
pub const MAX_REACHED: usize = 1_024;
/// A peer of another dispatcher that was somebody's is not tried again before this time: news of it take a moment.
pub const TRY_TAKEN_AFTER: Duration = Duration::from_secs(10);
/// How long a mark in Consul keeps other dispatchers from trying the same vacant peer: longer than a claim's lease.
pub const MARK_LASTS: Duration = Duration::from_secs(150);
/// Between two tries to read Consul's catalog while it is away: the first wait and the longest.
pub const ASK_CONSUL_AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// Connections to the page and, through it, to the pages of peers.
pub const MAX_CONNECTIONS: usize = 4_096;
/// Addresses whose logins are counted; beyond, all others share one count.
pub const MAX_LOGIN_ADDRESSES: usize = 10_000;
/// The largest request of the admin page: a peer, and what is to happen to it.
pub const MAX_ADMIN_BODY_BYTES: usize = 1_024;
/// How long the cookie lasts.
pub const COOKIE_LIFETIME: Duration = Duration::from_secs(400 * 24 * 3600);
/// The longest cookie or recovery link that is looked at.
pub const MAX_COOKIE_BYTES: usize = 1_024;
/// The order of shutdown has this time in all.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// What could not be removed is tried again after this time: the disk, or Docker, may be well again.
pub const REMOVE_LEFT_AFTER: Duration = Duration::from_secs(60);
/// How long Docker may take to answer a request: it creates networks and mounts volumes meanwhile.
pub const DOCKER_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two tries to hear Docker's events: the first wait and the longest. A restart of Docker takes some seconds.
pub const HEAR_AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// How long the work on a peer waits for Docker while it is away, as it is while it is restarted.
pub const AWAY_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks at whether Docker refuses to start a container, which it tells by no event.
pub const TASK_LOOK_EVERY: Duration = Duration::from_secs(2);
/// Tries to change a service while somebody else changes it, too.
pub const MAX_UPDATES: usize = 5;
/// Between two tries to remove a volume: the first wait and the longest. It goes once the ended containers are gone.
pub const REMOVE_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How long Docker may take to let go of the volume of a peer that ended.
pub const REMOVE_TIMEOUT: Duration = Duration::from_secs(60);
/// The memory of a peer in a container, bytes: many times what a busy one needs. Only one that went wrong meets it, and
/// ends alone.
pub const PEER_MEMORY_BYTES: i64 = 256 * 1024 * 1024;
/// The CPU time of a peer in a container, nanoseconds a second: half a core lets a person notice nothing, and leaves room
/// for the others.
pub const PEER_CPU_NANOS: i64 = 500_000_000;
/// Processes and threads of a peer in a container: it has about 20.
pub const PEER_PROCESSES: i64 = 64;
/// Before Docker starts a peer again that ended: a peer that cannot run does not keep the machine busy.
pub const RESTART_DELAY: Duration = Duration::from_secs(1);
