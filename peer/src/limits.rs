//! Every bound of this crate: what it bounds, and why it has this size. The messages' own are in `conversation::limits`.

use std::time::Duration;

use conversation::limits::{FETCH_MESSAGES, WINDOW_MESSAGES};

/// Sessions at once, in both directions. About 60 KiB each.
pub const MAX_SESSIONS: usize = 1_024;
/// Of these, so many are kept for peers that one has talked to: strangers cannot take the last ones.
pub const SESSIONS_OF_CONTACTS: usize = 256;
/// The largest encoded frame.
pub const MAX_FRAME_BYTES: usize = 256 * 1024;
/// Frames that wait to be sent on one session: the window, a batch that is sent again, and receipts. A peer that does
/// not read so far behind loses the session.
pub const FRAMES_WAITING: usize = WINDOW_MESSAGES + FETCH_MESSAGES + 768;
/// Frames read from a session at once.
pub const FRAMES_AT_ONCE: usize = 64;
/// Batches of frames of all sessions that wait for the actor. Beyond it, sessions are not read.
pub const SESSION_EVENTS: usize = 64;
/// Requests of the local control that wait for the actor.
pub const COMMANDS: usize = 256;
/// Of each queue, so many entries are taken before the others get their turn.
pub const TURN: usize = 256;
/// Records in one append, and their bytes: a commit of this size takes a few milliseconds.
pub const APPEND_RECORDS: usize = 1_024;
/// See [`APPEND_RECORDS`].
pub const APPEND_BYTES: usize = 1024 * 1024;
/// Callers that wait for a delivery.
pub const MAX_WAITERS: usize = 4_096;
/// Calls that follow the inbox or watch, those of pages included.
pub const MAX_FOLLOWERS: usize = 64;
/// Items of an inbox that are read before the caller took the ones before.
pub const INBOX_CHUNK: usize = 256;
/// Own messages per follower of the inbox whose last told state is remembered; the oldest give way.
pub const INBOX_OPEN: usize = 16 * 1024;
/// Events after the last checkpoint that are worth a new one: reading as many takes a start a few milliseconds.
pub const CHECKPOINT_EVENTS: u64 = 4_096;
/// The least time between two checkpoints.
pub const CHECKPOINT_PAUSE: Duration = Duration::from_secs(30);
/// The largest checkpoint: a few bytes for each message, and all that waits for its peers.
pub const MAX_CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;
/// Events of the history that are looked at in one step to say what is new, and of which a watcher that comes back is
/// told one by one.
pub const NEWS_EVENTS: usize = 4_096;
/// Events for a watcher that it has not taken.
pub const WATCH_QUEUE: usize = 16;
/// Between two looks of a watcher: what happens meanwhile goes together.
pub const WATCH_PACE: Duration = Duration::from_millis(50);
/// Messages of a conversation that are given at once: without a number asked for, and at most.
pub const MESSAGES_USUAL: usize = 100;
/// See [`MESSAGES_USUAL`].
pub const MESSAGES_MOST: usize = 500;
/// Messages that a search gives at once: without a number asked for, and at most.
pub const FOUND_USUAL: usize = 50;
/// See [`FOUND_USUAL`].
pub const FOUND_MOST: usize = 200;
/// Of the newest message of a conversation, so many bytes are shown with a person.
pub const PREVIEW_BYTES: usize = 160;
/// The largest request of the page: the longest text as JSON may write it, and what goes with it.
pub const MAX_PAGE_BODY_BYTES: usize = 512 * 1024;
/// The longest that `Send` waits for a delivery.
pub const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
/// Peers whose last presence is remembered after they left.
pub const MAX_LAST_SEEN: usize = 10_000;
/// The largest message over the local control.
pub const MAX_CONTROL_BYTES: usize = 256 * 1024;

/// How long a peer that a dispatcher keeps is held for a person whose browser has not come.
pub const CLAIM_LEASE: Duration = Duration::from_secs(120);
/// Logins of one peer within two minutes.
pub const MAX_USED_TOKENS: usize = 64;
/// The longest name of a person by a dispatcher's naming, bytes.
pub const MAX_USER_BYTES: usize = 64;

/// Between pings of a session in use.
pub const PING_EVERY: Duration = Duration::from_secs(1);
/// Between pings of an idle one.
pub const PING_IDLE: Duration = Duration::from_secs(15);
/// A session that was used within this time is in use.
pub const IN_USE: Duration = Duration::from_secs(10);
/// A ping that is not answered within this time ends the session: with [`PING_EVERY`] and the next dial well within the
/// 7 s that a silent death of a bridge may cost.
pub const PING_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a closed session is still read.
pub const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// A stream that was opened must be followed by a hello within this time.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one attempt to connect may take: TCP and TLS.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the greeting before it may take.
pub const GREET_TIMEOUT: Duration = Duration::from_millis(1_500);
/// The head start of each way to a peer before the next one.
pub const PATH_STAGGER: Duration = Duration::from_millis(250);
/// Ways to one peer that are tried at once.
pub const MAX_PATHS: usize = 4;
/// How long a bridge may take to explain a refusal.
pub const EXPLAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Between tries to reach a peer: the first wait and the longest. Every sign of the peer makes it short again.
pub const REDIAL: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// Between looks at a store that failed.
pub const STORE_PAUSE: Duration = Duration::from_millis(500);
/// Peers that are dialled at the same time.
pub const MAX_DIALS: usize = 64;
/// A shown "is writing" goes away by itself after this time.
pub const TYPING_LASTS: Duration = Duration::from_secs(6);
/// Between two "is writing" for one peer.
pub const TYPING_PACE: Duration = Duration::from_secs(1);
/// A peer's clock that differs by more is a warning: times shown are misleading then.
pub const SKEW_WARNED: Duration = Duration::from_secs(60);
/// The order of shutdown has this time in all.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
