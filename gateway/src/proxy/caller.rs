//! One connection to the proxy port, from its hello to its end.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use identity::NodeId;
use proto::bridge::v1::Refusal;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tracing::{Instrument as _, debug, trace};

use super::{Core, NextHop, Origin, alert, dial, half_open::Ticket, trace};
use crate::{
    hello::{self, ClientHello},
    link::LinkStream,
    stream::{MAX_HOPS, Permit, Raised, Reader, Relayed, StreamHeader, Writer, relay},
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

async fn forward(
    core: &Core,
    stream: &mut TcpStream,
    header: StreamHeader,
    hello: &Bytes,
) -> Result<Relayed, Refusal> {
    let onward = onward(core, header, hello).await?;
    let _open = Raised::new(&core.metrics.streams_open);
    core.metrics.streams_opened.inc();
    let (read, write) = stream.split();
    let caller = (Reader::Tcp(read), Writer::Tcp(write));
    Ok(match onward {
        Onward::Link(link) => {
            let LinkStream { send, recv, credit, permit: _permit } = link;
            let further = (Reader::Link(recv, credit), Writer::Link(send));
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
async fn onward(core: &Core, header: StreamHeader, hello: &Bytes) -> Result<Onward, Refusal> {
    match core.directory.next_hop(header.destination, Origin::Network, MAX_HOPS)? {
        NextHop::Link { bridge } => {
            core.links.open_stream(bridge, header, hello.clone()).await.map(Onward::Link)
        }
        NextHop::Local { addresses } => {
            let mut peer = dial::peer(&addresses, core.limits.peer_dial).await?;
            peer.write_all(hello).await.map_err(|_| Refusal::PeerNotAnswering)?;
            Ok(Onward::Local(peer))
        }
    }
}

async fn finish(core: &Core, stream: TcpStream, destination: NodeId, relayed: Relayed) {
    trace::note(&relayed);
    let Relayed { out, back, end } = relayed;
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
