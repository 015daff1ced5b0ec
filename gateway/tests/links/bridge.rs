//! A bridge's data plane without its log: links, proxy, and a directory that the test writes.

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::{
    endpoint::{Congestion, EndpointSettings, LinkEndpoint},
    link::{
        Admission, DEFAULT_WINDOW_BYTES, Introduction, LinkEvent, LinkParts, LinkTarget, LinkUp, Links,
        incoming_streams,
    },
    proxy::{Directory, NextHop, Origin, Proxy, ProxyParts, limits::ProxyLimits},
    stream::Metrics,
};
use identity::{Description, Network, NodeId, NodeKey, tls::Identity};
use proto::{
    bridge::v1::Refusal,
    node::v1::{self, NodeKind},
};
use runtime::TaskGroup;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};

/// Generous: only a test that would fail waits for so long.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Bridge {
    pub(crate) identity: Identity,
    pub(crate) group: TaskGroup,
    pub(crate) links: Links,
    pub(crate) proxy: Proxy,
    pub(crate) directory: Arc<Map>,
    pub(crate) admission: Arc<Guard>,
    pub(crate) metrics: Metrics,
    pub(crate) address: SocketAddr,
    pub(crate) proxy_address: SocketAddr,
    trust: watch::Sender<Arc<BTreeSet<NodeId>>>,
    events: tokio::sync::Mutex<mpsc::Receiver<LinkEvent>>,
}

pub(crate) struct Options {
    pub(crate) key: NodeKey,
    pub(crate) listen: SocketAddr,
    pub(crate) limits: ProxyLimits,
    pub(crate) window_bytes: u64,
    pub(crate) event_queue: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            key: NodeKey::generate(),
            listen: "127.0.0.1:0".parse().unwrap(),
            limits: ProxyLimits::default(),
            window_bytes: DEFAULT_WINDOW_BYTES,
            event_queue: 1024,
        }
    }
}

impl Bridge {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let identity = Identity::of_key(options.key).unwrap();
        let settings = EndpointSettings { listen: options.listen, congestion: Congestion::Cubic };
        let endpoint = bind(&identity, &settings).await;
        let address = endpoint.local_addr().unwrap();
        let (event_sender, events) = mpsc::channel(options.event_queue);
        let (streams, incoming) = incoming_streams();
        let trust = watch::Sender::new(Arc::new(BTreeSet::new()));
        let (metrics, group) = (Metrics::default(), TaskGroup::new());
        let admission = Arc::new(Guard { secret: Mutex::default(), trust: trust.clone() });
        let links = Links::spawn(
            &group,
            LinkParts {
                endpoint,
                introduction: introduction(&identity),
                trust: trust.subscribe(),
                admission: admission.clone(),
                events: event_sender,
                streams,
                metrics: metrics.clone(),
                window_bytes: options.window_bytes,
            },
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy_address = listener.local_addr().unwrap();
        let directory = Arc::new(Map::default());
        let parts = ProxyParts {
            busy_poll: runtime::BusyPoll::off(),
            listener,
            links: links.clone(),
            incoming,
            directory: directory.clone(),
            limits: options.limits,
            metrics: metrics.clone(),
        };
        let proxy = Proxy::spawn(&group, parts);
        let events = tokio::sync::Mutex::new(events);
        Self {
            identity,
            group,
            links,
            proxy,
            directory,
            admission,
            metrics,
            address,
            proxy_address,
            trust,
            events,
        }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.identity.id()
    }

    pub(crate) fn trust(&self, id: NodeId) {
        trust(&self.trust, id);
    }

    pub(crate) fn distrust(&self, id: NodeId) {
        self.trust.send_modify(|ids| {
            Arc::make_mut(ids).remove(&id);
        });
    }

    pub(crate) fn dial(&self, other: &Self) {
        self.dial_at(other.address, other.id());
    }

    pub(crate) fn dial_at(&self, address: SocketAddr, id: NodeId) {
        self.links.add(LinkTarget { id, host_port: address.to_string(), invitation: None });
    }

    /// The next event that fits; those before it are passed over.
    pub(crate) async fn event<T>(&self, what: &str, fits: impl Fn(LinkEvent) -> Option<T>) -> T {
        let mut events = self.events.lock().await;
        within(what, async {
            loop {
                let event = events.recv().await.expect("the links have ended");
                if let Some(fitting) = fits(event) {
                    return fitting;
                }
            }
        })
        .await
    }

    pub(crate) async fn up(&self) -> LinkUp {
        self.event("a link coming up", |event| if let LinkEvent::Up(up) = event { Some(up) } else { None })
            .await
    }

    pub(crate) async fn down(&self) -> (u64, String) {
        self.event("a link going down", |event| match event {
            LinkEvent::Down { connection, reason, .. } => Some((connection, reason)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn dial_failure(&self) -> String {
        self.event("a dial failing", |event| match event {
            LinkEvent::DialFailed { reason, .. } => Some(reason),
            _ => None,
        })
        .await
    }

    pub(crate) async fn frame(&self) -> Bytes {
        self.event(
            "a frame",
            |event| if let LinkEvent::Frame { frame, .. } = event { Some(frame) } else { None },
        )
        .await
    }

    /// Sends a frame over the link that is up now.
    pub(crate) fn send(&self, to: &Self, frame: Bytes) -> Result<(), gateway::link::SendError> {
        let status = self.links.statuses().into_iter().find(|status| status.bridge == to.id()).unwrap();
        self.links.send(to.id(), status.connection.unwrap(), frame)
    }

    /// Stops it in good order.
    pub(crate) async fn stop(self) {
        assert!(self.group.shutdown(LIMIT).await, "a task did not end");
    }
}

/// A port that was just given up is free once QUIC has said its goodbyes.
async fn bind(identity: &Identity, settings: &EndpointSettings) -> LinkEndpoint {
    within("free port", async {
        loop {
            match LinkEndpoint::bind(identity, settings) {
                Ok(endpoint) => return endpoint,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
}

/// Two bridges with a link between them, dialled by the first.
pub(crate) async fn linked(first: Bridge, second: Bridge) -> (Bridge, Bridge) {
    link(&first, &second).await;
    (first, second)
}

pub(crate) async fn link(first: &Bridge, second: &Bridge) {
    first.trust(second.id());
    second.trust(first.id());
    first.dial(second);
    tokio::join!(first.up(), second.up());
}

fn trust(list: &watch::Sender<Arc<BTreeSet<NodeId>>>, id: NodeId) {
    list.send_modify(|ids| {
        Arc::make_mut(ids).insert(id);
    });
}

pub(crate) fn introduction(identity: &Identity) -> Introduction {
    let message = v1::Description {
        kind: NodeKind::Bridge.into(),
        name: "bridge".into(),
        certificate: identity.certificate().clone(),
        ..v1::Description::default()
    };
    let description = Description::sign(identity.key(), message).unwrap();
    Introduction { description, network: Network::named("net") }
}

pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| panic!("no {what} within {LIMIT:?}"))
}

/// Looks again and again until a condition holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    within(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// The test's directory: every caller is known unless it says otherwise.
#[derive(Default)]
pub(crate) struct Map {
    hops: Mutex<HashMap<NodeId, Result<NextHop, Refusal>>>,
    refused: Mutex<Vec<(NodeId, Refusal)>>,
    pub(crate) strangers_only: AtomicBool,
}

impl Map {
    pub(crate) fn local(&self, peer: NodeId, address: SocketAddr) {
        self.set(peer, Ok(NextHop::Local { addresses: vec![address] }));
    }

    pub(crate) fn via(&self, peer: NodeId, bridge: &Bridge) {
        self.set(peer, Ok(NextHop::Link { bridge: bridge.id() }));
    }

    pub(crate) fn set(&self, peer: NodeId, hop: Result<NextHop, Refusal>) {
        self.hops.lock().unwrap().insert(peer, hop);
    }

    pub(crate) async fn refusal_of(&self, peer: NodeId) -> Refusal {
        let found = || self.refused.lock().unwrap().iter().find(|(id, _)| *id == peer).map(|(_, why)| *why);
        until("refusal", || found().is_some()).await;
        found().unwrap()
    }
}

impl Directory for Map {
    fn next_hop(&self, destination: NodeId, _: Origin, _hops_left: u8) -> Result<NextHop, Refusal> {
        self.hops.lock().unwrap().get(&destination).cloned().unwrap_or(Err(Refusal::UnknownPeer))
    }

    fn caller(&self, _address: IpAddr) -> Option<NodeId> {
        (!self.strangers_only.load(Ordering::Relaxed)).then(|| NodeId::from_bytes([9; 32]))
    }

    fn refused(&self, destination: NodeId, refusal: Refusal) {
        self.refused.lock().unwrap().push((destination, refusal));
    }
}

/// Lets in whoever shows the secret.
pub(crate) struct Guard {
    pub(crate) secret: Mutex<Option<Bytes>>,
    trust: watch::Sender<Arc<BTreeSet<NodeId>>>,
}

impl Admission for Guard {
    fn is_open(&self) -> bool {
        self.secret.lock().unwrap().is_some()
    }

    fn redeem(&self, bridge: NodeId, invitation: Bytes) -> BoxFuture<'_, bool> {
        let good = self.secret.lock().unwrap().take_if(|secret| *secret == invitation).is_some();
        if good {
            trust(&self.trust, bridge);
        }
        Box::pin(std::future::ready(good))
    }
}

/// The bytes of a real TLS hello for a node.
pub(crate) fn client_hello(destination: NodeId) -> Vec<u8> {
    hello_for(identity::tls::server_name(destination), |_| {})
}

pub(crate) fn hello_for(
    name: rustls::pki_types::ServerName<'static>,
    change: impl FnOnce(&mut rustls::ClientConfig),
) -> Vec<u8> {
    let caller = Identity::ephemeral().unwrap();
    let mut config =
        identity::tls::client_config(&caller, identity::tls::Expected::Any, identity::tls::ALPN_H2).unwrap();
    change(&mut config);
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut hello).unwrap();
    }
    hello
}

/// A peer that sends back whatever it gets, and finishes when the caller has.
pub(crate) async fn echo_peer() -> (NodeId, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            spawn(async move {
                let (mut read, mut write) = stream.split();
                if tokio::io::copy(&mut read, &mut write).await.is_ok() {
                    let _ = write.shutdown().await;
                }
            });
        }
    });
    (NodeKey::generate().node_id(), address)
}

/// Calls a peer through a bridge's proxy port: connected, and its echo of the hello taken off.
pub(crate) async fn call(bridge: &Bridge, peer: NodeId) -> TcpStream {
    let mut stream = knock(bridge, &client_hello(peer)).await;
    let mut echoed = vec![0; client_hello(peer).len()];
    within("echo of the hello", stream.read_exact(&mut echoed)).await.unwrap();
    stream
}

pub(crate) async fn knock(bridge: &Bridge, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(bridge.proxy_address).await.unwrap();
    stream.write_all(first).await.unwrap();
    stream
}

/// One message there and back.
pub(crate) async fn ping(stream: &mut TcpStream) {
    within("echo", async {
        stream.write_all(b"is anybody there?").await.unwrap();
        let mut echoed = [0; 17];
        stream.read_exact(&mut echoed).await.unwrap();
        assert_eq!(&echoed, b"is anybody there?");
    })
    .await;
}

/// Everything until the end; a reset counts as an end.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    within("end of the stream", async {
        let _ = stream.read_to_end(&mut read).await;
    })
    .await;
    read
}

#[expect(clippy::disallowed_methods, reason = "a test's peers live as long as its runtime")]
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
