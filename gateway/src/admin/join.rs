//! Joining by a token: dial, show the secret, and keep the link if the other side agrees.

use std::time::Duration;

use bytes::Bytes;
use identity::NodeId;
use tokio::time::{Instant, timeout_at};

use super::{Admin, AdminError, Opened};
use crate::{
    invitation::Invitation,
    limits::JOIN_LIMIT,
    link::{LinkState, LinkTarget},
    link_url::LinkUrl,
    trust::{Source, TrustError},
};

/// Between two looks at a link that is being dialled.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The bridge that was joined.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    pub(crate) bridge: NodeId,
    pub(crate) name: String,
    pub(crate) network: identity::Network,
}

impl Admin {
    /// Uses an invitation. On success both bridges trust each other and the link is kept; else nothing has changed.
    pub(crate) async fn join(&self, token: &str) -> Result<Joined, AdminError> {
        let invitation = Invitation::parse(token)?;
        let bridge = invitation.bridge;
        if bridge == self.own.key.node_id() {
            return Err(TrustError::Itself.into());
        }
        let fresh = self.lists.change(move |lists| lists.add_trust(bridge, Source::Invitation)).await?;
        let before = self.lists.look(|lists| lists.links.get(bridge).cloned());
        match self.dial_all(&invitation).await {
            Ok(address) => {
                let url = LinkUrl { host_port: address, id: bridge };
                self.lists.change(move |lists| Ok(lists.links.add(url)?)).await?;
                Ok(Joined { bridge, name: invitation.name, network: invitation.network })
            }
            Err(reason) => {
                self.links.remove(bridge);
                if let Some(url) = &before {
                    self.links.add(super::target(url));
                }
                self.lists.change(move |lists| undo(lists, bridge, fresh)).await?;
                Err(AdminError::NotJoined { bridge, reason })
            }
        }
    }

    /// Tries one address after the other. The one that worked, or why the last one did not.
    async fn dial_all(&self, invitation: &Invitation) -> Result<String, String> {
        let until = Instant::now() + JOIN_LIMIT;
        let mut reason = "it has no address".to_owned();
        for address in &invitation.addresses {
            self.links.remove(invitation.bridge);
            self.links.add(LinkTarget {
                host_port: address.clone(),
                id: invitation.bridge,
                invitation: Some(Bytes::copy_from_slice(&invitation.secret)),
            });
            match timeout_at(until, self.outcome(invitation.bridge)).await {
                Ok(Ok(())) => return Ok(address.clone()),
                Ok(Err(why)) => reason = format!("{address}: {why}"),
                Err(_) => return Err(format!("{address} did not answer within {} s", JOIN_LIMIT.as_secs())),
            }
        }
        Err(reason)
    }

    /// Waits for the first dial to end.
    async fn outcome(&self, bridge: NodeId) -> Result<(), String> {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            look.tick().await;
            let statuses = self.links.statuses();
            let Some(status) = statuses.into_iter().find(|status| status.bridge == bridge) else { continue };
            match status.state {
                LinkState::Up => return Ok(()),
                LinkState::Refused => {
                    return Err(format!("it did not accept the invitation ({})", status.reason));
                }
                LinkState::Waiting if !status.reason.is_empty() => return Err(status.reason),
                LinkState::Waiting | LinkState::Connecting => {}
            }
        }
    }
}

/// Trust that came with the invitation goes with it.
fn undo(lists: &mut Opened, bridge: NodeId, fresh: bool) -> Result<(), AdminError> {
    if fresh {
        lists.remove_trust(bridge)?;
    }
    Ok(())
}
