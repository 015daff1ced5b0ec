//! Copies both ways between two ends until both have finished or one breaks.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use quinn::StreamId;
use runtime::BusyPoll;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    copy::{Batch, Reader, Writer},
    credit::Credit,
    end::End,
    metrics::{Direction, DirectionLabels, Metrics},
};

/// A write that waits for this long counts as stalled: its reader does not read, rather than being slow.
const STALL_AFTER: Duration = Duration::from_secs(1);

/// What every copying needs of its surroundings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ambience<'a> {
    /// What is counted.
    pub(crate) metrics: &'a Metrics,
    /// What keeps the thread awake for the answer.
    pub(crate) busy_poll: &'a BusyPoll,
    /// A stream whose reader takes nothing of what waits for it is ended after this.
    pub(crate) stall: Duration,
    /// Ends it.
    pub(crate) shutdown: &'a CancellationToken,
}

/// What was copied, and how it ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relayed {
    /// Bytes from the caller to the destination.
    pub(crate) out: u64,
    /// Bytes back.
    pub(crate) back: u64,
    /// Nothing was read from either side: all can be tried again.
    pub(crate) untouched: bool,
    /// Both sides finished, or why not.
    pub(crate) end: Result<(), End>,
}

/// Copies between the caller's end and the destination's until both have finished. A half-close is passed on. Whatever
/// breaks on one end resets QUIC streams on the other; a TCP connection is the caller's of this function to reset.
pub(crate) async fn relay(
    caller: (Reader<'_>, Writer<'_>),
    destination: (Reader<'_>, Writer<'_>),
    ambience: Ambience<'_>,
) -> Relayed {
    let (mut from_caller, mut to_caller) = caller;
    let (mut from_destination, mut to_destination) = destination;
    let (mut out, mut back) = (Tally::new(&ambience, Direction::Out), Tally::new(&ambience, Direction::Back));
    let end = {
        let both = async {
            tokio::try_join!(
                pump(&mut from_caller, &mut to_destination, &mut out),
                pump(&mut from_destination, &mut to_caller, &mut back),
            )
        };
        tokio::select! {
            biased;
            ended = both => ended.map(|_| ()),
            () = ambience.shutdown.cancelled() => Err(End::Shutdown),
        }
    };
    if let Err(end) = end {
        for writer in [&mut to_caller, &mut to_destination] {
            writer.reset(end);
        }
        for reader in [&mut from_caller, &mut from_destination] {
            reader.stop(end);
        }
    }
    Relayed { out: out.bytes, back: back.bytes, untouched: !out.read && !back.read, end }
}

/// Bytes of one direction.
struct Tally<'a> {
    bytes: u64,
    /// Something came, be it the end.
    read: bool,
    counter: Counter,
    busy_poll: &'a BusyPoll,
    stall: Duration,
}

impl<'a> Tally<'a> {
    fn new(ambience: &Ambience<'a>, direction: Direction) -> Self {
        let counter = ambience.metrics.bytes.get_or_create(&DirectionLabels { direction }).clone();
        Self { bytes: 0, read: false, counter, busy_poll: ambience.busy_poll, stall: ambience.stall }
    }

    fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.counter.inc_by(bytes);
        self.busy_poll.stir();
    }
}

async fn pump(reader: &mut Reader<'_>, writer: &mut Writer<'_>, tally: &mut Tally<'_>) -> Result<(), End> {
    let mut batch = Batch::default();
    let needs = writer.credit();
    loop {
        let chunks = reader.read(&mut batch).await?;
        tally.read = true;
        if chunks == 0 {
            return writer.finish().await;
        }
        let bytes = batch[..chunks].iter().map(|chunk| chunk.len() as u64).sum();
        write(reader, (&mut *writer, needs.as_ref()), &mut batch[..chunks], tally.stall).await?;
        tally.add(bytes);
    }
}

/// Writes chunks, and ends the stream when nobody takes them for too long, or others wait for the credit they hold.
async fn write(
    reader: &Reader<'_>,
    (writer, needs): (&mut Writer<'_>, Option<&(StreamId, Arc<Credit>)>),
    chunks: &mut [Bytes],
    stall: Duration,
) -> Result<(), End> {
    let mut write = pin!(writer.write(chunks));
    tokio::select! {
        biased;
        written = &mut write => return written,
        () = sleep(STALL_AFTER) => {}
    }
    let stalled = reader.credit().map(|(stream, credit)| credit.stall(stream));
    let shed = async {
        match &stalled {
            Some(stalled) => stalled.shed().await,
            None => std::future::pending().await,
        }
    };
    let ask = async {
        match needs {
            Some((stream, credit)) => credit.ask(*stream).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        written = &mut write => written,
        never = ask => match never {},
        () = shed => Err(End::Stalled),
        () = sleep(stall) => Err(End::Stalled),
    }
}
