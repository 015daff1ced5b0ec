//! Peers of fellows: other dispatchers of the same network that may give out this one's peers, as it may give out theirs.
//!
//! Nothing is agreed between them. Each peer decides whose it becomes; who was too late tries the next one.

mod catalog;
mod listed;

use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use identity::{
    NodeId,
    tls::{ALPN_H2, Expected, client_config, server_name},
};
use proto::claim::v1::{HolderResponse, WakeRequest, waker_client::WakerClient};
use runtime::rpc::connect_tls;
use tokio::time::{Instant, sleep, timeout};
use tonic::Code;

pub(crate) use self::{
    catalog::{Catalog, Heard},
    listed::Listed,
};
use crate::{
    backend::{Backend, Instance, Running},
    claims,
    limits::{BRIDGE_TIMEOUT, MAX_REACHED, REACHED_LASTS, START_TIMEOUT, WAKE_TIMEOUT},
    network::Node,
};

/// Between two looks whether a peer that was woken is there.
const PAUSE: Duration = Duration::from_millis(50);

/// See the module.
pub(crate) struct Fellows {
    node: Node,
    fellows: Vec<NodeId>,
    catalog: Arc<dyn Catalog>,
    /// Where peers were a moment ago: a page makes many requests.
    reached: Mutex<HashMap<NodeId, (Running, Instant)>>,
}

/// A peer of a fellow, and whose it says it is.
pub(crate) type Reached = (Running, HolderResponse);

impl Fellows {
    pub(crate) fn new(node: Node, fellows: Vec<NodeId>, catalog: Arc<dyn Catalog>) -> Self {
        Self { node, fellows, catalog, reached: Mutex::default() }
    }

    /// There is nobody to give out peers of.
    pub(crate) fn is_empty(&self) -> bool {
        self.fellows.is_empty()
    }

    /// Vacant peers that may be claimed here, in an order that differs from fellow to fellow.
    pub(crate) async fn vacant(&self) -> Vec<NodeId> {
        if self.is_empty() { Vec::new() } else { self.catalog.vacant().await }
    }

    /// Says to the others that a vacant peer is about to be claimed. False: somebody else said so.
    pub(crate) async fn mark(&self, peer: NodeId) -> bool {
        self.catalog.mark(peer).await
    }

    /// Where a peer's page is, for a request to it.
    pub(crate) async fn route(&self, peer: NodeId) -> Result<Running, String> {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner).get(&peer).copied();
        if let Some((running, since)) = reached
            && since.elapsed() < REACHED_LASTS
        {
            return Ok(running);
        }
        Ok(self.reach(peer).await?.0)
    }

    /// It is not where it was.
    pub(crate) fn forget(&self, peer: NodeId) {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer);
    }

    /// Finds a peer, has it woken if it sleeps, and asks how it is. The error is a sentence for a person.
    pub(crate) async fn reach(&self, peer: NodeId) -> Result<Reached, String> {
        let found = match self.catalog.find(peer).await {
            Some(secure) => self.ask(peer, secure).await,
            None => Err("it is not there".to_owned()),
        };
        let (running, holder) = match found {
            Ok(reached) => reached,
            Err(_) => self.woken(peer).await?,
        };
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if reached.len() >= MAX_REACHED {
            reached.clear();
        }
        reached.insert(peer, (running, Instant::now()));
        Ok((running, holder))
    }

    async fn woken(&self, peer: NodeId) -> Result<Reached, String> {
        self.have_woken(peer).await?;
        let appears = async {
            loop {
                if let Some(secure) = self.catalog.find(peer).await
                    && let Ok(reached) = self.ask(peer, secure).await
                {
                    return reached;
                }
                sleep(PAUSE).await;
            }
        };
        timeout(START_TIMEOUT, appears).await.map_err(|_| "it was woken, and is not there yet".to_owned())
    }

    /// Asks each fellow until one has the peer.
    async fn have_woken(&self, peer: NodeId) -> Result<(), String> {
        let mut why = "no fellow of this dispatcher keeps it".to_owned();
        for fellow in &self.fellows {
            match self.ask_to_wake(*fellow, peer).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => why = format!("dispatcher {}: {error}", fellow.short()),
            }
        }
        Err(why)
    }

    /// False: that fellow does not keep it.
    async fn ask_to_wake(&self, fellow: NodeId, peer: NodeId) -> Result<bool, String> {
        let around = self.node.discovery.snapshot();
        let known = around.neighbours.get(&fellow).map(|known| known.at(|ports| ports.secure));
        let address = known.and_then(|addresses| addresses.first().copied());
        let address = address.ok_or("it is not there, or not in this network")?;
        let config = client_config(&self.node.own, Expected::Node(fellow), ALPN_H2);
        let config = Arc::new(config.map_err(|error| error.to_string())?);
        let connected = connect_tls(address, config, server_name(fellow), BRIDGE_TIMEOUT).await;
        let (channel, _) = connected.map_err(|error| error.to_string())?;
        let mut waker = WakerClient::new(channel);
        let asked = timeout(WAKE_TIMEOUT, waker.wake(WakeRequest { node_id: peer.to_bytes() })).await;
        match asked.map_err(|_| "it did not answer in time".to_owned())? {
            Ok(_) => Ok(true),
            Err(status) if status.code() == Code::NotFound => Ok(false),
            Err(status) => Err(status.message().to_owned()),
        }
    }

    async fn ask(&self, peer: NodeId, secure: SocketAddr) -> Result<Reached, String> {
        let holder = claims::look(&self.node.own, peer, secure).await?;
        let page = page_of(&holder, secure)?;
        Ok((Running { node: peer, secure, page, instance: Instance::Elsewhere }, holder))
    }
}

#[tonic::async_trait]
impl Backend for Fellows {
    async fn start(&self, _number: u64, known: Option<NodeId>) -> Result<Running, String> {
        let known = known.ok_or("it was never seen")?;
        Ok(self.reach(known).await?.0)
    }

    /// Whoever keeps it stops it.
    async fn stop(&self, _number: u64) -> Result<(), String> {
        Ok(())
    }

    async fn remove(&self, _number: u64) -> Result<(), String> {
        Ok(())
    }

    async fn numbers(&self) -> Result<Vec<u64>, String> {
        Ok(Vec::new())
    }

    fn is_alive(&self, _number: u64, running: &Running) -> bool {
        self.catalog.is_there(running.node)
    }
}

/// The page of a peer, as it is reached from here.
fn page_of(holder: &HolderResponse, secure: SocketAddr) -> Result<SocketAddr, String> {
    let page: SocketAddr = holder.page.parse().map_err(|_| "it has no page".to_owned())?;
    if page.ip().is_unspecified() {
        return Ok(SocketAddr::new(secure.ip(), page.port()));
    }
    if page.ip().is_loopback() && !is_of_this_machine(secure) {
        return Err("its page is open to its own machine only, and that is another one".into());
    }
    Ok(page)
}

/// The system reaches its own addresses from themselves.
fn is_of_this_machine(address: SocketAddr) -> bool {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let from = UdpSocket::bind(any).and_then(|socket| {
        socket.connect(address)?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip().to_canonical() == address.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(page: &str, secure: &str) -> Result<SocketAddr, String> {
        let holder = HolderResponse { page: page.into(), ..HolderResponse::default() };
        page_of(&holder, secure.parse().unwrap())
    }

    #[test]
    fn a_page_is_where_the_peer_is() {
        assert_eq!(page("0.0.0.0:30003", "10.1.2.3:30000"), Ok("10.1.2.3:30003".parse().unwrap()));
        assert_eq!(page("10.9.9.9:1", "10.1.2.3:30000"), Ok("10.9.9.9:1".parse().unwrap()));
        assert_eq!(page("127.0.0.1:5", "127.0.0.1:30000"), Ok("127.0.0.1:5".parse().unwrap()));
        // 192.0.2.0/24 is of nobody (RFC 5737).
        assert!(page("127.0.0.1:5", "192.0.2.7:30000").is_err());
        assert!(page("", "10.1.2.3:30000").is_err());
    }
}
