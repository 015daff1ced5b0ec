//! What an operator changes while the bridge runs: trust, links, policy, invitations. Each change is durable before it is
//! answered, and effective at once.

mod error;
mod join;
mod lists;
mod policy;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use identity::{Network, NodeId, NodeKey};

pub(crate) use error::AdminError;
pub(crate) use lists::{Lists, Opened};

use crate::{
    invitation::{Invitation, SECRET_BYTES},
    limits::{DEFAULT_INVITATION, MAX_INVITATION, MAX_INVITATION_ADDRESSES},
    link::{LinkTarget, Links},
    link_url::{LinkUrl, check_host_port},
    trust::{Source, Trusted},
    wall,
};

/// The operator's hand. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    own: Own,
    lists: Lists,
    links: Links,
}

/// Who invites.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) key: Arc<NodeKey>,
    pub(crate) name: String,
    pub(crate) network: Network,
    /// Where others may dial the link port.
    pub(crate) link_port: u16,
    /// The address listened on, if it is one address.
    pub(crate) listen: Option<IpAddr>,
}

/// A row of the trust list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrustRow {
    pub(crate) id: NodeId,
    pub(crate) trusted: Trusted,
}

/// A one-time token, with what is in it.
#[derive(Debug)]
pub(crate) struct Invited {
    pub(crate) token: String,
    /// When it expires, milliseconds since 1970.
    pub(crate) expires_ms: i64,
    /// Where it has the other bridge dial.
    pub(crate) addresses: Vec<String>,
}

impl Admin {
    pub(crate) const fn new(own: Own, lists: Lists, links: Links) -> Self {
        Self { own, lists, links }
    }

    /// Trusts a bridge. Whether it is new on the list.
    pub(crate) async fn add_trust(&self, id: NodeId) -> Result<bool, AdminError> {
        self.lists.change(move |lists| lists.add_trust(id, Source::Command)).await
    }

    /// Trusts a bridge no more; its links are closed at once. Whether it was on the list, and how many links it had.
    pub(crate) async fn remove_trust(&self, id: NodeId) -> Result<(bool, u32), AdminError> {
        let up = self
            .links
            .statuses()
            .iter()
            .filter(|link| link.bridge == id && link.connection.is_some())
            .count();
        let removed = self.lists.change(move |lists| lists.remove_trust(id)).await?;
        Ok((removed, if removed { u32::try_from(up).unwrap_or(u32::MAX) } else { 0 }))
    }

    pub(crate) fn trusted(&self) -> Vec<TrustRow> {
        self.lists.look(|lists| {
            lists.trust.iter().map(|(id, trusted)| TrustRow { id: *id, trusted: *trusted }).collect()
        })
    }

    /// Dials a bridge from now on, and trusts it: who names a bridge to be linked means it.
    pub(crate) async fn add_link(&self, url: &str) -> Result<(), AdminError> {
        let url: LinkUrl = url.parse()?;
        let added = url.clone();
        self.lists
            .change(move |lists| {
                lists.links.add(added.clone())?;
                lists.add_trust(added.id, Source::Command)
            })
            .await?;
        self.links.add(target(&url));
        Ok(())
    }

    /// Dials a bridge no more and closes the link to it. `name` is a URL, a node id, or a name that one of the
    /// configured links answers to. How many links were removed.
    pub(crate) async fn remove_link(&self, name: &str) -> Result<u32, AdminError> {
        let id = self.link_of(name)?;
        let removed = self.lists.change(move |lists| Ok(lists.links.remove(id)?)).await;
        self.links.remove(id);
        removed.map(u32::from)
    }

    /// Makes a one-time token.
    pub(crate) async fn invite(&self, address: &str, valid: Duration) -> Result<Invited, AdminError> {
        let valid = if valid.is_zero() { DEFAULT_INVITATION } else { valid };
        if valid > MAX_INVITATION {
            return Err(AdminError::Valid);
        }
        let addresses = self.own.addresses(address)?;
        let now_ms = wall::now_ms();
        let expires_ms = now_ms.saturating_add(i64::try_from(valid.as_millis()).unwrap_or(i64::MAX));
        let secret: [u8; SECRET_BYTES] = rand::random();
        self.lists.change(move |lists| Ok(lists.ledger.open(&secret, expires_ms, now_ms)?)).await?;
        let invitation = Invitation {
            bridge: self.own.key.node_id(),
            name: self.own.name.clone(),
            network: self.own.network.clone(),
            addresses: addresses.clone(),
            secret,
            expires_ms,
        };
        Ok(Invited { token: invitation.sign(&self.own.key), expires_ms, addresses })
    }

    /// Invitations that still let somebody in.
    pub(crate) fn open_invitations(&self) -> usize {
        self.lists.look(|lists| lists.ledger.open_at(wall::now_ms()))
    }

    /// Configured links.
    pub(crate) fn links_configured(&self) -> usize {
        self.lists.look(|lists| lists.links.len())
    }

    fn link_of(&self, name: &str) -> Result<NodeId, AdminError> {
        let configured: Vec<LinkUrl> = self.lists.look(|lists| lists.links.iter().cloned().collect());
        let named = |id: NodeId| {
            let statuses = self.links.statuses();
            let description =
                statuses.into_iter().find(|link| link.bridge == id).and_then(|link| link.description);
            description.is_some_and(|description| description.name() == name)
        };
        let ids: Vec<NodeId> = configured
            .iter()
            .filter(|url| url.to_string() == name || url.id.to_string() == name || named(url.id))
            .map(|url| url.id)
            .collect();
        match ids[..] {
            [id] => Ok(id),
            [] => Err(AdminError::NoSuchLink(name.chars().take(200).collect())),
            _ => Err(AdminError::Ambiguous { name: name.to_owned(), ids }),
        }
    }
}

impl Own {
    /// The given address, or all own ones that others may reach.
    fn addresses(&self, given: &str) -> Result<Vec<String>, AdminError> {
        if !given.is_empty() {
            check_host_port(given).map_err(|why| AdminError::Address(why.into()))?;
            return Ok(vec![given.to_owned()]);
        }
        let mut found: Vec<IpAddr> = match self.listen {
            Some(address) => vec![address],
            None => own_addresses(),
        };
        found.truncate(MAX_INVITATION_ADDRESSES);
        if found.is_empty() {
            return Err(AdminError::NoAddress);
        }
        Ok(found.into_iter().map(|address| SocketAddr::new(address, self.link_port).to_string()).collect())
    }
}

fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|address| is_worth_dialling(*address))
        .collect()
}

/// Another machine has no use for loopback, nor for a link-local address without its interface.
fn is_worth_dialling(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => !four.is_loopback() && !four.is_link_local(),
        IpAddr::V6(six) => !six.is_loopback() && !six.is_unicast_link_local(),
    }
}

/// A link as the supervisor of the links takes it.
pub(crate) fn target(url: &LinkUrl) -> LinkTarget {
    LinkTarget { host_port: url.host_port.clone(), id: url.id, invitation: None }
}
