//! Keeping a wanted link up: dial, wait, dial again.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use identity::NodeId;
use proto::link::v1::{Close, Purpose};
use quinn::{Connection, ConnectionError};
use runtime::Backoff;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, debug_span};

use super::{
    LinkEvent, LinkState, LinkTarget,
    close::{close, code_of, sentence},
    greet::{GreetError, greet, hello},
    limits::{REDIAL_MAX, REDIAL_MIN, REDIAL_RESET},
    race::{self, RaceError},
    run::{self, Pair, Ready},
    table::{Readiness, Shared},
};

/// Why a dial did not end in a link.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("{0}")]
    Race(#[from] RaceError),
    #[error("{}", greet_sentence(.0))]
    Greet(#[from] GreetError),
    #[error(
        "the other bridge does not trust this one: run `causeway trust add {0}` there, or `causeway invite`"
    )]
    NotTrusted(NodeId),
    #[error("this bridge does not trust the other one any more")]
    TrustRemoved,
    /// The other side's dial came first.
    #[error("a link came up meanwhile")]
    Taken,
}

/// Begins to keep a link up.
pub(super) fn keep_up(shared: &Arc<Shared>, target: LinkTarget) {
    if target.id == shared.own() {
        tracing::warn!(address = target.host_port, "a link to this bridge itself was asked for; not dialled");
        return;
    }
    if let Some(ended) = shared.want(&target) {
        let span = debug_span!("dial", bridge = %target.id.short());
        let task = dial_for_ever(Arc::clone(shared), target, ended);
        shared.group.spawn(span, task);
    }
}

async fn dial_for_ever(shared: Arc<Shared>, target: LinkTarget, ended: CancellationToken) {
    let work = async {
        let mut backoff = Backoff::new(REDIAL_MIN, REDIAL_MAX);
        loop {
            wait_until_due(&shared, target.id, &mut backoff).await;
            shared.note(target.id, LinkState::Connecting, "dialling");
            match attempt(&shared, &target).await {
                Ok(ready) => run::start(&shared, ready),
                Err(DialError::Taken) => {}
                Err(error) => failed(&shared, &target, &error).await,
            }
            if shared.readiness(target.id) == Readiness::Dial {
                sleep(backoff.next()).await;
            }
        }
    };
    tokio::select! {
        biased;
        () = ended.cancelled() => {}
        () = work => {}
    }
}

/// Waits while the link is up, and while the other side is not trusted.
async fn wait_until_due(shared: &Shared, bridge: NodeId, backoff: &mut Backoff) {
    let mut changed = shared.changed.subscribe();
    let mut up_since = None;
    loop {
        match shared.readiness(bridge) {
            Readiness::Dial => break,
            Readiness::Up => {
                up_since.get_or_insert_with(Instant::now);
            }
            Readiness::Untrusted => shared.note(
                bridge,
                LinkState::Refused,
                &format!("this bridge does not trust it: run `causeway trust add {bridge}`"),
            ),
        }
        if changed.changed().await.is_err() {
            // The table is gone, and so is everything that would dial.
            return std::future::pending().await;
        }
    }
    if let Some(since) = up_since {
        if since.elapsed() >= REDIAL_RESET {
            backoff.reset();
        }
        shared.note(bridge, LinkState::Waiting, "the link went down");
        sleep(backoff.next()).await;
    }
}

async fn attempt(shared: &Arc<Shared>, target: &LinkTarget) -> Result<Ready, DialError> {
    let id = target.id;
    let gossip = tokio::select! {
        biased;
        () = until_up(shared, id) => return Err(DialError::Taken),
        connected = race::connect(&shared.endpoint, &target.host_port, id) => connected?,
    };
    let link = rand::random();
    let own = shared.introduction.borrow().clone();
    let invitation = shared.invitation(id);
    let say = |purpose, invitation: Option<&Bytes>| hello(&own, purpose, link, invitation);
    let greeted = greet(&gossip, id, say(Purpose::Gossip, invitation.as_ref())).await;
    let (send, recv, greeting) = greeted.map_err(|error| refused(shared, &gossip, error))?;
    if shared.readiness(id) == Readiness::Up {
        close(&gossip, Close::Replaced, "a link between us is up already");
        return Err(DialError::Taken);
    }
    let streams = race::dial(&shared.endpoint, gossip.remote_address(), id).await?;
    let greeted = greet(&streams, id, say(Purpose::Streams, None)).await;
    let (mut said, ..) = greeted.map_err(|error| refused(shared, &streams, error))?;
    // The hello was all that this stream is for. It fails when the connection has ended, which shows soon.
    let _ = said.finish();
    let introduction = greeting.introduction;
    let pair = Pair { bridge: id, introduction, dialled: true, gossip, frames: (send, recv), streams };
    let admitted = run::admit(shared, pair).map_err(|code| match code {
        Close::NotTrusted => DialError::TrustRemoved,
        _ => DialError::Taken,
    })?;
    shared.forget_invitation(id);
    Ok(admitted)
}

/// Resolves when a link that the other side dialled has come up.
async fn until_up(shared: &Shared, bridge: NodeId) {
    let mut changed = shared.changed.subscribe();
    while shared.readiness(bridge) != Readiness::Up {
        if changed.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// What a hello that was not answered means.
fn refused(shared: &Shared, connection: &Connection, error: GreetError) -> DialError {
    match &error {
        GreetError::Closed(closed) => match code_of(closed) {
            Some(Close::NotTrusted) => return DialError::NotTrusted(shared.own()),
            Some(Close::Replaced) => return DialError::Taken,
            _ => {}
        },
        GreetError::Late | GreetError::Invalid(_) | GreetError::Version(_) | GreetError::Wire(_) => {
            close(connection, Close::Protocol, &error.to_string());
        }
    }
    error.into()
}

async fn failed(shared: &Shared, target: &LinkTarget, error: &DialError) {
    debug!(address = target.host_port, %error, "dial failed");
    let state = match error {
        DialError::NotTrusted(_) | DialError::TrustRemoved => LinkState::Refused,
        DialError::Race(_) | DialError::Greet(_) | DialError::Taken => LinkState::Waiting,
    };
    let mut reason = error.to_string();
    if matches!(error, DialError::Race(RaceError::Silent(_))) {
        reason.push_str("; `causeway doctor --link` tells more");
    }
    shared.note(target.id, state, &reason);
    let event = LinkEvent::DialFailed { bridge: target.id, address: target.host_port.clone(), reason };
    // When nobody listens any more the process ends.
    let _ = shared.events.send(event).await;
}

fn greet_sentence(error: &GreetError) -> String {
    match error {
        GreetError::Closed(
            closed @ (ConnectionError::ApplicationClosed(_) | ConnectionError::ConnectionClosed(_)),
        ) => sentence(closed),
        _ => error.to_string(),
    }
}
