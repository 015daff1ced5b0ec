//! The local control socket: what the command line asks. Whoever may open the data directory is the owner.

use std::sync::Arc;

use identity::{Network, NodeId};
use proto::{
    bridge::v1::{OpenPageRequest, OpenPageResponse, PeersRequest, PeersResponse},
    control::v1::{
        AboutRequest, AboutResponse, DispatcherStatusRequest, DispatcherStatusResponse, KeptPeerRequest,
        KeptPeerResponse, StopRequest, StopResponse,
        dispatcher_server::{Dispatcher, DispatcherServer},
        node_server::{Node, NodeServer},
    },
    node::v1::NodeKind,
};
use runtime::{
    TaskGroup, compressed,
    rpc::{self, Services, unix_incoming},
};
use tokio::{
    net::UnixListener,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, transport::Server};

use crate::{
    admin::AdminLinks,
    config::DispatcherConfig,
    keeper::{Act, Command, told},
    limits::SHUTDOWN_GRACE,
};

/// What reflection tells of.
const DESCRIPTORS: &[&[u8]] = &[proto::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET];

/// The services of the socket.
#[derive(Debug, Clone)]
pub(crate) struct DispatcherControl {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) config: Arc<DispatcherConfig>,
    pub(crate) id: NodeId,
    pub(crate) url: String,
    /// Lines of a port's name and its address.
    pub(crate) listening: Vec<String>,
    /// `None`: the admin page is switched off.
    pub(crate) links: Option<AdminLinks>,
    pub(crate) stop: CancellationToken,
}

/// Serves the socket, with health and reflection.
pub(crate) async fn serve(group: &TaskGroup, listener: UnixListener, service: DispatcherControl) {
    let (health, health_service) = tonic_health::server::health_reporter();
    for name in ["causeway.control.v1.Node", "causeway.control.v1.Dispatcher"] {
        health.set_service_status(name, tonic_health::ServingStatus::Serving).await;
    }
    let node = compressed!(NodeServer::new(service.clone()));
    let dispatcher = compressed!(DispatcherServer::new(service));
    let services = Services::default().with(node).with(dispatcher).with(compressed!(health_service));
    let routes = services.reflected(DESCRIPTORS);
    let served =
        rpc::serve(group.clone(), Server::builder(), routes, unix_incoming(group, listener), SHUTDOWN_GRACE);
    group.spawn(tracing::info_span!("control"), served);
}

impl DispatcherControl {
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Status> {
        let stopping = || Status::unavailable("this dispatcher is stopping");
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }

    async fn act(
        &self,
        request: Request<KeptPeerRequest>,
        act: Act,
    ) -> Result<Response<KeptPeerResponse>, Status> {
        let peer = request.into_inner().peer;
        self.ask(|reply| Command::Act { peer, act, reply }).await??;
        Ok(Response::new(KeptPeerResponse {}))
    }
}

#[tonic::async_trait]
impl Node for DispatcherControl {
    async fn about(&self, _: Request<AboutRequest>) -> Result<Response<AboutResponse>, Status> {
        Ok(Response::new(AboutResponse {
            node_id: self.id.to_bytes(),
            kind: NodeKind::Dispatcher.into(),
            name: self.config.name.clone(),
            network: Some(Network::named(&self.config.membership.network).to_proto()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            listening: self.listening.clone(),
            process_id: std::process::id(),
        }))
    }

    async fn peers(&self, _: Request<PeersRequest>) -> Result<Response<PeersResponse>, Status> {
        Err(Status::unimplemented("a dispatcher does not tell of others; ask one of its peers, or a bridge"))
    }

    async fn stop(&self, _: Request<StopRequest>) -> Result<Response<StopResponse>, Status> {
        self.stop.cancel();
        Ok(Response::new(StopResponse {}))
    }
}

#[tonic::async_trait]
impl Dispatcher for DispatcherControl {
    async fn status(
        &self,
        _: Request<DispatcherStatusRequest>,
    ) -> Result<Response<DispatcherStatusResponse>, Status> {
        let view = self.ask(|reply| Command::Status { reply }).await?;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let about = DispatcherStatusResponse {
            node_id: self.id.to_bytes(),
            name: self.config.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            url: self.url.clone(),
            pool: count(self.config.pool),
            max_peers: count(self.config.max_peers),
            listening: self.listening.clone(),
            ..DispatcherStatusResponse::default()
        };
        Ok(Response::new(told(view, about)))
    }

    async fn open_page(&self, _: Request<OpenPageRequest>) -> Result<Response<OpenPageResponse>, Status> {
        let off = || Status::failed_precondition("the admin page is switched off (--admin off)");
        self.links.as_ref().map(AdminLinks::link).map(Response::new).ok_or_else(off)
    }

    async fn stop_peer(
        &self,
        request: Request<KeptPeerRequest>,
    ) -> Result<Response<KeptPeerResponse>, Status> {
        self.act(request, Act::Stop).await
    }

    async fn wake_peer(
        &self,
        request: Request<KeptPeerRequest>,
    ) -> Result<Response<KeptPeerResponse>, Status> {
        self.act(request, Act::Wake).await
    }

    async fn delete_peer(
        &self,
        request: Request<KeptPeerRequest>,
    ) -> Result<Response<KeptPeerResponse>, Status> {
        self.act(request, Act::Delete).await
    }
}
