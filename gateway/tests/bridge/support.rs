//! Bridges and peers for the tests.

use std::{net::SocketAddr, path::Path, time::Duration};

use bytes::Bytes;
use gateway::{Bridge, BridgeConfig, BridgePorts, Discovery, LinkUrl, Port, StartError};
use identity::{
    Announcement, Description, NodeId,
    tls::{ALPN_H2, Expected, Identity, client_config, server_name},
};
use proto::{
    bridge::v1::{
        ExplainRequest, ExplainResponse, FollowEvent, FollowRequest, Link, LinksRequest, PeersRequest,
        Refusal, RegisterRequest, RegisterResponse, RemotePeer, StatusRequest, StatusResponse,
        control_client::ControlClient, follow_event::Kind,
    },
    control::v1::{bridge_client::BridgeClient, node_client::NodeClient},
    node::v1::{self, Network, NodeKind, Ports},
};
use runtime::rpc::{connect_tls, connect_unix};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Status, Streaming, transport::Channel};

/// Generous: nothing here asserts a speed.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
const GRACE: Duration = Duration::from_secs(5);

/// A bridge and its data directory.
pub(crate) struct Node {
    pub(crate) bridge: Bridge,
    pub(crate) data: TempDir,
    name: String,
}

/// The configuration of a test bridge: loopback, free ports, no multicast.
pub(crate) fn config(data: &Path, name: &str) -> BridgeConfig {
    BridgeConfig {
        listen: Some([127, 0, 0, 1].into()),
        ports: BridgePorts::all(Port::Exact(0)),
        discovery: Discovery::Off,
        ..BridgeConfig::new(data, name, format!("{name} network"))
    }
}

impl Node {
    /// A bridge whose data lies elsewhere.
    pub(crate) fn of(bridge: Bridge, name: &str) -> Self {
        Self { bridge, data: tempfile::tempdir().unwrap(), name: name.into() }
    }

    pub(crate) async fn start(name: &str) -> Self {
        Self::start_with(name, |_| {}).await
    }

    pub(crate) async fn start_with(name: &str, change: impl FnOnce(&mut BridgeConfig)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = config(data.path(), name);
        change(&mut config);
        Self { bridge: Bridge::start(config).await.unwrap(), data, name: name.into() }
    }

    /// Stops it and starts it again on the same data.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    /// Starts a bridge on data that is there.
    pub(crate) async fn start_on(data: TempDir, name: &str) -> Self {
        Self::start_on_with(data, name, |_| {}).await
    }

    pub(crate) async fn start_on_with(
        data: TempDir,
        name: &str,
        change: impl FnOnce(&mut BridgeConfig),
    ) -> Self {
        let mut config = config(data.path(), name);
        change(&mut config);
        Self { bridge: Bridge::start(config).await.unwrap(), data, name: name.into() }
    }

    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut BridgeConfig)) -> Self {
        let name = self.name.clone();
        Self::start_on_with(self.stop().await, &name, change).await
    }

    pub(crate) async fn stop(self) -> TempDir {
        self.bridge.shutdown(GRACE).await;
        self.data
    }

    pub(crate) fn id(&self) -> NodeId {
        self.bridge.id()
    }

    pub(crate) fn url(&self) -> LinkUrl {
        LinkUrl { host_port: self.bridge.addresses().link.to_string(), id: self.id() }
    }

    pub(crate) async fn local(&self) -> Channel {
        connect_unix(self.bridge.socket()).await.unwrap()
    }

    pub(crate) async fn console(&self) -> BridgeClient<Channel> {
        BridgeClient::new(self.local().await)
    }

    pub(crate) async fn node_console(&self) -> NodeClient<Channel> {
        NodeClient::new(self.local().await)
    }

    pub(crate) async fn status(&self) -> StatusResponse {
        self.console().await.status(StatusRequest {}).await.unwrap().into_inner()
    }

    pub(crate) async fn links(&self) -> Vec<Link> {
        self.console().await.links(LinksRequest {}).await.unwrap().into_inner().links
    }

    pub(crate) async fn explain(&self, destination: NodeId) -> ExplainResponse {
        let request = ExplainRequest { destination: destination.to_bytes() };
        self.console().await.explain(request).await.unwrap().into_inner()
    }

    /// What the metrics port answers.
    pub(crate) async fn http(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.bridge.addresses().metrics).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    /// A metric without labels, as it is now.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.http("/metrics").await;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// The state of a node in the list of peers, and why.
    pub(crate) async fn state_of(&self, id: NodeId) -> Option<(String, String)> {
        let peers = self.node_console().await.peers(PeersRequest {}).await.unwrap().into_inner().peers;
        peers.into_iter().find(|peer| peer.node_id == id.to_bytes()).map(|peer| (peer.state, peer.reason))
    }

    pub(crate) async fn wait_for_links(&self, wanted: u32) {
        eventually("links", async || (self.status().await.links_up == wanted).then_some(())).await;
    }

    /// Until the refusal that Explain tells is this one.
    pub(crate) async fn wait_for_refusal(&self, destination: NodeId, refusal: Refusal) -> ExplainResponse {
        eventually("refusal", async || {
            let answer = self.explain(destination).await;
            (answer.refusal() == refusal).then_some(answer)
        })
        .await
    }
}

/// Two bridges, the first of which dials the second.
pub(crate) async fn linked_pair() -> (Node, Node) {
    let two = Node::start("cloud").await;
    let url = two.url();
    let one = Node::start_with("home", |config| config.links = vec![url]).await;
    trust(&two, one.id()).await;
    one.wait_for_links(1).await;
    two.wait_for_links(1).await;
    (one, two)
}

pub(crate) async fn trust(node: &Node, id: NodeId) {
    let request = proto::control::v1::AddTrustRequest { node_id: id.to_bytes() };
    node.console().await.add_trust(request).await.unwrap();
}

/// A peer that registers and follows, and does nothing else.
pub(crate) struct FakePeer {
    pub(crate) identity: Identity,
    pub(crate) description: Description,
    sequence: u64,
}

impl FakePeer {
    pub(crate) fn new(name: &str) -> Self {
        Self::of_kind(name, NodeKind::Peer, Vec::new())
    }

    pub(crate) fn of_kind(name: &str, kind: NodeKind, attributes: Vec<v1::Attribute>) -> Self {
        let identity = Identity::ephemeral().unwrap();
        let message = v1::Description {
            kind: kind.into(),
            name: name.into(),
            certificate: identity.certificate().clone(),
            attributes,
            ..v1::Description::default()
        };
        let description = Description::sign(identity.key(), message).unwrap();
        Self { identity, description, sequence: 0 }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.identity.id()
    }

    pub(crate) fn announcement(&mut self, network: Network, homes: &[NodeId]) -> Announcement {
        self.announcement_with(network, homes, Ports { secure: 30_000, greeting: 30_001, ..Ports::default() })
    }

    fn announcement_with(&mut self, network: Network, homes: &[NodeId], ports: Ports) -> Announcement {
        self.sequence += 1;
        let message = v1::Announcement {
            sequence: self.sequence,
            kind: self.description.kind().into(),
            network: Some(network),
            ports: Some(ports),
            homes: homes.iter().map(|home| home.to_bytes()).collect(),
            description_hash: Bytes::copy_from_slice(&self.description.hash()),
            ..v1::Announcement::default()
        };
        Announcement::sign(self.identity.key(), message).unwrap()
    }

    pub(crate) async fn control(&self, node: &Node) -> ControlClient<Channel> {
        ControlClient::new(self.channel(node).await)
    }

    pub(crate) async fn channel(&self, node: &Node) -> Channel {
        self.channel_at(node, node.bridge.addresses().control).await
    }

    /// To an address that leads to the bridge's control port.
    pub(crate) async fn channel_at(&self, node: &Node, address: SocketAddr) -> Channel {
        let config = client_config(&self.identity, Expected::Node(node.id()), ALPN_H2).unwrap();
        let (channel, _) = connect_tls(address, config.into(), server_name(node.id()), LIMIT).await.unwrap();
        channel
    }

    pub(crate) fn request(&self, announcement: &Announcement) -> RegisterRequest {
        RegisterRequest {
            description: Some(self.description.signed().clone()),
            announcement: Some(announcement.signed().clone()),
            goodbye: false,
        }
    }

    /// Registers, naming the bridge as home.
    pub(crate) async fn register(&mut self, node: &Node) -> RegisterResponse {
        let announcement = self.announcement(node.bridge.network().to_proto(), &[node.id()]);
        let request = self.request(&announcement);
        self.control(node).await.register(request).await.unwrap().into_inner()
    }

    /// The same with ports of one's own.
    pub(crate) async fn register_with(&mut self, node: &Node, ports: Ports) {
        let announcement = self.announcement_with(node.bridge.network().to_proto(), &[node.id()], ports);
        let request = self.request(&announcement);
        self.control(node).await.register(request).await.unwrap();
    }

    pub(crate) async fn goodbye(&self, node: &Node) {
        let request = RegisterRequest { goodbye: true, ..RegisterRequest::default() };
        self.control(node).await.register(request).await.unwrap();
    }

    pub(crate) async fn follow(&self, node: &Node) -> Follower {
        Follower(self.control(node).await.follow(FollowRequest {}).await.unwrap().into_inner())
    }
}

/// A stream of changes.
pub(crate) struct Follower(Streaming<FollowEvent>);

impl Follower {
    pub(crate) async fn next(&mut self) -> Result<Kind, Status> {
        let event = tokio::time::timeout(LIMIT, self.0.message()).await.expect("an event comes in time")?;
        Ok(event.ok_or_else(|| Status::unavailable("ended"))?.kind.unwrap())
    }

    /// The next event for which `wanted` gives something.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(&Kind) -> Option<T>) -> T {
        loop {
            let kind = self.next().await.unwrap();
            if let Some(found) = wanted(&kind) {
                return found;
            }
        }
    }

    pub(crate) async fn until_peer(&mut self, id: NodeId) -> RemotePeer {
        self.until(|kind| match kind {
            Kind::Peer(peer) => {
                let description = Description::verify(peer.description.clone().unwrap()).unwrap();
                (description.id() == id).then(|| peer.clone())
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn until_gone(&mut self, id: NodeId) -> Refusal {
        self.until(|kind| match kind {
            Kind::Gone(gone) if gone.node_id == id.to_bytes() => Some(gone.reason()),
            _ => None,
        })
        .await
    }
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(LIMIT, asked).await.unwrap_or_else(|_| panic!("no {what} in time"))
}

/// A start that must fail, and its text.
pub(crate) async fn refused(config: BridgeConfig) -> (StartError, String) {
    match Bridge::start(config).await {
        Ok(bridge) => {
            bridge.shutdown(GRACE).await;
            panic!("the bridge started");
        }
        Err(error) => {
            let text = error.to_string();
            (error, text)
        }
    }
}
