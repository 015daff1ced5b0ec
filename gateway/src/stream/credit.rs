//! Who holds a link's credit without using it, and who waits for it.
//!
//! A stream whose reader does not read keeps up to one stream's window of its connection's credit. Enough of them, or
//! one where many links share the memory, and the connection stands still for everybody. Yet a stalled stream does no
//! harm while nobody else wants to send, so only who waits has one ended:
//!
//! - The side that reads notes its streams that have stalled ([`Credit::stall`]).
//! - The side that writes knows who waits. A stream whose write makes no progress, though its own window may be the
//!   reason, looks whether one byte on a fresh stream is taken ([`Credit::ask`]); a fresh stream needs no such look. If
//!   the connection is the reason, it asks: it opens a stream and resets it at once, which takes no credit, with a code
//!   that names the stream that waits ([`code`]).
//! - The side that reads then ends the stream that has stalled for longest, unless the one that waits has stalled
//!   itself, and gives the credit a moment to arrive before it ends another ([`Credit::wanted`]).

mod code;
mod stalls;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use quinn::{Connection, RecvStream, SendStream, StreamId, VarInt};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::metrics::{Metrics, Raised};
use stalls::Stalls;

/// A fresh stream whose first bytes are not taken for so long waits for credit.
pub(crate) const FRESH_WAIT: Duration = Duration::from_millis(200);

/// A byte on a fresh stream that is not taken for so long shows that the connection has no credit.
const GLANCE: Duration = Duration::from_millis(500);

/// Between the first two questions of a stream that waits; doubled each time.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Questions under way at once on one connection.
const MAX_QUESTIONS_UNDER_WAY: usize = 8;

/// What a connection's streams hold and want of its credit, on both sides.
#[derive(Debug)]
pub(crate) struct Credit {
    connection: Connection,
    metrics: Metrics,
    stalls: Mutex<Stalls>,
    asking: Semaphore,
}

/// A stream that has stalled, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Stalled {
    credit: Arc<Credit>,
    number: u64,
    shed: CancellationToken,
    _gauge: Raised,
}

impl Credit {
    pub(crate) fn new(metrics: &Metrics, connection: Connection) -> Arc<Self> {
        let (stalls, asking) = (Mutex::default(), Semaphore::new(MAX_QUESTIONS_UNDER_WAY));
        Arc::new(Self { connection, metrics: metrics.clone(), stalls, asking })
    }

    /// Notes that what came on a stream cannot be passed on.
    pub(crate) fn stall(self: &Arc<Self>, stream: StreamId) -> Stalled {
        let shed = CancellationToken::new();
        let number = self.stalls().add(stream.into(), shed.clone());
        Stalled { credit: Arc::clone(self), number, shed, _gauge: Raised::new(&self.metrics.streams_stalled) }
    }

    /// The other side reset a stream of which nothing had come. Gives whether that was its question for credit; may end
    /// the stream that has stalled for longest.
    pub(crate) fn wanted(&self, reset: VarInt) -> bool {
        let Some(question) = code::read(reset) else { return false };
        if let Some(waiting) = question.waiting
            && let Some(longest) = self.stalls().shed_for(waiting, Instant::now())
        {
            longest.cancel();
            self.metrics.streams_shed.inc();
        }
        true
    }

    /// For a stream that waits for its write: asks the other side for credit as long as there is none. Never ends; to be
    /// dropped when the write goes on.
    pub(crate) async fn ask(&self, waiting: StreamId) -> Infallible {
        let mut pause = ASK_EVERY;
        loop {
            sleep(pause).await;
            pause *= 2;
            if let (Ok(_turn), Some((mut send, recv))) = (self.asking.acquire().await, self.open().await) {
                let taken = timeout(GLANCE, send.write_all(&[0])).await.is_ok();
                let code = if taken { code::NOTHING } else { code::waiting(waiting) };
                end((send, recv), code);
            }
        }
    }

    /// For a fresh stream whose first bytes were not taken within [`FRESH_WAIT`]: asks the other side for credit.
    pub(crate) async fn ask_once(&self, waiting: StreamId) {
        if let Some(stream) = self.open().await {
            end(stream, code::waiting(waiting));
        }
    }

    async fn open(&self) -> Option<(SendStream, RecvStream)> {
        timeout(GLANCE, self.connection.open_bi()).await.ok()?.ok()
    }

    fn stalls(&self) -> MutexGuard<'_, Stalls> {
        self.stalls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stalled {
    /// Resolves when the stream must end, so that others may go on.
    pub(crate) async fn shed(&self) {
        self.shed.cancelled().await;
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        self.credit.stalls().remove(self.number);
    }
}

fn end((mut send, mut recv): (SendStream, RecvStream), code: VarInt) {
    // They fail when the connection has gone: then nobody needs credit.
    let _ = send.reset(code);
    let _ = recv.stop(code);
}
