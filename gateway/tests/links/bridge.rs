//! A bridge's data plane without its log: links, proxy, and a directory that the test writes.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use gateway::{
    endpoint::{Congestion, EndpointSettings, LinkEndpoint},
    link::{
        DEFAULT_WINDOW_BYTES, Introduction, LinkEvent, LinkParts, LinkTarget, LinkUp, Links,
        incoming_streams, limits::StreamLimits,
    },
    proxy::{Proxy, ProxyParts, limits::ProxyLimits},
    stream::Metrics,
};
use identity::{Description, Network, NodeId, NodeKey, tls::Identity};
use proto::node::v1::{self, NodeKind};
use runtime::TaskGroup;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};

use super::{
    directory::{Guard, Map, trust},
    waiting::{LIMIT, within},
};

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
    pub(crate) streams: StreamLimits,
    pub(crate) event_queue: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            key: NodeKey::generate(),
            listen: "127.0.0.1:0".parse().unwrap(),
            limits: ProxyLimits::default(),
            window_bytes: DEFAULT_WINDOW_BYTES,
            streams: StreamLimits::default(),
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
        let admission = Arc::new(Guard::new(trust.clone()));
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
                limits: options.streams,
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
            wakes: directory.clone(),
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
