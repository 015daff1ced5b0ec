//! Waking peers that sleep: their waker is asked, and whoever wants to reach them waits until they are there.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use identity::{
    NodeId,
    tls::{ALPN_H2, Expected, Identity, client_config, server_name},
};
use proto::{
    bridge::v1::Refusal,
    claim::v1::{WakeRequest, waker_client::WakerClient},
};
use runtime::{TaskGroup, rpc::connect_tls};
use tokio::time::{sleep, timeout};
use tonic::Code;

use crate::{
    actor::{ActorHandle, Command},
    limits::{MAX_WAKES, WAKE_LIMIT},
    proxy::Wakes,
    table::Table,
};

/// Between two looks whether a peer is there. A start takes a hundred times as long.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Asks wakers. Clones share what is under way.
#[derive(Debug, Clone)]
pub(crate) struct Waking {
    identity: Identity,
    table: Table,
    group: TaskGroup,
    /// The peers about which a waker is being asked: each once, however many want to reach it.
    asked: Arc<Mutex<HashSet<NodeId>>>,
    /// Told of peers that are not kept any more.
    actor: ActorHandle,
}

impl Waking {
    pub(crate) fn new(identity: Identity, table: Table, group: TaskGroup, actor: ActorHandle) -> Self {
        Self { identity, table, group, asked: Arc::default(), actor }
    }

    async fn wake(&self, peer: NodeId, waker: NodeId) -> Result<Vec<SocketAddr>, Refusal> {
        self.ask(peer, waker)?;
        let there = async {
            loop {
                match self.table.peer(&peer) {
                    None => return Err(self.table.why_gone(&peer)),
                    Some(known) if !known.addresses.is_empty() => return Ok(known.addresses.clone()),
                    Some(_) => sleep(LOOK_EVERY).await,
                }
            }
        };
        timeout(WAKE_LIMIT, there).await.unwrap_or(Err(Refusal::PeerNotAnswering))
    }

    /// Has the waker asked, unless that is under way. It goes on when whoever wanted it has gone: they come again.
    pub(crate) fn ask(&self, peer: NodeId, waker: NodeId) -> Result<(), Refusal> {
        let addresses = self.table.peer(&waker).map(|known| known.addresses.clone()).unwrap_or_default();
        if addresses.is_empty() {
            return Err(Refusal::PeerNotAnswering);
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= MAX_WAKES {
            return Err(Refusal::Limit);
        }
        if asked.insert(peer) {
            let waking = self.clone();
            self.group.spawn(tracing::debug_span!("wake", peer = %peer.short()), async move {
                let told = timeout(WAKE_LIMIT, waking.call(peer, waker, &addresses)).await;
                waking.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer);
                match told {
                    Ok(Ok(())) => {}
                    Ok(Err(why)) => tracing::info!(peer = %peer.short(), why, "a peer was not woken"),
                    Err(_) => tracing::info!(peer = %peer.short(), "a waker did not answer in time"),
                }
            });
        }
        Ok(())
    }

    async fn call(&self, peer: NodeId, waker: NodeId, addresses: &[SocketAddr]) -> Result<(), String> {
        let config = client_config(&self.identity, Expected::Node(waker), ALPN_H2);
        let config = Arc::new(config.map_err(|error| error.to_string())?);
        let mut last = "no address of its waker is known".to_owned();
        for address in addresses {
            let connected = connect_tls(*address, Arc::clone(&config), server_name(waker), WAKE_LIMIT).await;
            let channel = match connected {
                Ok((channel, _)) => channel,
                Err(error) => {
                    last = error.to_string();
                    continue;
                }
            };
            let asked = WakerClient::new(channel).wake(WakeRequest { node_id: peer.to_bytes() }).await;
            return match asked {
                Ok(_) => Ok(()),
                Err(status) => {
                    if status.code() == Code::NotFound {
                        // The bridge is stopping: then nobody needs to know.
                        let _ = self.actor.tell(Command::Forgotten(peer)).await;
                    }
                    Err(status.message().to_owned())
                }
            };
        }
        Err(last)
    }
}

impl Wakes for Waking {
    fn wake(&self, peer: NodeId, waker: NodeId) -> BoxFuture<'_, Result<Vec<SocketAddr>, Refusal>> {
        Self::wake(self, peer, waker).boxed()
    }
}
