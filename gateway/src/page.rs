//! The page of a bridge: the federation as it is and as it was, for operators in a browser.
//!
//! What it shows comes from the service `causeway.topology.v1` and from the bridge's own status; this module only gives
//! it out over HTTP, as JSON and server-sent events. It changes nothing. The files of the page are part of the program and
//! are given to anybody who reaches the port; everything else needs a session, which begins with a link that this bridge
//! made for its owner or for one of its operators.

mod api;
mod files;
mod live;
mod ms;
mod state;

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use identity::{NodeId, NodeKey};
use proto::bridge::v1::OpenPageResponse;
use runtime::web::{self, Admission, Gate, KeySeal, LINK_LIFETIME, axum::Router};
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

impl PageLinks {
    pub(crate) fn new(key: NodeKey, address: SocketAddr) -> Self {
        let name = format!("{}", key.node_id().short());
        Self { gate: Gate::new(&name, Arc::new(KeySeal::new(key))), address }
    }

    /// A link for an operator, or for the owner.
    pub(crate) fn link(&self, operator: Option<NodeId>) -> OpenPageResponse {
        let subject = operator.map_or_else(|| OWNER.to_owned(), |id| id.to_string());
        let secret = self.gate.link(subject, SystemTime::now());
        OpenPageResponse {
            url: web::link(self.address, &secret),
            valid_s: u32::try_from(LINK_LIFETIME.as_secs()).unwrap_or(u32::MAX),
        }
    }
}

impl Page {
    /// The routes of the page.
    pub(crate) fn routes(shared: Shared) -> Router {
        let past = TopologyService::new(shared.past.clone(), shared.group.clone());
        let page = Self { shared, past: Arc::new(past), streams: Arc::new(Semaphore::new(MAX_PAGE_STREAMS)) };
        web::admitted(files::routes(), api::routes(), page)
    }
}

impl Admission for Page {
    fn gate(&self) -> &Gate {
        &self.shared.page.gate
    }

    /// The owner may read, and who is on the operators' list still.
    fn refusal(&self, subject: &str) -> Option<&'static str> {
        let is_operator = |id: NodeId| self.shared.operators.contains(&id);
        let may_read = subject == OWNER || subject.parse().is_ok_and(is_operator);
        (!may_read).then_some("whoever this session was for is on the operators' list no longer")
    }
}
