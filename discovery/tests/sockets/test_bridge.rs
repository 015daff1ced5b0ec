//! A bridge's control port as discovery needs it: real TLS and gRPC, and a say in what it tells.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use identity::{
    Announcement, Description, Network, NetworkId,
    tls::{ALPN_H2, Identity, server_config},
};
use proto::bridge::v1::{
    AsleepRequest, AsleepResponse, ExplainRequest, ExplainResponse, FollowEvent, FollowRequest, LinksRequest,
    LinksResponse, OpenPageRequest, OpenPageResponse, PeersRequest, PeersResponse, RegisterRequest,
    RegisterResponse, RemotePeer, StatusRequest, StatusResponse, WakeRequest, WakeResponse,
    control_server::{Control, ControlServer},
    follow_event::Kind,
};
use proto::node::v1::{self, NodeKind};
use runtime::{
    TaskGroup,
    rpc::{self, AcceptLimits, PortChoice, bind_tcp, tls_incoming},
};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::mpsc,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, service::Routes};

pub(crate) struct TestBridge {
    pub(crate) identity: Identity,
    pub(crate) address: SocketAddr,
    pub(crate) network: Network,
    shared: Arc<Shared>,
    /// A runtime of its own: when it ends, every connection breaks, as in a crash.
    runtime: Option<Runtime>,
}

#[derive(Default)]
struct Shared {
    registered: Mutex<Vec<(Announcement, bool)>>,
    followers: Mutex<Vec<mpsc::UnboundedSender<Result<FollowEvent, Status>>>>,
}

struct Service {
    shared: Arc<Shared>,
    description: Description,
    network: Network,
    lease: Duration,
}

/// Waits for the port: a client that tries to reach a bridge that is gone may get that port as its own for a moment.
fn listen(address: SocketAddr) -> TcpListener {
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        match bind_tcp(PortChoice::Exact(address)) {
            Ok(listener) => return listener,
            Err(error) => assert!(Instant::now() < give_up, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl TestBridge {
    pub(crate) fn start(network: &str, port: u16, lease: Duration) -> Self {
        Self::start_as(Identity::ephemeral().unwrap(), network, port, lease)
    }

    pub(crate) fn start_as(identity: Identity, network: &str, port: u16, lease: Duration) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let entered = runtime.enter();
        let group = TaskGroup::new();
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], port)));
        let address = listener.local_addr().unwrap();
        let description = v1::Description {
            kind: NodeKind::Bridge.into(),
            name: "bridge".into(),
            certificate: identity.certificate().clone(),
            ..v1::Description::default()
        };
        let description = Description::sign(identity.key(), description).unwrap();
        let network = Network { id: Some(NetworkId::from_bytes([4; 16])), ..Network::named(network) };
        let shared = Arc::new(Shared::default());
        let service = Service { shared: Arc::clone(&shared), description, network: network.clone(), lease };
        let config = Arc::new(server_config(&identity, ALPN_H2).unwrap());
        let incoming = tls_incoming(&group, listener, config, AcceptLimits::default());
        let routes = Routes::new(ControlServer::new(service));
        let served = rpc::serve(group.clone(), rpc::server(), routes, incoming, Duration::ZERO);
        group.spawn(tracing::info_span!("control"), served);
        drop(entered);
        Self { identity, address, network, shared, runtime: Some(runtime) }
    }

    /// How often who registered, and the last announcement.
    pub(crate) fn registered(&self) -> Vec<(Announcement, bool)> {
        self.shared.registered.lock().unwrap().clone()
    }

    pub(crate) fn followers(&self) -> usize {
        self.shared.followers.lock().unwrap().iter().filter(|follower| !follower.is_closed()).count()
    }

    pub(crate) fn tell(&self, kind: Kind) {
        for follower in self.shared.followers.lock().unwrap().iter() {
            let _ = follower.send(Ok(FollowEvent { kind: Some(kind.clone()) }));
        }
    }

    /// What it would tell of a remote peer.
    pub(crate) fn remote(&self, announcer: &discovery::Announcer) -> RemotePeer {
        let (description, announcement) = announcer.records();
        RemotePeer {
            description: Some(description.signed().clone()),
            announcement: Some(announcement.signed().clone()),
            route: vec![self.identity.id().to_bytes(), vec![8; 32].into()],
            cost_us: 7_000,
            network: Some(announcer.network().to_proto()),
            asleep: false,
            addresses: Vec::new(),
        }
    }

    /// Ends it and all its connections without a word.
    pub(crate) fn crash(self) {
        drop(self);
    }
}

impl Drop for TestBridge {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[tonic::async_trait]
impl Control for Service {
    type FollowStream = UnboundedReceiverStream<Result<FollowEvent, Status>>;

    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        let request = request.into_inner();
        let announcement = Announcement::verify(request.announcement.unwrap()).unwrap();
        self.shared.registered.lock().unwrap().push((announcement, request.goodbye));
        Ok(Response::new(RegisterResponse {
            lease_ms: u32::try_from(self.lease.as_millis()).unwrap(),
            network: Some(self.network.to_proto()),
            proxy_port: 30_010,
            greeting_port: 30_011,
            description: Some(self.description.signed().clone()),
            observed_address: vec![127, 0, 0, 1].into(),
        }))
    }

    async fn follow(&self, _: Request<FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        let (follower, events) = mpsc::unbounded_channel();
        self.shared.followers.lock().unwrap().push(follower);
        Ok(Response::new(UnboundedReceiverStream::new(events)))
    }

    async fn explain(&self, _: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        Err(Status::unimplemented("not for these tests"))
    }

    async fn asleep(&self, _: Request<AsleepRequest>) -> Result<Response<AsleepResponse>, Status> {
        Err(Status::unimplemented("not for these tests"))
    }

    async fn wake(&self, _: Request<WakeRequest>) -> Result<Response<WakeResponse>, Status> {
        Err(Status::unimplemented("not for these tests"))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        Err(Status::unimplemented("not for these tests"))
    }

    async fn links(&self, _: Request<LinksRequest>) -> Result<Response<LinksResponse>, Status> {
        Err(Status::unimplemented("not for these tests"))
    }

    async fn open_page(&self, _: Request<OpenPageRequest>) -> Result<Response<OpenPageResponse>, Status> {
        Err(Status::unimplemented("not for these tests"))
    }

    async fn peers(&self, _: Request<PeersRequest>) -> Result<Response<PeersResponse>, Status> {
        Err(Status::unimplemented("not for these tests"))
    }
}
