//! The life of one link, from the moment both connections are up.

use std::{convert::Infallible, sync::Arc};

use identity::NodeId;
use proto::{bridge::v1::Refusal, link::v1::Close};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::{
    sync::mpsc::error::TrySendError,
    time::{MissedTickBehavior, interval},
};
use tracing::{Instrument as _, debug_span, info};

use super::{
    IncomingStream, Introduction, LinkEvent, LinkSample, LinkStream, LinkUp,
    close::{close, sentence},
    gossip::{FrameSource, frame_queue, read_frames, write_frames},
    limits::SAMPLE_INTERVAL,
    table::{Admitted, Live, Shared, turn_away},
};
use crate::{
    endpoint::remote_of,
    stream::{Raised, code_of},
};

/// Both connections of a link whose hellos were exchanged.
pub(super) struct Pair {
    pub(super) bridge: NodeId,
    pub(super) introduction: Introduction,
    pub(super) dialled: bool,
    pub(super) gossip: Connection,
    /// The stream of the gossip.
    pub(super) frames: (SendStream, RecvStream),
    pub(super) streams: Connection,
}

/// A pair that is in the table but has not been told of.
pub(super) struct Ready {
    pair: Pair,
    admitted: Admitted,
    frames: FrameSource,
}

/// Takes a pair into the table, or closes it and says why.
pub(super) fn admit(shared: &Shared, pair: Pair) -> Result<Ready, Close> {
    let (queue, frames) = frame_queue();
    let outcome = shared.admit(pair.bridge, |connection| {
        let connections = (pair.gossip.clone(), pair.streams.clone());
        let introduced = (pair.introduction.clone(), pair.dialled);
        Live::new(connection, connections, queue, introduced, (&shared.limits, &shared.metrics))
    });
    match outcome {
        Ok(admitted) => Ok(Ready { pair, admitted, frames }),
        Err(code) => {
            turn_away([&pair.gossip, &pair.streams], code);
            Err(code)
        }
    }
}

/// Runs a link in a task of its own.
pub(super) fn start(shared: &Arc<Shared>, ready: Ready) {
    let span =
        debug_span!("link", bridge = %ready.pair.bridge.short(), connection = ready.admitted.connection);
    let task = live(Arc::clone(shared), ready).instrument(span.clone());
    shared.group.spawn(span, task);
}

async fn live(shared: Arc<Shared>, ready: Ready) {
    let Ready { pair, admitted, mut frames } = ready;
    if let Some(previous) = &admitted.previous {
        previous.cancelled().await;
    }
    let (bridge, connection) = (pair.bridge, admitted.connection);
    info!(remote = %remote_of(&pair.gossip), dialled = pair.dialled, "link up");
    shared.metrics.links_established.inc();
    let gauge = Raised::new(&shared.metrics.links_up);
    tell(&shared, up(&pair, connection)).await;
    let reason = work(&shared, pair, &admitted, &mut frames).await;
    drop(gauge);
    info!(reason, "link down");
    shared.forget(bridge, connection);
    shared.metrics.forget(bridge);
    tell(&shared, LinkEvent::Down { bridge, connection, reason }).await;
    admitted.told.cancel();
}

fn up(pair: &Pair, connection: u64) -> LinkEvent {
    LinkEvent::Up(LinkUp {
        bridge: pair.bridge,
        connection,
        remote: remote_of(&pair.gossip),
        description: pair.introduction.description.clone(),
        network: pair.introduction.network.clone(),
        dialled: pair.dialled,
    })
}

/// Everything a link does, until one of its connections ends. Says why it did.
async fn work(shared: &Arc<Shared>, pair: Pair, admitted: &Admitted, frames: &mut FrameSource) -> String {
    let Pair { bridge, gossip, streams, frames: (mut send, mut recv), .. } = pair;
    let key = (bridge, admitted.connection);
    let reason = tokio::select! {
        biased;
        () = shared.group.cancelled() => verdict(admitted, Close::Shutdown, "this bridge stops"),
        error = gossip.closed() => sentence(&error),
        error = streams.closed() => sentence(&error),
        error = read_frames(&mut recv, key, &shared.events) => match gossip.close_reason() {
            Some(error) => sentence(&error),
            None => verdict(admitted, Close::Protocol, &format!("its gossip breaks the protocol: {error}")),
        },
        () = write_frames(frames, &mut send) => sentence(&gossip.closed().await),
        () = take_streams(shared, bridge, &streams, admitted) => sentence(&streams.closed().await),
        never = sample(shared, key, &gossip, &streams) => match never {},
    };
    // One connection without the other is no link.
    let (code, reason) = admitted.verdict.get().cloned().unwrap_or((Close::Unspecified, reason));
    for connection in [&gossip, &streams] {
        close(connection, code, &reason);
    }
    reason
}

/// This side ends the link.
fn verdict(admitted: &Admitted, code: Close, reason: &str) -> String {
    // The first verdict counts.
    let _ = admitted.verdict.set((code, reason.to_owned()));
    reason.to_owned()
}

/// Hands on the streams that the other side opens, and refuses those beyond the bounds.
async fn take_streams(shared: &Shared, bridge: NodeId, streams: &Connection, admitted: &Admitted) {
    while let Ok((send, recv)) = streams.accept_bi().await {
        take_stream(shared, bridge, (send, recv), admitted);
    }
}

fn take_stream(shared: &Shared, bridge: NodeId, (send, recv): (SendStream, RecvStream), admitted: &Admitted) {
    let Some(permit) = admitted.incoming.acquire(bridge) else {
        shared.metrics.refused(Refusal::Limit);
        return refuse(send, recv, Refusal::Limit);
    };
    let stream = LinkStream { send, recv, credit: Arc::clone(&admitted.credit), permit };
    match shared.streams.0.try_send(IncomingStream { from: bridge, stream }) {
        Ok(()) => {}
        Err(TrySendError::Full(refused)) => {
            shared.metrics.refused(Refusal::Limit);
            refuse(refused.stream.send, refused.stream.recv, Refusal::Limit);
        }
        Err(TrySendError::Closed(refused)) => {
            refuse(refused.stream.send, refused.stream.recv, Refusal::Draining);
        }
    }
}

fn refuse(mut send: SendStream, mut recv: RecvStream, refusal: Refusal) {
    let code: VarInt = code_of(refusal);
    // They fail when the other side has gone: then nobody needs to be told.
    let _ = send.reset(code);
    let _ = recv.stop(code);
}

async fn sample(
    shared: &Shared,
    (bridge, connection): (NodeId, u64),
    gossip: &Connection,
    streams: &Connection,
) -> Infallible {
    let mut ticks = interval(SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let rtt = gossip.rtt();
        let paths = [gossip.stats().path, streams.stats().path];
        let sent = paths.iter().map(|path| path.sent_packets).sum();
        let lost = paths.iter().map(|path| path.lost_packets).sum();
        shared.metrics.round_trip(bridge, rtt);
        // One sample more or less: not worth waiting for.
        let _ = shared.events.try_send(LinkEvent::Sample(LinkSample { bridge, connection, rtt, sent, lost }));
    }
}

async fn tell(shared: &Shared, event: LinkEvent) {
    tokio::select! {
        biased;
        // When nobody listens any more the process ends.
        _ = shared.events.send(event) => {}
        () = shared.group.cancelled() => {}
    }
}
