//! Asking a peer: to become somebody's, and how it is.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use identity::{
    NodeId,
    tls::{ALPN_H2, Expected, Identity, client_config, server_name},
};
use proto::claim::v1::{ClaimRequest, HolderRequest, HolderResponse, claims_client::ClaimsClient};
use runtime::rpc::connect_tls;
use tokio::time::timeout;
use tonic::{Code, transport::Channel};

use crate::{backend::Running, limits::CLAIM_TIMEOUT, register::Holder};

/// Why a claim was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotClaimed {
    /// It is somebody else's.
    Taken,
    /// It is held for somebody who has not come, for a while yet.
    Leased,
    /// It may have been taken, or may be at the next try.
    Failed(String),
}

/// Claims a peer; the same claim may be made again.
pub(crate) async fn claim(own: &Identity, peer: &Running, holder: &Holder) -> Result<(), NotClaimed> {
    let request = ClaimRequest { claim_id: Bytes::copy_from_slice(&holder.claim), user: holder.user.clone() };
    let ask = async {
        let mut client = connect(own, peer.node, peer.secure).await.map_err(NotClaimed::Failed)?;
        match client.claim(request).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::AlreadyExists => {
                match client.holder(HolderRequest {}).await {
                    Ok(held) if !held.get_ref().redeemed => Err(NotClaimed::Leased),
                    _ => Err(NotClaimed::Taken),
                }
            }
            // It was started without this dispatcher's id.
            Err(status) if status.code() == Code::PermissionDenied => Err(NotClaimed::Taken),
            Err(status) => Err(NotClaimed::Failed(status.message().to_owned())),
        }
    };
    let late = |_| NotClaimed::Failed("it did not answer in time".into());
    timeout(CLAIM_TIMEOUT, ask).await.map_err(late)?
}

/// Asks how a peer is.
pub(crate) async fn look(own: &Identity, peer: NodeId, secure: SocketAddr) -> Result<HolderResponse, String> {
    let ask = async {
        let answer = connect(own, peer, secure).await?.holder(HolderRequest {}).await;
        answer.map(tonic::Response::into_inner).map_err(|status| status.message().to_owned())
    };
    timeout(CLAIM_TIMEOUT, ask).await.map_err(|_| "it did not answer in time".to_owned())?
}

async fn connect(own: &Identity, peer: NodeId, secure: SocketAddr) -> Result<ClaimsClient<Channel>, String> {
    let config = client_config(own, Expected::Node(peer), ALPN_H2).map_err(|error| error.to_string())?;
    let connected = connect_tls(secure, Arc::new(config), server_name(peer), CLAIM_TIMEOUT).await;
    let (channel, _) = connected.map_err(|error| error.to_string())?;
    Ok(ClaimsClient::new(channel))
}
