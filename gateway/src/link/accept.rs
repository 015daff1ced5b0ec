//! Taking in links that other bridges dial.

use std::{net::IpAddr, sync::Arc, time::Duration};

use identity::{NodeId, tls::node_of_peer};
use proto::link::v1::{Close, Purpose};
use quinn::{Connection, Incoming, RecvStream, SendStream, VarInt};
use rustls::pki_types::CertificateDer;
use tokio::time::timeout;
use tracing::{debug, debug_span};

use super::{
    close::close,
    greet::{Greeting, answer, be_greeted, hello},
    limits::{DIAL_LIMIT, MAX_HANDSHAKES, MAX_HANDSHAKES_PER_ADDRESS, PAIR_LIMIT, RETRY_HANDSHAKES},
    run::{self, Pair},
    table::Shared,
};
use crate::stream::{Permit, Quota, Raised};

/// How long the other sides are given to hear that this one closes.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// A connection whose first hello was heard.
struct Guest {
    bridge: NodeId,
    connection: Connection,
    stream: (SendStream, RecvStream),
    greeting: Greeting,
}

/// Accepts connections until the group ends, then closes all of them.
pub(super) async fn run(shared: Arc<Shared>) {
    let handshakes = Quota::new(MAX_HANDSHAKES, MAX_HANDSHAKES_PER_ADDRESS);
    loop {
        let incoming = tokio::select! {
            biased;
            () = shared.group.cancelled() => break,
            incoming = shared.endpoint.accept() => incoming,
        };
        let Some(incoming) = incoming else { break };
        consider(&shared, incoming, &handshakes);
    }
    let code = VarInt::from_u32(Close::Shutdown as u32);
    if timeout(CLOSE_LIMIT, shared.endpoint.close(code, "this bridge stops")).await.is_err() {
        debug!("some bridges did not hear that this one stops");
    }
}

/// Spends nothing on whoever is one too many, or has not shown that its address is its own while many knock.
fn consider(shared: &Arc<Shared>, incoming: Incoming, handshakes: &Quota<IpAddr>) {
    if handshakes.len() >= RETRY_HANDSHAKES && !incoming.remote_address_validated() {
        // It cannot fail for an address that is not validated.
        let _ = incoming.retry();
        return;
    }
    let address = incoming.remote_address();
    let Some(place) = handshakes.acquire(address.ip().to_canonical()) else {
        shared.metrics.handshakes_refused.inc();
        return incoming.refuse();
    };
    let span = debug_span!("accept", %address);
    shared.group.spawn(span, take_in(Arc::clone(shared), incoming, place));
}

async fn take_in(shared: Arc<Shared>, incoming: Incoming, place: Permit<IpAddr>) {
    let guest = {
        let _raised = Raised::new(&shared.metrics.handshakes);
        let guest = tokio::select! {
            biased;
            () = shared.group.cancelled() => return,
            guest = welcome(&shared, incoming) => guest,
        };
        drop(place);
        guest
    };
    match guest {
        Some(guest) if guest.greeting.purpose == Purpose::Gossip => await_second(&shared, guest).await,
        Some(guest) => complete(&shared, guest),
        None => {
            shared.metrics.handshakes_refused.inc();
        }
    }
}

/// The TLS handshake, the check of trust, and the hello.
async fn welcome(shared: &Shared, incoming: Incoming) -> Option<Guest> {
    let connection = match timeout(DIAL_LIMIT, incoming).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return debug_none(&error),
        Err(error) => return debug_none(&error),
    };
    let bridge = proven_id(&connection)?;
    if bridge == shared.own() {
        close(&connection, Close::Protocol, "this is the same bridge: it dialled itself");
        return None;
    }
    if !shared.is_trusted(bridge) && !shared.admission.is_open() {
        return send_away(&connection, bridge);
    }
    let (send, recv, greeting) = match be_greeted(&connection, bridge).await {
        Ok(heard) => heard,
        Err(error) => {
            close(&connection, Close::Protocol, &error.to_string());
            return debug_none(&error);
        }
    };
    if !shared.is_trusted(bridge) {
        let invitation = greeting.invitation.clone();
        let redeemed = !invitation.is_empty() && shared.admission.redeem(bridge, invitation).await;
        if !redeemed || !shared.is_trusted(bridge) {
            return send_away(&connection, bridge);
        }
    }
    Some(Guest { bridge, connection, stream: (send, recv), greeting })
}

fn send_away(connection: &Connection, bridge: NodeId) -> Option<Guest> {
    debug!(bridge = %bridge.short(), "a bridge that is not trusted was sent away");
    close(connection, Close::NotTrusted, "you are not on the trust list");
    None
}

fn debug_none(error: &dyn std::fmt::Display) -> Option<Guest> {
    debug!(%error, "a connection for a link did not come about");
    None
}

/// Answers on the first connection and waits for the second one.
async fn await_second(shared: &Arc<Shared>, guest: Guest) {
    let Guest { bridge, connection: gossip, stream: (mut send, recv), greeting } = guest;
    let Some(mut half) = shared.halves.expect(bridge, greeting.link) else {
        return close(&gossip, Close::Limit, "too many links are only half there");
    };
    let own = shared.introduction.borrow().clone();
    if answer(&mut send, hello(&own, Purpose::Gossip, greeting.link, None)).await.is_err() {
        return;
    }
    let second = tokio::select! {
        biased;
        () = shared.group.cancelled() => return,
        _ = gossip.closed() => return,
        second = timeout(PAIR_LIMIT, half.second()) => second,
    };
    drop(half);
    let Ok(Some((streams, mut said))) = second else {
        return close(&gossip, Close::Protocol, "the link's second connection did not come");
    };
    let introduction = greeting.introduction;
    let pair = Pair { bridge, introduction, dialled: false, gossip, frames: (send, recv), streams };
    // First into the table, then the answer: so the dialling side knows that the link stands.
    let Ok(ready) = run::admit(shared, pair) else { return };
    let answered = answer(&mut said, hello(&own, Purpose::Streams, greeting.link, None)).await;
    // When either fails the connection has ended, which the link's task sees.
    let _ = answered.is_ok_and(|()| said.finish().is_ok());
    run::start(shared, ready);
}

/// Hands the second connection to the task that waits for it.
fn complete(shared: &Shared, guest: Guest) {
    let Guest { bridge, connection, stream: (send, _), greeting } = guest;
    if let Err((connection, _)) = shared.halves.complete(bridge, greeting.link, (connection, send)) {
        close(&connection, Close::Protocol, "no link waits for this connection");
    }
}

fn proven_id(connection: &Connection) -> Option<NodeId> {
    let identity = connection.peer_identity()?;
    let certificates = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    node_of_peer(Some(&certificates))
}
