//! Every bound of the core.

/// The longest text of a message, bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// The longest encoded envelope, bytes: the longest text and the fields around it, with room for later kinds.
pub const MAX_ENVELOPE_BYTES: usize = 128 * 1024;
/// Messages that are sent and not acknowledged yet, per peer. At 100 ms of round trip this still lets 10,000 a second
/// through.
pub const WINDOW_MESSAGES: usize = 1024;
/// The same in bytes.
pub const WINDOW_BYTES: usize = 1024 * 1024;
/// Messages that wait for their peers, over all peers.
pub const OUTBOX_MESSAGES: usize = 20_000;
/// The same in bytes. They are held in memory.
pub const OUTBOX_BYTES: usize = 32 * 1024 * 1024;
/// Records that are handed over for storing and not stored yet. Beyond it nothing is accepted.
pub const PENDING_RECORDS: usize = 16 * 1024;
/// Peers that one has talked to.
pub const MAX_CONTACTS: usize = 10_000;
/// Epochs kept of one sender; the oldest give way.
pub const EPOCHS_PER_SENDER: usize = 4096;
/// Holdings in one `Hello`.
pub const HOLDINGS_PER_HELLO: usize = 64;
/// Messages of an epoch whose content is remembered, to tell a repeated one from another one under the same number.
/// Twice the window: no honest repetition is older.
pub const RECENT_MESSAGES: usize = 2 * WINDOW_MESSAGES;
/// How many times one message may be refused before it is given up.
pub const MAX_REFUSALS: u32 = 3;
/// Claims of one peer to hold what we do not know of, without any progress between them, before its session ends.
pub const MAX_DOUBTS: u32 = 16;
/// Epochs of ours that we know only from one peer's claims: as many as a `Hello` names.
pub const CLAIMED_EPOCHS: usize = HOLDINGS_PER_HELLO;
/// Other keys under one contact's name that are told of.
pub const CLASHES_PER_CONTACT: usize = 16;
/// Sessions of one peer at one time: the one that stays, and those being replaced.
pub const SESSIONS_PER_PEER: usize = 4;
/// The longest reason taken over from a peer, bytes.
pub const MAX_REASON_BYTES: usize = 256;
/// Warnings kept for people; the oldest give way.
pub const MAX_WARNINGS: usize = 256;
/// Messages fetched from the log at once, for a peer that lost some.
pub const FETCH_MESSAGES: usize = 256;
/// Messages whose `once` is remembered, so that one that is sent again is not another one; the oldest give way.
pub const ONCE_REMEMBERED: usize = 1_024;
/// The longest `once`, bytes.
pub const MAX_ONCE_BYTES: usize = 64;
