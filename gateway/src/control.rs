//! The control port: gRPC under mutual TLS for the nodes of the network, and for operators.

mod asleep;
mod callers;
mod follow;
mod register;

use std::{pin::Pin, sync::Mutex};

use futures_util::Stream;
use identity::NodeId;
use proto::bridge::v1::{
    AsleepRequest, AsleepResponse, ExplainRequest, ExplainResponse, FollowEvent, FollowRequest, LinksRequest,
    LinksResponse, OpenPageRequest, OpenPageResponse, PeersRequest, PeersResponse, RegisterRequest,
    RegisterResponse, StatusRequest, StatusResponse, WakeRequest, WakeResponse, control_server::Control,
};
use tonic::{Request, Response, Status};

pub(crate) use callers::Refused;
pub(crate) use follow::Followers;

use self::callers::Pace;
use crate::{report, shared::Shared};

/// The service.
#[derive(Debug)]
pub(crate) struct ControlService {
    shared: Shared,
    followers: Followers,
    pace: Mutex<Pace>,
}

impl ControlService {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared, followers: Followers::default(), pace: Mutex::new(Pace::new()) }
    }
}

#[tonic::async_trait]
impl Control for ControlService {
    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        let caller = self.caller(&request)?;
        register::register(&self.shared, caller, request.into_inner()).await.map(Response::new)
    }

    type FollowStream = Pin<Box<dyn Stream<Item = Result<FollowEvent, Status>> + Send>>;

    async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        let caller = self.member(&request)?;
        let place = self.followers.take(caller.id)?;
        let stream: Self::FollowStream = Box::pin(follow::spawn(&self.shared, caller.id, place));
        Ok(Response::new(stream))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let destination = node_id(&request.get_ref().destination)?;
        // Whoever was refused for want of a registration may ask why, and hears that and nothing of others.
        let caller = self.caller(&request)?;
        if !self.is_member(caller.id) {
            return Ok(Response::new(report::not_registered()));
        }
        Ok(Response::new(report::explain(&self.shared, destination).await?))
    }

    async fn wake(&self, request: Request<WakeRequest>) -> Result<Response<WakeResponse>, Status> {
        self.member(&request)?;
        let id = node_id(&request.get_ref().node_id)?;
        Ok(Response::new(report::wake(&self.shared, id)))
    }

    async fn asleep(&self, request: Request<AsleepRequest>) -> Result<Response<AsleepResponse>, Status> {
        let caller = self.member(&request)?;
        asleep::asleep(&self.shared, caller, request.into_inner()).await.map(Response::new)
    }

    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        self.operator(&request)?;
        Ok(Response::new(report::status(&self.shared).await?))
    }

    async fn links(&self, request: Request<LinksRequest>) -> Result<Response<LinksResponse>, Status> {
        self.operator(&request)?;
        Ok(Response::new(report::links(&self.shared).await?))
    }

    async fn open_page(
        &self,
        request: Request<OpenPageRequest>,
    ) -> Result<Response<OpenPageResponse>, Status> {
        let operator = self.operator(&request)?;
        Ok(Response::new(self.shared.page.link(Some(operator.id))))
    }

    async fn peers(&self, request: Request<PeersRequest>) -> Result<Response<PeersResponse>, Status> {
        self.operator(&request)?;
        Ok(Response::new(report::peers(&self.shared)))
    }
}

/// A field that must be a node id.
pub(crate) fn node_id(bytes: &[u8]) -> Result<NodeId, Refused> {
    NodeId::try_from(bytes).map_err(|_| Refused::NoNodeId)
}
