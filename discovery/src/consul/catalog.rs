//! How nodes stand in the catalog, and how they are read from it.
//!
//! | service | what it is | port | tags |
//! |---|---|---|---|
//! | `causeway` | every node | where others call it: the secure port of a peer or dispatcher, the control port of a bridge | `peer`, `bridge` or `dispatcher` |
//! | `causeway-page` | the page of a peer that a dispatcher keeps | of the page | `vacant` while it is nobody's; those of Traefik |
//! | `causeway-login` | the page where people log in | of the page | those of Traefik |
//!
//! All nodes are one service, so that one query that waits tells of all of them: an agent takes 200 connections of one
//! address. Consul's names lead to kinds all the same: `bridge.causeway.service.consul`.

use std::net::{IpAddr, SocketAddr};

use identity::{Announcement, NetworkId, NodeId};
use proto::node::v1::NodeKind;

use super::{Check, Client, ConsulError, Instance, Service};

/// The service of all nodes.
pub const NODES: &str = "causeway";
/// The service of the pages of kept peers.
pub const PAGES: &str = "causeway-page";
/// The service of the pages where people log in.
pub const LOGINS: &str = "causeway-login";
/// The tag of a kept peer's page that is nobody's yet.
pub const VACANT: &str = "vacant";

const NODE: &str = "node";
const NETWORK: &str = "network";
const NETWORK_ID: &str = "network-id";
const GREETING: &str = "greeting";
const SECURE: &str = "secure";

/// A node as the catalog has it: a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedNode {
    /// Which one it is said to be.
    pub id: NodeId,
    /// The name of its network.
    pub network: String,
    /// Where it greets.
    pub greeting: SocketAddr,
}

/// The page of a kept peer as the catalog has it: a hint. The peer itself decides whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPage {
    /// Which peer.
    pub id: NodeId,
    /// The name of its network.
    pub network: String,
    /// Its chat's port, gRPC under mutual TLS: where claims go.
    pub secure: SocketAddr,
    /// Its page.
    pub page: SocketAddr,
    /// It says that it is nobody's.
    pub vacant: bool,
}

/// The service of a node that listens on this address.
///
/// # Errors
/// A sentence, when nobody at the agent's could reach the node: see [`reachable_at`].
pub fn node(announcement: &Announcement, listen: IpAddr, from: IpAddr) -> Result<Service, String> {
    let (kind, ports) = (announcement.kind(), announcement.ports());
    let (tag, port) = match kind {
        NodeKind::Bridge => ("bridge", ports.control),
        NodeKind::Dispatcher => ("dispatcher", ports.secure),
        NodeKind::Peer | NodeKind::Unspecified => ("peer", ports.secure),
    };
    let network = announcement.network();
    let mut meta = [
        (NODE, announcement.id().to_string()),
        (NETWORK, network.name.clone()),
        (GREETING, ports.greeting.to_string()),
    ];
    let id = network.id.map(|id| (NETWORK_ID, NetworkId::to_string(&id)));
    Ok(Service {
        id: format!("{NODES}-{tag}-{}", announcement.id()),
        name: NODES.into(),
        address: reachable_at(listen, from)?,
        port: u16::try_from(port).unwrap_or(0),
        tags: vec![tag.into()],
        meta: std::mem::take(&mut meta).into_iter().chain(id).collect(),
        check: Check::Ttl,
    })
}

/// Under which address others reach something that listens there, given this node's address on the way to the agent.
/// None: that of the agent, which is on this machine.
///
/// # Errors
/// A sentence: it listens on this machine only, and the agent is on another one.
pub fn reachable_at(listen: IpAddr, from: IpAddr) -> Result<Option<IpAddr>, String> {
    if listen.is_loopback() && !from.is_loopback() {
        return Err(format!(
            "it listens on {listen}, where only this machine reaches it, and the Consul agent is on another one"
        ));
    }
    Ok(if !listen.is_unspecified() {
        Some(listen)
    } else if from.is_loopback() {
        None
    } else {
        Some(from)
    })
}

/// What is told of a kept peer beside its page: who it is, and where it takes claims.
pub(super) fn page_meta(id: NodeId, network: &str, secure: SocketAddr) -> [(&'static str, String); 3] {
    // On all addresses means: also where the page is.
    let secure = if secure.ip().is_unspecified() { secure.port().to_string() } else { secure.to_string() };
    [(NODE, id.to_string()), (NETWORK, network.to_owned()), (SECURE, secure)]
}

impl ListedNode {
    /// None: it is not what nodes register.
    pub fn read(instance: &Instance) -> Option<Self> {
        let told = |name: &str| instance.meta.get(name);
        let port = told(GREETING)?.parse().ok().filter(|port| *port > 0)?;
        Some(Self {
            id: told(NODE)?.parse().ok()?,
            network: told(NETWORK)?.clone(),
            greeting: SocketAddr::new(instance.address, port),
        })
    }
}

impl ListedPage {
    /// None: it is not what kept peers register.
    pub fn read(instance: &Instance) -> Option<Self> {
        let told = |name: &str| instance.meta.get(name);
        let secure = told(SECURE)?;
        let at_the_page = || Some(SocketAddr::new(instance.address, secure.parse().ok()?));
        Some(Self {
            id: told(NODE)?.parse().ok()?,
            network: told(NETWORK)?.clone(),
            secure: secure.parse().ok().or_else(at_the_page)?,
            page: SocketAddr::new(instance.address, instance.port),
            vacant: instance.tags.iter().any(|tag| tag == VACANT),
        })
    }

    /// The peers of a network that say they are nobody's, and are well by the agent's check.
    ///
    /// # Errors
    /// [`ConsulError`].
    pub async fn vacant(client: &Client, network: &str) -> Result<Vec<Self>, ConsulError> {
        let instances = client.healthy(PAGES, Some(VACANT)).await?;
        let pages = instances.iter().filter_map(Self::read);
        Ok(pages.filter(|page| page.network == network).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn instance(meta: &[(&str, &str)]) -> Instance {
        let meta = meta.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (id, address, tags) = ("x".into(), ip("10.0.0.7"), vec![VACANT.into()]);
        Instance { id, address, port: 30_003, tags, meta: meta.collect::<BTreeMap<_, _>>() }
    }

    #[test]
    fn an_address_is_one_that_others_reach() {
        assert_eq!(reachable_at(ip("0.0.0.0"), ip("10.0.0.7")), Ok(Some(ip("10.0.0.7"))));
        assert_eq!(reachable_at(ip("::"), ip("127.0.0.1")), Ok(None));
        assert_eq!(reachable_at(ip("10.0.0.8"), ip("127.0.0.1")), Ok(Some(ip("10.0.0.8"))));
        assert_eq!(reachable_at(ip("127.0.0.1"), ip("127.0.0.1")), Ok(Some(ip("127.0.0.1"))));
        assert!(reachable_at(ip("127.0.0.1"), ip("10.0.0.7")).is_err());
    }

    #[test]
    fn what_others_wrote_into_the_catalog_is_read_or_left_out() {
        let id = NodeId::from_bytes([7; 32]);
        let text = id.to_string();
        let node = [(NODE, &*text), (NETWORK, "home"), (GREETING, "30001")];
        let read = ListedNode::read(&instance(&node)).unwrap();
        assert_eq!((read.id, read.greeting), (id, "10.0.0.7:30001".parse().unwrap()));
        for (place, wrong) in [(0, "me"), (2, "0"), (2, "70000"), (2, "-1")] {
            let mut node = node;
            node[place].1 = wrong;
            assert_eq!(ListedNode::read(&instance(&node)), None, "{wrong}");
        }
        assert_eq!(ListedNode::read(&instance(&[])), None);
    }

    #[test]
    fn a_page_tells_where_claims_go() {
        let id = NodeId::from_bytes([7; 32]);
        for (secure, told) in [("0.0.0.0:30000", "10.0.0.7:30000"), ("10.0.0.9:5", "10.0.0.9:5")] {
            let meta = page_meta(id, "home", secure.parse().unwrap());
            let meta: Vec<_> = meta.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let page = ListedPage::read(&instance(&meta)).unwrap();
            assert_eq!((page.secure, page.vacant), (told.parse().unwrap(), true));
        }
    }
}
