//! The page of a bridge: the federation as it is and as it was, for operators in a browser.
//!
//! What it shows comes from the service `causeway.topology.v1` and from the bridge's own status; this module only gives
//! it out over HTTP, as JSON and server-sent events. It changes nothing. The files of the page are part of the program and
//! are given to anybody who reaches the port; everything else needs a session, which begins with a link that this bridge
//! made for its owner or for one of its operators.

mod answer;
mod api;
mod files;
mod live;
mod ms;
mod session;
mod state;

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use identity::{Context, NodeId, NodeKey, SIGNATURE_BYTES, verify};
use proto::bridge::v1::OpenPageResponse;
use runtime::web::{Gate, LINK_LIFETIME, Seal, axum::Router};
use tokio::sync::Semaphore;

use crate::{limits::MAX_PAGE_STREAMS, past::TopologyService, shared::Shared};

/// The subject of sessions of whoever may open the data directory.
const OWNER: &str = "owner";

/// What the routes share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    shared: Shared,
    past: Arc<TopologyService>,
    /// Places for pages that follow.
    streams: Arc<Semaphore>,
}

/// The links to a page, and who they are for.
#[derive(Debug, Clone)]
pub(crate) struct PageLinks {
    gate: Gate,
    address: SocketAddr,
}

/// Sessions are vouched for by the node's key: they outlive a restart, and nothing of them is kept.
struct KeySeal(NodeKey);

impl PageLinks {
    pub(crate) fn new(key: NodeKey, address: SocketAddr) -> Self {
        let name = format!("{}", key.node_id().short());
        Self { gate: Gate::new(&name, Arc::new(KeySeal(key))), address }
    }

    /// A link for an operator, or for the owner.
    pub(crate) fn link(&self, operator: Option<NodeId>) -> OpenPageResponse {
        let subject = operator.map_or_else(|| OWNER.to_owned(), |id| id.to_string());
        let secret = self.gate.link(subject, SystemTime::now());
        OpenPageResponse {
            url: format!("http://{}/?token={secret}", self.address),
            valid_s: u32::try_from(LINK_LIFETIME.as_secs()).unwrap_or(u32::MAX),
        }
    }
}

impl Page {
    /// The routes of the page.
    pub(crate) fn routes(shared: Shared) -> Router {
        let past = TopologyService::new(shared.past.clone(), shared.group.clone());
        let page = Self { shared, past: Arc::new(past), streams: Arc::new(Semaphore::new(MAX_PAGE_STREAMS)) };
        session::guard(files::routes(), api::routes(), page)
    }

    /// Whether a session's subject may read: the owner, or who is on the operators' list still.
    fn admits(&self, subject: &str) -> bool {
        let is_operator = |id: NodeId| self.shared.operators.contains(&id);
        subject == OWNER || subject.parse().is_ok_and(is_operator)
    }
}

impl Seal for KeySeal {
    fn seal(&self, body: &[u8]) -> Vec<u8> {
        self.0.sign(Context::Page, body).to_vec()
    }

    fn size(&self) -> usize {
        SIGNATURE_BYTES
    }

    fn holds(&self, body: &[u8], seal: &[u8]) -> bool {
        verify(&self.0.node_id(), Context::Page, body, seal).is_ok()
    }
}
