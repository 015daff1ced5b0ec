//! A whole node of the tests: identity, greeting port, discovery.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use discovery::{
    Announcer, Discovery, Event, Metrics, MulticastSettings, Neighbour, Presence, Settings, Snapshot,
    greeting::{GreetingService, Known, Met, Resolver},
};
use identity::{Description, Network, NodeId, NodeKey, tls::Identity};
use proto::node::v1::{self, NodeKind, Ports};
use runtime::{
    TaskGroup,
    rpc::{self, AcceptLimits, PortChoice, bind_tcp, tcp_incoming},
};
use tokio::{sync::mpsc, time::timeout};
use tonic::service::Routes;

/// No condition takes this long on any machine that is not broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Node {
    pub(crate) discovery: Discovery,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) greeting: SocketAddr,
    pub(crate) metrics: Metrics,
    pub(crate) identity: Identity,
    pub(crate) group: TaskGroup,
}

/// What a node of the tests is.
pub(crate) struct Plan {
    pub(crate) identity: Identity,
    pub(crate) kind: NodeKind,
    pub(crate) network: Network,
    pub(crate) start: u64,
    pub(crate) control: u16,
    pub(crate) settings: Settings,
    /// Attributes of the greatest length in its description.
    pub(crate) padding: usize,
}

/// Answers for the node itself, and lets its discovery know who greeted.
struct Meeting(mpsc::UnboundedSender<Met>);

impl Resolver for Meeting {
    fn known(&self, _wanted: &NodeId) -> Option<Known> {
        None
    }

    fn met(&self, met: Met) {
        let _ = self.0.send(met);
    }
}

impl Plan {
    pub(crate) fn new(name: &str, settings: Settings) -> Self {
        let identity = Identity::of_key(NodeKey::from_seed(*blake(name))).unwrap();
        let network = Network::named("home");
        Self { identity, kind: NodeKind::Peer, network, start: 1, control: 0, settings, padding: 0 }
    }

    pub(crate) fn announcer(&self, ports: Ports) -> Announcer {
        let name = format!("node {}", self.identity.id().short());
        let description = self.description(&name, self.padding);
        let (network, homes) = (self.network.clone(), Vec::new());
        Announcer::new(&self.identity, self.start, Presence { network, ports, homes, description }).unwrap()
    }
}

impl Plan {
    pub(crate) fn description(&self, name: &str, padding: usize) -> Description {
        let attribute = |number| v1::Attribute {
            key: format!("{number}"),
            value: "x".repeat(identity::MAX_ATTRIBUTE_VALUE_BYTES),
        };
        let description = v1::Description {
            kind: self.kind.into(),
            name: name.into(),
            certificate: self.identity.certificate().clone(),
            attributes: (0..padding).map(attribute).collect(),
            ..v1::Description::default()
        };
        Description::sign(self.identity.key(), description).unwrap()
    }
}

impl Node {
    pub(crate) fn start(plan: Plan) -> Self {
        let group = TaskGroup::new();
        let listener = bind_tcp(PortChoice::Exact(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ports = Ports { greeting: port.into(), control: plan.control.into(), ..Ports::default() };
        let announcer = plan.announcer(ports);
        let metrics = Metrics::default();
        let (discovery, events) = Discovery::spawn(&group, plan.settings, announcer.clone(), metrics.clone());
        let (meeting, mut met) = mpsc::unbounded_channel();
        let service = GreetingService::new(announcer, Arc::new(Meeting(meeting)), metrics.clone());
        let incoming = tcp_incoming(&group, listener, AcceptLimits::default());
        let routes = Routes::new(service);
        let served = rpc::serve(group.clone(), rpc::server(), routes, incoming, Duration::ZERO);
        group.spawn(tracing::info_span!("greeting"), served);
        let meets = discovery.clone();
        group.spawn(tracing::info_span!("met"), async move {
            while let Some(met) = met.recv().await {
                meets.met(met);
            }
        });
        let greeting = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { discovery, events, greeting, metrics, identity: plan.identity, group }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.identity.id()
    }

    /// The next event that fits, whatever comes before it.
    pub(crate) async fn until<T>(&mut self, what: &str, fits: impl Fn(&Event) -> Option<T>) -> T {
        let seen = timeout(LIMIT, async {
            loop {
                let event = self.events.recv().await.expect("discovery goes on");
                if let Some(found) = fits(&event) {
                    return found;
                }
            }
        });
        seen.await.unwrap_or_else(|_| panic!("never seen: {what}"))
    }

    /// Waits until what is known fits.
    pub(crate) async fn known<T>(&self, what: &str, fits: impl Fn(&Snapshot) -> Option<T>) -> T {
        let mut snapshots = self.discovery.watch();
        let seen = timeout(LIMIT, async {
            loop {
                if let Some(found) = fits(&snapshots.borrow_and_update()) {
                    return found;
                }
                snapshots.changed().await.expect("discovery goes on");
            }
        });
        seen.await.unwrap_or_else(|_| panic!("never known: {what}"))
    }

    /// Waits until a node is known together with its description.
    pub(crate) async fn described(&self, id: NodeId) -> Arc<Neighbour> {
        let described =
            |snapshot: &Snapshot| snapshot.neighbours.get(&id).filter(|node| node.is_described()).cloned();
        self.known("the description", described).await
    }

    /// Ends without a goodbye, as a crash does.
    pub(crate) async fn crash(self) {
        self.group.abort();
        self.group.shutdown(Duration::ZERO).await;
    }

    pub(crate) async fn stop(self) {
        self.discovery.shutdown().await;
        self.group.shutdown(LIMIT).await;
    }
}

/// Multicast on the loopback interface alone, on a port that no other test has.
pub(crate) fn loopback(port: u16) -> Settings {
    on_interface("lo", port)
}

pub(crate) fn on_interface(interface: &str, port: u16) -> Settings {
    let multicast = MulticastSettings { port, interfaces: vec![interface.into()] };
    Settings { multicast: Some(multicast), ..Settings::default() }
}

pub(crate) fn without_multicast() -> Settings {
    Settings { multicast: None, ..Settings::default() }
}

/// Waits until something holds that tells nobody when it changes.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let seen = timeout(LIMIT, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    seen.await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn appeared(id: NodeId) -> impl Fn(&Event) -> Option<Instant> {
    move |event| match event {
        Event::Appeared(node) if node.id() == id => Some(Instant::now()),
        _ => None,
    }
}

fn blake(name: &str) -> Box<[u8; 32]> {
    let mut seed = [0; 32];
    for (place, byte) in name.bytes().enumerate() {
        seed[place % 32] ^= byte.rotate_left(u32::try_from(place / 32).unwrap());
    }
    Box::new(seed)
}
