//! Reaching a peer: all ways to it, the best with a head start; the first that proves its id wins.

use std::{sync::Arc, time::Duration};

use discovery::{
    Announcer, BridgeEnd,
    greeting::{greet_any, race},
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use identity::{
    NodeId,
    tls::{ALPN_H2, Expected, client_config, server_name},
};
use proto::bridge::v1::{ExplainRequest, control_client::ControlClient};
use runtime::rpc::{PeerInfo, connect_tls};
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;

use crate::{
    limits::{CONNECT_TIMEOUT, EXPLAIN_TIMEOUT, GREET_TIMEOUT, PATH_STAGGER},
    path::{Candidate, Path},
};

/// A connection whose other end has proven to be the wanted peer. Whether it takes us shows with its first frame.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) path: Path,
    pub(crate) channel: Channel,
    pub(crate) info: PeerInfo,
}

/// Tries all ways. The error is a sentence for a person.
pub(crate) async fn dial(
    peer: NodeId,
    candidates: Vec<Candidate>,
    own: Announcer,
) -> Result<Dialled, String> {
    let attempt = |(place, candidate): (u32, Candidate)| {
        let own = &own;
        async move {
            sleep(PATH_STAGGER * place).await;
            let outcome = attempt(peer, &candidate, own).await;
            outcome.map_err(|reason| (candidate, reason))
        }
    };
    let mut running: FuturesUnordered<_> = (0..).zip(candidates).map(attempt).collect();
    let mut failures = Vec::new();
    while let Some(outcome) = running.next().await {
        match outcome {
            Ok(dialled) => return Ok(dialled),
            Err(failure) => failures.push(failure),
        }
    }
    Err(explain_all(peer, failures, &own).await)
}

async fn attempt(peer: NodeId, candidate: &Candidate, own: &Announcer) -> Result<Dialled, String> {
    // The other side needs our certificate before its TLS stack can judge us. Without an answer there may still be one.
    match timeout(GREET_TIMEOUT, greet_any(&candidate.greeting, Some(peer), own)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(peer = %peer.short(), %error, "not greeted"),
        Err(_) => tracing::debug!(peer = %peer.short(), "the greeting took too long"),
    }
    let config =
        client_config(own.identity(), Expected::Node(peer), ALPN_H2).map_err(|error| error.to_string())?;
    let config = Arc::new(config);
    let connected = race(&candidate.secure, |address| {
        connect_tls(address, Arc::clone(&config), server_name(peer), CONNECT_TIMEOUT)
    });
    match connected.await {
        Some(Ok((channel, info))) => Ok(Dialled { path: candidate.path.clone(), channel, info }),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("no address is known".to_owned()),
    }
}

/// Why nothing worked. A bridge knows more about its own refusal than the broken connection tells.
async fn explain_all(peer: NodeId, failures: Vec<(Candidate, String)>, own: &Announcer) -> String {
    let mut sentences = Vec::new();
    for (candidate, reason) in failures {
        let sentence = match &candidate.bridge {
            Some(bridge) => explain(peer, bridge, own).await.unwrap_or_else(|| {
                format!("through the bridge {} it was not reached: {reason}", bridge.id.short())
            }),
            None => format!("on this network it was not reached: {reason}"),
        };
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    if sentences.is_empty() { "no way to it is known".to_owned() } else { sentences.join("; ") }
}

/// Asks a bridge why it refused. None when it does not say, or sees nothing in the way.
async fn explain(peer: NodeId, bridge: &BridgeEnd, own: &Announcer) -> Option<String> {
    let config = client_config(own.identity(), Expected::Node(bridge.id), ALPN_H2).ok()?;
    let limit: Duration = EXPLAIN_TIMEOUT;
    let (channel, _) =
        connect_tls(bridge.control, Arc::new(config), server_name(bridge.id), limit).await.ok()?;
    let request = ExplainRequest { destination: peer.to_bytes() };
    let mut client = ControlClient::new(channel);
    let answer = timeout(limit, client.explain(request)).await.ok()?.ok()?.into_inner();
    (answer.refusal != 0 && !answer.sentence.is_empty()).then_some(answer.sentence)
}
