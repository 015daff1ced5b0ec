//! The page of a peer: the messenger for whoever prefers a browser.
//!
//! What it shows and does are calls of the messenger's service, given out over HTTP as JSON and server-sent events. The
//! files of the page are part of the program and are given to anybody who reaches the port; everything else needs a
//! session, which begins with a link that this peer made for its owner.

mod api;
mod export;
mod files;
mod json;
mod live;

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use identity::NodeKey;
use proto::bridge::v1::OpenPageResponse;
use runtime::{
    TaskGroup,
    web::{self, Admission, Gate, KeySeal, LINK_LIFETIME, axum::middleware::from_fn_with_state},
};
use tokio::net::TcpListener;

use crate::{
    control::MessengerControl,
    hosting::{Entrance, entered},
};

/// The subject of all sessions: whoever may open the data directory.
pub(crate) const OWNER: &str = "owner";

/// What the routes share. Cheap to clone.
#[derive(Debug, Clone)]
struct Page {
    messenger: MessengerControl,
    gate: Gate,
    group: TaskGroup,
    /// Of a peer that a dispatcher keeps.
    entrance: Option<Entrance>,
}

impl Page {
    /// Where one logs in, for a peer that a dispatcher keeps.
    fn kept_by(&self) -> Option<&str> {
        self.entrance.as_ref().map(Entrance::login)
    }
}

/// The links to the page.
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

    /// The same gate for other ways in.
    pub(crate) fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// A link that is good once.
    pub(crate) fn link(&self) -> OpenPageResponse {
        let secret = self.gate.link(OWNER, SystemTime::now());
        OpenPageResponse {
            url: web::link(self.address, &secret),
            valid_s: u32::try_from(LINK_LIFETIME.as_secs()).unwrap_or(u32::MAX),
        }
    }
}

impl Admission for Page {
    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn refusal(&self, subject: &str) -> Option<&'static str> {
        self.entrance.as_ref().and_then(|entrance| entrance.refusal(subject))
    }

    fn names(&self) -> &[String] {
        self.entrance.as_ref().map_or(&[], Entrance::names)
    }
}

/// Serves the page.
pub(crate) fn serve(
    group: &TaskGroup,
    listener: TcpListener,
    (links, entrance): (&PageLinks, Option<Entrance>),
    messenger: MessengerControl,
) {
    let page = Page { messenger, gate: links.gate.clone(), group: group.clone(), entrance: entrance.clone() };
    let routes = |open| web::admitted(open, api::routes(), page);
    let app = match entrance {
        Some(entrance) => routes(files::routes().layer(from_fn_with_state(entrance, entered))),
        None => routes(files::routes()),
    };
    web::serve(group, listener, app);
}
