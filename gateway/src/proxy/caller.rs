//! One connection to the proxy port, from its hello to its end.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use identity::NodeId;
use proto::bridge::v1::Refusal;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tracing::{Instrument as _, debug, trace};

use super::{Core, NextHop, Origin, alert, dial, half_open::Ticket, trace};
use crate::{
    hello::{self, ClientHello},
    link::LinkStream,
    stream::{End, MAX_HOPS, Permit, Raised, Reader, Relayed, StreamHeader, Writer, relay},
};

/// The way on that was found for a caller.
enum Onward {
    Local(TcpStream),
    Link(LinkStream),
}

/// Serves a caller whose address may use the port.
pub(super) async fn serve(
    core: Arc<Core>,
    mut stream: TcpStream,
    source: NodeId,
    (ticket, place): (Ticket, Permit<IpAddr>),
) {
    let hello = read_hello(&core, &mut stream, &ticket).await;
    drop(ticket);
    let hello = match hello {
        Ok(hello) => hello,
        Err(alert) if alert.is_empty() => return,
        Err(alert) => return alert::send(stream, &alert).await,
    };
    let header = StreamHeader::begin(hello.destination, Some(source));
    carry(&core, stream, header, &hello.bytes).instrument(trace::span(&header, None)).await;
    drop(place);
}

async fn carry(core: &Core, mut stream: TcpStream, header: StreamHeader, hello: &Bytes) {
    let destination = header.destination;
    let served = match core.place(destination) {
        Ok(permit) => {
            let served = forward(core, &mut stream, header, hello).await;
            drop(permit);
            served
        }
        Err(refusal) => Err(refusal),
    };
    match served {
        Ok(relayed) => finish(core, stream, destination, relayed).await,
        Err(refusal) => turn_away(core, stream, destination, refusal).await,
    }
}

/// The hello within its time, or the alert for whoever has none; empty where TLS has no word for it.
async fn read_hello(core: &Core, stream: &mut TcpStream, ticket: &Ticket) -> Result<ClientHello, Bytes> {
    let outcome = tokio::select! {
        biased;
        () = core.group.cancelled() => return Err(Bytes::new()),
        () = ticket.shed() => return Err(Bytes::new()),
        outcome = timeout(core.limits.hello, hello::read(stream)) => outcome,
    };
    let alert = match outcome {
        Ok(Ok(hello)) => return Ok(hello),
        Ok(Err(error)) => {
            debug!(%error, "a connection to the proxy port was refused");
            error.alert()
        }
        Err(_) => Bytes::new(),
    };
    core.metrics.refused(Refusal::BadHello);
    Err(alert)
}

/// Takes a caller where it wants to go: by the best way, and once by another when that one refuses it before it matters.
async fn forward(
    core: &Core,
    stream: &mut TcpStream,
    header: StreamHeader,
    hello: &Bytes,
) -> Result<Relayed, Refusal> {
    let first = core.directory.next_hop(header.destination, Origin::Network, MAX_HOPS)?;
    let outcome = travel(core, stream, header, (&first, hello)).await;
    let Some(refusal) = second_try(core, &outcome) else { return outcome };
    let Some(second) = core.directory.second_hop(header.destination, MAX_HOPS, &first) else {
        return outcome;
    };
    debug!(destination = %header.destination.short(), ?refusal, ?second, "a stream tries another way");
    core.metrics.streams_rerouted.inc();
    travel(core, stream, header, (&second, hello)).await
}

/// Why a stream was refused, if another way may help and nothing but the hello is lost.
fn second_try(core: &Core, outcome: &Result<Relayed, Refusal>) -> Option<Refusal> {
    let refusal = match outcome {
        Err(refusal) => *refusal,
        Ok(Relayed { end: Err(end @ (End::Reset(_) | End::LinkLost)), untouched: true, .. }) => end.refusal(),
        Ok(_) => return None,
    };
    let elsewhere = match refusal {
        Refusal::NoRoute | Refusal::LinkLost | Refusal::PeerNotAnswering | Refusal::Draining => true,
        Refusal::Unspecified
        | Refusal::UnknownPeer
        | Refusal::Policy
        | Refusal::Hops
        | Refusal::Limit
        | Refusal::NotRegistered
        | Refusal::BadHello
        | Refusal::PeerLeft => false,
    };
    (elsewhere && !core.is_draining() && !core.group.token().is_cancelled()).then_some(refusal)
}

async fn travel(
    core: &Core,
    stream: &mut TcpStream,
    header: StreamHeader,
    (hop, hello): (&NextHop, &Bytes),
) -> Result<Relayed, Refusal> {
    let onward = onward(core, header, (hop, hello)).await?;
    let _open = Raised::new(&core.metrics.streams_open);
    core.metrics.streams_opened.inc();
    let (read, write) = stream.split();
    let caller = (Reader::Tcp(read), Writer::Tcp(write));
    Ok(match onward {
        Onward::Link(link) => {
            let LinkStream { send, recv, credit, permit: _permit } = link;
            let further = (Reader::Link(recv, Arc::clone(&credit)), Writer::Link(send, credit));
            relay(caller, further, core.ambience()).await
        }
        Onward::Local(mut peer) => {
            let (read, write) = peer.split();
            let relayed = relay(caller, (Reader::Tcp(read), Writer::Tcp(write)), core.ambience()).await;
            if relayed.end.is_err() {
                alert::reset(peer);
            }
            relayed
        }
    })
}

/// Opens the way on and sends the hello along it, without waiting for an answer.
async fn onward(
    core: &Core,
    header: StreamHeader,
    (hop, hello): (&NextHop, &Bytes),
) -> Result<Onward, Refusal> {
    match hop {
        NextHop::Link { bridge } => {
            core.links.open_stream(*bridge, header, hello.clone()).await.map(Onward::Link)
        }
        NextHop::Local { addresses } => deliver(core, addresses, hello).await,
        NextHop::Asleep { waker } => {
            let addresses = core.wakes.wake(header.destination, *waker).await?;
            deliver(core, &addresses, hello).await
        }
    }
}

async fn deliver(core: &Core, addresses: &[SocketAddr], hello: &Bytes) -> Result<Onward, Refusal> {
    let mut peer = dial::peer(addresses, core.limits.peer_dial).await?;
    peer.write_all(hello).await.map_err(|_| Refusal::PeerNotAnswering)?;
    Ok(Onward::Local(peer))
}

async fn finish(core: &Core, stream: TcpStream, destination: NodeId, relayed: Relayed) {
    trace::note(&relayed);
    let Relayed { out, back, end, .. } = relayed;
    trace!(destination = %destination.short(), out, back, ?end, "a stream ended");
    match end {
        Ok(()) => {}
        // Nothing came back, and somebody refused it: the caller can still be told by an alert.
        Err(end) if back == 0 && end.refusal() != Refusal::Unspecified => {
            turn_away(core, stream, destination, end.refusal()).await;
        }
        Err(_) => alert::reset(stream),
    }
}

async fn turn_away(core: &Core, stream: TcpStream, destination: NodeId, refusal: Refusal) {
    debug!(destination = %destination.short(), ?refusal, "a stream was refused");
    core.refused(destination, refusal);
    alert::send(stream, &alert::of(refusal)).await;
}
