//! The two kinds of ends between which bytes are copied: TCP connections and QUIC streams.
//!
//! Bytes pass as chunks. What QUIC received is written to TCP from where it lies; what TCP read becomes QUIC's send
//! buffer as it is. Nothing is allocated while nothing comes.

use std::{future::poll_fn, io::IoSlice, pin::Pin, sync::Arc};

use bytes::{Buf as _, Bytes};
use quinn::{RecvStream, SendStream, StreamId};
use tokio::{
    io::{AsyncWrite as _, AsyncWriteExt as _},
    net::tcp::{ReadHalf, WriteHalf},
};

use super::{credit::Credit, end::End, scratch};

/// Chunks that are passed on at once: packets of one wake-up. More make fewer system calls and larger futures.
const CHUNKS: usize = 32;

/// What one read gave.
pub(super) type Batch = [Bytes; CHUNKS];

/// An end to read from.
pub(crate) enum Reader<'a> {
    /// A TCP connection.
    Tcp(ReadHalf<'a>),
    /// A stream of a link, and the link's credit that unread bytes hold.
    Link(RecvStream, Arc<Credit>),
}

/// An end to write to.
pub(crate) enum Writer<'a> {
    /// A TCP connection.
    Tcp(WriteHalf<'a>),
    /// A stream of a link, and the link's credit that it needs.
    Link(SendStream, Arc<Credit>),
}

impl Reader<'_> {
    /// Fills the front of a batch. How many chunks; none: the other side has finished.
    pub(super) async fn read(&mut self, batch: &mut Batch) -> Result<usize, End> {
        match self {
            Self::Tcp(stream) => {
                let bytes =
                    poll_fn(|context| scratch::poll_read(stream, context)).await.map_err(|_| End::Tcp)?;
                let chunks = usize::from(!bytes.is_empty());
                batch[0] = bytes;
                Ok(chunks)
            }
            Self::Link(stream, _) => Ok(stream.read_chunks(batch).await?.unwrap_or(0)),
        }
    }

    /// The stream, and the credit that bytes hold that were not written yet.
    pub(super) fn credit(&self) -> Option<(StreamId, &Arc<Credit>)> {
        match self {
            Self::Tcp(_) => None,
            Self::Link(stream, credit) => Some((stream.id(), credit)),
        }
    }

    /// Tells the other side that nothing more will be read.
    pub(super) fn stop(&mut self, end: End) {
        if let Self::Link(stream, _) = self {
            // It fails when the other side has finished or gone: then nobody needs to be told.
            let _ = stream.stop(end.code());
        }
    }
}

impl Writer<'_> {
    /// The stream, and the credit that writing needs.
    pub(super) fn credit(&self) -> Option<(StreamId, Arc<Credit>)> {
        match self {
            Self::Tcp(_) => None,
            Self::Link(stream, credit) => Some((stream.id(), Arc::clone(credit))),
        }
    }

    /// Writes chunks to the end and leaves the slots empty.
    pub(super) async fn write(&mut self, chunks: &mut [Bytes]) -> Result<(), End> {
        match self {
            Self::Tcp(stream) => write_tcp(stream, chunks).await,
            Self::Link(stream, _) => Ok(stream.write_all_chunks(chunks).await?),
        }
    }

    /// Passes on that the other end has finished: the half-close.
    pub(super) async fn finish(&mut self) -> Result<(), End> {
        match self {
            Self::Tcp(stream) => stream.shutdown().await.map_err(|_| End::Tcp),
            Self::Link(stream, _) => stream.finish().map_err(|_| End::LinkLost),
        }
    }

    /// Tells the other side that the stream ends here, unfinished.
    pub(super) fn reset(&mut self, end: End) {
        if let Self::Link(stream, _) = self {
            // It fails when the stream has finished or gone: then nobody needs to be told.
            let _ = stream.reset(end.code());
        }
    }
}

async fn write_tcp(stream: &mut WriteHalf<'_>, chunks: &mut [Bytes]) -> Result<(), End> {
    let mut at = 0;
    while at < chunks.len() {
        let rest = &chunks[at..];
        let mut written = poll_fn(|context| {
            let mut slices = [IoSlice::new(&[]); CHUNKS];
            for (slice, chunk) in slices.iter_mut().zip(rest) {
                *slice = IoSlice::new(chunk);
            }
            Pin::new(&mut *stream).poll_write_vectored(context, &slices[..rest.len()])
        })
        .await
        .map_err(|_| End::Tcp)?;
        while at < chunks.len() && written >= chunks[at].len() {
            written -= chunks[at].len();
            chunks[at] = Bytes::new();
            at += 1;
        }
        if at < chunks.len() {
            chunks[at].advance(written);
        }
    }
    Ok(())
}
