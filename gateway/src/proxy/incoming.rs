//! Streams that linked bridges open: to a peer of this network, or on to the next bridge.

use std::sync::Arc;

use bytes::Bytes;
use identity::NodeId;
use proto::bridge::v1::Refusal;
use quinn::ReadError;
use tokio::time::timeout;
use tracing::{Instrument as _, Span, debug};

use super::{Core, NextHop, Origin, alert, dial, trace};
use crate::{
    link::{IncomingStream, LinkStream, StreamReceiver, WireError, limits::HEADER_LIMIT, read_message},
    stream::{End, MAX_HEADER_BYTES, Raised, Reader, Relayed, StreamHeader, Writer, code_of, relay},
};

/// Takes streams in until the group ends.
pub(super) async fn run(core: Arc<Core>, mut incoming: StreamReceiver) {
    loop {
        let stream = tokio::select! {
            biased;
            () = core.group.cancelled() => return,
            stream = incoming.0.recv() => stream,
        };
        let Some(stream) = stream else { return };
        let task = serve(Arc::clone(&core), stream);
        core.group.spawn(Span::none(), core.open.track_future(task));
    }
}

async fn serve(core: Arc<Core>, incoming: IncomingStream) {
    let IncomingStream { from, mut stream } = incoming;
    let header = tokio::select! {
        biased;
        () = core.group.cancelled() => Err(Refusal::Draining),
        header = read_header(&mut stream) => header,
    };
    let header = match header {
        Ok(Some(header)) => header,
        Ok(None) => return,
        Err(refusal) => return refuse(&core, stream, None, refusal),
    };
    carry(&core, from, stream, header).instrument(trace::span(&header, Some(from))).await;
}

async fn carry(core: &Core, from: NodeId, stream: LinkStream, header: StreamHeader) {
    let permit = match core.place(header.destination) {
        Ok(permit) => permit,
        Err(refusal) => return refuse(core, stream, Some(header.destination), refusal),
    };
    match next(core, from, header) {
        Ok(NextHop::Local { addresses }) => deliver(core, stream, header, &addresses).await,
        Ok(NextHop::Asleep { waker }) => {
            let woken = tokio::select! {
                biased;
                () = core.group.cancelled() => Err(Refusal::Draining),
                woken = core.wakes.wake(header.destination, waker) => woken,
            };
            match woken {
                Ok(addresses) => deliver(core, stream, header, &addresses).await,
                Err(refusal) => refuse(core, stream, Some(header.destination), refusal),
            }
        }
        Ok(NextHop::Link { bridge }) => pass_on(core, stream, header, bridge).await,
        Err(refusal) => refuse(core, stream, Some(header.destination), refusal),
    }
    drop(permit);
}

/// The header of a stream; `None`: it was a question for credit, which is answered.
async fn read_header(stream: &mut LinkStream) -> Result<Option<StreamHeader>, Refusal> {
    let read = timeout(HEADER_LIMIT, read_message(&mut stream.recv, MAX_HEADER_BYTES));
    let message = match read.await.map_err(|_| Refusal::BadHello)? {
        Ok(message) => message,
        Err(WireError::Broken(ReadError::Reset(code))) if stream.credit.wanted(code) => return Ok(None),
        Err(_) => return Err(Refusal::BadHello),
    };
    StreamHeader::decode(&message).map(Some).map_err(|error| {
        debug!(%error, "a stream was refused");
        Refusal::BadHello
    })
}

/// Where a stream goes on: never back, and never further than its hops allow.
fn next(core: &Core, from: NodeId, header: StreamHeader) -> Result<NextHop, Refusal> {
    match core.directory.next_hop(header.destination, Origin::Link, header.hops_left)? {
        NextHop::Link { .. } if header.hops_left == 0 => Err(Refusal::Hops),
        NextHop::Link { bridge } if bridge == from => Err(Refusal::NoRoute),
        next => Ok(next),
    }
}

async fn deliver(core: &Core, stream: LinkStream, header: StreamHeader, addresses: &[std::net::SocketAddr]) {
    let dialled = tokio::select! {
        biased;
        () = core.group.cancelled() => Err(Refusal::Draining),
        dialled = dial::peer(addresses, core.limits.peer_dial) => dialled,
    };
    let mut peer = match dialled {
        Ok(peer) => peer,
        Err(refusal) => return refuse(core, stream, Some(header.destination), refusal),
    };
    let (read, write) = peer.split();
    let relayed = run_relay(core, stream, (Reader::Tcp(read), Writer::Tcp(write))).await;
    if let Err(end) = relayed.end {
        debug!(destination = %header.destination.short(), trace = %format_args!("{:032x}", header.trace()), ?end, "a stream broke");
        alert::reset(peer);
    }
}

async fn pass_on(core: &Core, stream: LinkStream, header: StreamHeader, bridge: NodeId) {
    let onward = StreamHeader { hops_left: header.hops_left - 1, ..header };
    let LinkStream { send, recv, credit, permit: _permit } =
        match core.links.open_stream(bridge, onward, Bytes::new()).await {
            Ok(opened) => opened,
            Err(refusal) => return refuse(core, stream, Some(header.destination), refusal),
        };
    let relayed =
        run_relay(core, stream, (Reader::Link(recv, Arc::clone(&credit)), Writer::Link(send, credit))).await;
    if let Err(end @ End::Reset(_)) = relayed.end
        && relayed.back == 0
        && end.refusal() != Refusal::Unspecified
    {
        core.refused(header.destination, end.refusal());
    }
}

async fn run_relay(core: &Core, stream: LinkStream, onward: (Reader<'_>, Writer<'_>)) -> Relayed {
    let LinkStream { send, recv, credit, permit: _permit } = stream;
    let _open = Raised::new(&core.metrics.streams_open);
    core.metrics.streams_opened.inc();
    let relayed =
        relay((Reader::Link(recv, Arc::clone(&credit)), Writer::Link(send, credit)), onward, core.ambience())
            .await;
    trace::note(&relayed);
    relayed
}

/// Resets a stream with its reason.
fn refuse(core: &Core, mut stream: LinkStream, destination: Option<NodeId>, refusal: Refusal) {
    match destination {
        Some(destination) => core.refused(destination, refusal),
        None => core.metrics.refused(refusal),
    }
    let code = code_of(refusal);
    // They fail when the other side has gone: then nobody needs to be told.
    let _ = stream.send.reset(code);
    let _ = stream.recv.stop(code);
}
