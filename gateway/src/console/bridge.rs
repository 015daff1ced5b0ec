//! What a bridge answers: status, links, trust, policy, invitations, drain.

use std::time::Duration;

use proto::{
    bridge::v1::{
        ExplainRequest, ExplainResponse, LinksRequest, LinksResponse, OpenPageRequest, OpenPageResponse,
        StatusRequest, StatusResponse,
    },
    control::v1::{
        AddLinkRequest, AddLinkResponse, AddTrustRequest, AddTrustResponse, ChangePolicyRequest,
        ChangePolicyResponse, ClearPolicyRequest, ClearPolicyResponse, DrainRequest, DrainResponse,
        InviteRequest, InviteResponse, JoinRequest, JoinResponse, ListTrustRequest, ListTrustResponse,
        RemoveLinkRequest, RemoveLinkResponse, RemoveTrustRequest, RemoveTrustResponse, ShowPolicyRequest,
        ShowPolicyResponse, TrustEntry, bridge_server::Bridge,
    },
};
use tonic::{Request, Response, Status};

use super::policy;
use crate::{
    admin::{AdminError, Invited, TrustRow},
    control::node_id,
    invitation::InviteError,
    limits::{DEFAULT_GRACE, MAX_GRACE},
    report,
    shared::{Inner, Shared},
    wall,
};

/// The service.
#[derive(Debug)]
pub(crate) struct BridgeConsole(pub(crate) Shared);

#[tonic::async_trait]
impl Bridge for BridgeConsole {
    async fn status(&self, _request: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        Ok(Response::new(report::status(&self.0).await?))
    }

    async fn links(&self, _request: Request<LinksRequest>) -> Result<Response<LinksResponse>, Status> {
        Ok(Response::new(report::links(&self.0).await?))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let destination = node_id(&request.get_ref().destination)?;
        Ok(Response::new(report::explain(&self.0, destination).await?))
    }

    async fn add_link(&self, request: Request<AddLinkRequest>) -> Result<Response<AddLinkResponse>, Status> {
        self.0.admin.add_link(&request.get_ref().url).await?;
        Ok(Response::new(AddLinkResponse {}))
    }

    async fn remove_link(
        &self,
        request: Request<RemoveLinkRequest>,
    ) -> Result<Response<RemoveLinkResponse>, Status> {
        let removed = self.0.admin.remove_link(&request.get_ref().link).await?;
        Ok(Response::new(RemoveLinkResponse { removed }))
    }

    async fn add_trust(
        &self,
        request: Request<AddTrustRequest>,
    ) -> Result<Response<AddTrustResponse>, Status> {
        let added = self.0.admin.add_trust(node_id(&request.get_ref().node_id)?).await?;
        Ok(Response::new(AddTrustResponse { added }))
    }

    async fn remove_trust(
        &self,
        request: Request<RemoveTrustRequest>,
    ) -> Result<Response<RemoveTrustResponse>, Status> {
        let (removed, links_closed) = self.0.admin.remove_trust(node_id(&request.get_ref().node_id)?).await?;
        Ok(Response::new(RemoveTrustResponse { removed, links_closed }))
    }

    async fn list_trust(
        &self,
        _request: Request<ListTrustRequest>,
    ) -> Result<Response<ListTrustResponse>, Status> {
        let entries = self.0.admin.trusted().into_iter().map(|row| trust_entry(&self.0, row)).collect();
        Ok(Response::new(ListTrustResponse { entries }))
    }

    async fn show_policy(
        &self,
        _request: Request<ShowPolicyRequest>,
    ) -> Result<Response<ShowPolicyResponse>, Status> {
        Ok(Response::new(policy::show(&self.0)))
    }

    async fn change_policy(
        &self,
        request: Request<ChangePolicyRequest>,
    ) -> Result<Response<ChangePolicyResponse>, Status> {
        policy::change(&self.0, request.get_ref()).await.map(Response::new)
    }

    async fn clear_policy(
        &self,
        _request: Request<ClearPolicyRequest>,
    ) -> Result<Response<ClearPolicyResponse>, Status> {
        let changed = self.0.admin.clear_policy().await?;
        Ok(Response::new(ClearPolicyResponse { changed }))
    }

    async fn invite(&self, request: Request<InviteRequest>) -> Result<Response<InviteResponse>, Status> {
        let request = request.into_inner();
        let valid = Duration::from_secs(request.valid_s.into());
        let invited = self.0.admin.invite(&request.address, valid).await;
        if let Err(AdminError::Invite(InviteError::Full)) = &invited {
            self.0.metrics.invitation_refused();
        }
        let Invited { token, expires_ms, addresses } = invited?;
        Ok(Response::new(InviteResponse { token, expires_at: wall::rfc3339(expires_ms), addresses }))
    }

    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinResponse>, Status> {
        let joined = self.0.admin.join(&request.get_ref().token).await?;
        Ok(Response::new(JoinResponse {
            node_id: joined.bridge.to_bytes(),
            name: joined.name,
            network: Some(joined.network.to_proto()),
        }))
    }

    async fn open_page(
        &self,
        _request: Request<OpenPageRequest>,
    ) -> Result<Response<OpenPageResponse>, Status> {
        Ok(Response::new(self.0.page.link(None)))
    }

    async fn drain(&self, request: Request<DrainRequest>) -> Result<Response<DrainResponse>, Status> {
        let grace = match request.get_ref().grace_ms {
            0 => DEFAULT_GRACE,
            millis => Duration::from_millis(millis.into()).min(MAX_GRACE),
        };
        self.0.begin_drain(grace).await?;
        Ok(Response::new(DrainResponse {}))
    }
}

fn trust_entry(shared: &Inner, row: TrustRow) -> TrustEntry {
    let known = shared.table.bridge(&row.id);
    let name = known.as_ref().and_then(|bridge| bridge.description.as_ref());
    TrustEntry {
        node_id: row.id.to_bytes(),
        name: name.map(|description| description.name().to_owned()).unwrap_or_default(),
        source: row.trusted.source.as_str().into(),
        since: wall::rfc3339(row.trusted.since_ms),
        linked: shared.links.is_up(row.id),
    }
}
