//! Peers in temporary directories, and clients of their local control.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use identity::NodeId;
use peer::{Discovery, Peer, PeerConfig, PeerPorts, Port, Target};
use proto::control::v1::{
    DeliveryState, InboxItem, InboxRequest, MessengerStatusRequest, MessengerStatusResponse, SendRequest,
    messenger_client::MessengerClient,
};
use tempfile::TempDir;
use tonic::{Status, Streaming, transport::Channel};

/// Generous: the machine may be busy with other things.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A running peer with its directory and a client of its control.
pub(crate) struct Node {
    pub(crate) peer: Peer,
    pub(crate) client: MessengerClient<Channel>,
    pub(crate) config: PeerConfig,
    /// Removed with the last one that holds it.
    _data: Option<TempDir>,
}

/// A peer on loopback that finds others only by the given greeting ports.
pub(crate) async fn start(name: &str, peers: &[SocketAddr]) -> Node {
    let data = tempfile::tempdir().unwrap();
    let mut config = config(name, data.path());
    config.peers = peers.iter().map(|address| Target::new(*address, None)).collect();
    let mut node = start_with(config).await;
    node._data = Some(data);
    node
}

pub(crate) fn config(name: &str, data: &Path) -> PeerConfig {
    let mut config = PeerConfig::new(data, name, "test");
    config.listen = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    config.ports = PeerPorts::all(Port::Exact(0));
    config.discovery = Discovery::Off;
    config
}

pub(crate) async fn start_with(config: PeerConfig) -> Node {
    let peer = Peer::start(config.clone()).await.unwrap();
    let channel = runtime::rpc::connect_unix(peer.control_socket()).await.unwrap();
    Node { peer, client: MessengerClient::new(channel), config, _data: None }
}

impl Node {
    pub(crate) fn id(&self) -> NodeId {
        self.peer.id()
    }

    pub(crate) fn greeting(&self) -> SocketAddr {
        self.peer.addresses().greeting
    }

    /// The same data directory and ports again.
    pub(crate) async fn restart(self) -> Self {
        let Self { peer, mut config, _data, .. } = self;
        let addresses = peer.addresses();
        peer.shutdown().await;
        config.ports = PeerPorts {
            secure: Port::Exact(addresses.secure.port()),
            greeting: Port::Exact(addresses.greeting.port()),
        };
        let mut node = start_with(config).await;
        node._data = _data;
        node
    }

    pub(crate) async fn send(&mut self, to: impl ToString, text: &str) -> Result<InboxItem, Status> {
        let request =
            SendRequest { to: to.to_string(), text: text.into(), wait_ms: 0, ..SendRequest::default() };
        Ok(self.client.send(request).await?.into_inner().message.unwrap())
    }

    /// Sends, and waits for the delivery.
    pub(crate) async fn deliver(&mut self, to: impl ToString, text: &str) -> InboxItem {
        let wait_ms = LIMIT.as_millis() as u32;
        let request =
            SendRequest { to: to.to_string(), text: text.into(), wait_ms, ..SendRequest::default() };
        let item = self.client.send(request).await.unwrap().into_inner().message.unwrap();
        assert_eq!(item.state(), DeliveryState::AtPeer, "{}", item.reason);
        item
    }

    pub(crate) async fn inbox(&mut self) -> Vec<InboxItem> {
        let mut stream = self.client.inbox(InboxRequest::default()).await.unwrap().into_inner();
        let mut items = Vec::new();
        while let Some(item) = stream.message().await.unwrap() {
            items.push(item);
        }
        items
    }

    pub(crate) async fn texts(&mut self) -> Vec<String> {
        self.inbox().await.into_iter().map(|item| item.text).collect()
    }

    pub(crate) async fn follow(&mut self) -> Streaming<InboxItem> {
        let request = InboxRequest { follow: true, ..InboxRequest::default() };
        self.client.inbox(request).await.unwrap().into_inner()
    }

    pub(crate) async fn status(&mut self) -> MessengerStatusResponse {
        self.client.status(MessengerStatusRequest {}).await.unwrap().into_inner()
    }
}

/// Waits until `check` gives something.
pub(crate) async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let end = tokio::time::Instant::now() + LIMIT;
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < end, "did not happen in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a node knows that many peers.
pub(crate) async fn until_online(node: &mut Node, peers: u32) {
    eventually("peers are known", async || (node.status().await.peers_online >= peers).then_some(())).await;
}
