//! `Waker`: what bridges ask, when somebody reaches for a peer that sleeps.

use std::{collections::HashSet, sync::Arc};

use discovery::Snapshot;
use identity::{NodeId, tls::node_of_certificate};
use proto::{
    claim::v1::{
        WakeRequest, WakeResponse,
        waker_server::{Waker, WakerServer},
    },
    node::v1::NodeKind,
};
use runtime::rpc::PeerInfo;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use tonic::{Request, Response, Status};

use crate::{
    keeper::{Absent, Command},
    limits::{MAX_WAKE_BYTES, WAKE_TIMEOUT},
};

#[derive(Debug)]
pub(super) struct WakerService {
    commands: mpsc::Sender<Command>,
    around: watch::Receiver<Arc<Snapshot>>,
    fellows: HashSet<NodeId>,
}

impl WakerService {
    pub(super) fn new(
        commands: mpsc::Sender<Command>,
        around: watch::Receiver<Arc<Snapshot>>,
        fellows: &[NodeId],
    ) -> Self {
        Self { commands, around, fellows: fellows.iter().copied().collect() }
    }

    pub(super) fn server(self) -> WakerServer<Self> {
        runtime::compressed!(WakerServer::new(self)).max_decoding_message_size(MAX_WAKE_BYTES)
    }

    /// Bridges of this network have people behind them who were let in; anybody else has to come through one.
    fn admit<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let info = request.extensions().get::<PeerInfo>();
        let certificate = info.and_then(|info| info.certificate.as_ref());
        let certificate = certificate.ok_or_else(|| Status::unauthenticated("a certificate is needed"))?;
        let caller = node_of_certificate(certificate);
        let caller = caller.map_err(|error| Status::unauthenticated(error.to_string()))?;
        let around = self.around.borrow();
        let is_bridge = around.bridges.iter().any(|bridge| bridge.id == Some(caller))
            || around
                .neighbours
                .get(&caller)
                .is_some_and(|it| it.kind() == NodeKind::Bridge && it.is_direct());
        if is_bridge || self.fellows.contains(&caller) {
            return Ok(());
        }
        Err(Status::permission_denied("only bridges of this network may have peers woken"))
    }
}

#[tonic::async_trait]
impl Waker for WakerService {
    async fn wake(&self, request: Request<WakeRequest>) -> Result<Response<WakeResponse>, Status> {
        self.admit(&request)?;
        let node = NodeId::try_from(&request.into_inner().node_id)
            .map_err(|_| Status::invalid_argument("a node id has 32 bytes"))?;
        let (reply, answer) = oneshot::channel();
        let stopping = || Status::unavailable("this dispatcher is stopping");
        self.commands.send(Command::Route { node, reply }).await.map_err(|_| stopping())?;
        let woken = timeout(WAKE_TIMEOUT, answer).await;
        let woken = woken.map_err(|_| Status::unavailable("it was not ready in time"))?;
        match woken.map_err(|_| stopping())? {
            Ok(_) => {
                tracing::info!(node = %node.short(), "a peer is awake for somebody who wants to reach it");
                Ok(Response::new(WakeResponse {}))
            }
            Err(Absent::Unknown) => Err(Status::not_found("no such peer is kept here")),
            Err(Absent::Broken(why)) => Err(Status::unavailable(why)),
        }
    }
}
