//! What every node answers.

use proto::{
    bridge::v1::{PeersRequest, PeersResponse},
    control::v1::{AboutRequest, AboutResponse, StopRequest, StopResponse, node_server::Node},
    node::v1::NodeKind,
};
use tonic::{Request, Response, Status};

use crate::{report, shared::Shared};

/// The service.
#[derive(Debug)]
pub(crate) struct NodeConsole(pub(crate) Shared);

#[tonic::async_trait]
impl Node for NodeConsole {
    async fn about(&self, _request: Request<AboutRequest>) -> Result<Response<AboutResponse>, Status> {
        let shared = &self.0;
        Ok(Response::new(AboutResponse {
            node_id: shared.id().to_bytes(),
            kind: NodeKind::Bridge.into(),
            name: shared.description.name().to_owned(),
            network: Some(shared.network.to_proto()),
            version: env!("CARGO_PKG_VERSION").into(),
            listening: shared.addresses.lines(),
            process_id: std::process::id(),
        }))
    }

    async fn peers(&self, _request: Request<PeersRequest>) -> Result<Response<PeersResponse>, Status> {
        Ok(Response::new(report::peers(&self.0)))
    }

    async fn stop(&self, _request: Request<StopRequest>) -> Result<Response<StopResponse>, Status> {
        self.0.stop_asked.notify_one();
        Ok(Response::new(StopResponse {}))
    }
}
