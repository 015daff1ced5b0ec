//! What the port serves: the page where people log in, and the pages of the peers, told apart by the name that is asked for.

mod files;
mod login;
mod pace;
mod pass_on;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use identity::{NodeId, tls::Identity};
use runtime::{
    TaskGroup,
    web::{
        axum::{
            Router,
            extract::{Request, State},
            http::{HeaderMap, header::HOST},
            middleware::{Next, from_fn, from_fn_with_state},
            response::Response,
        },
        guarded, own_host,
    },
};
use tokio::{net::TcpListener, sync::mpsc};

pub(crate) use self::{pace::Pace, pass_on::PassOn};
use crate::{
    cookie::Keys, keeper::Command, limits::MAX_CONNECTIONS, metrics::Metrics, proxies::TrustedProxy,
};

/// What the routes share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Web {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) keys: Keys,
    pub(crate) own: Identity,
    pub(crate) address: Address,
    pub(crate) pace: Pace,
    /// Whose word counts for who asks.
    pub(crate) proxies: Arc<[TrustedProxy]>,
    pub(crate) pass_on: PassOn,
    pub(crate) metrics: Metrics,
    /// After how long a peer that is not visited is removed, in words.
    pub(crate) forget: Arc<str>,
}

/// Where the pages are.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// `http://` or `https://`.
    scheme: &'static str,
    /// The name, and the port if it is not the usual one.
    authority: Arc<str>,
    /// The name alone.
    name: Arc<str>,
}

impl Address {
    /// Below `localhost`, at this port; or below a domain, behind TLS.
    pub(crate) fn new(domain: Option<&str>, port: u16) -> Self {
        match domain {
            Some(domain) => Self {
                scheme: "https://",
                authority: domain.into(),
                name: domain.to_ascii_lowercase().into(),
            },
            None => Self {
                scheme: "http://",
                authority: format!("localhost:{port}").into(),
                name: "localhost".into(),
            },
        }
    }

    /// Where people log in.
    pub(crate) fn login(&self) -> String {
        format!("{}{}/", self.scheme, self.authority)
    }

    /// Where the page of a peer is.
    pub(crate) fn of(&self, node: NodeId, path: &str) -> String {
        format!("{}{node}.{}{path}", self.scheme, self.authority)
    }

    /// The name under which a peer's page is asked for.
    pub(crate) fn names(&self) -> Vec<String> {
        vec![self.name.to_string()]
    }

    /// The peer that is asked for.
    fn peer(&self, headers: &HeaderMap) -> Option<NodeId> {
        let host = headers.get(HOST)?.to_str().ok()?.to_ascii_lowercase();
        let name = host.rsplit_once(':').map_or(&*host, |(name, _)| name);
        name.strip_suffix(&*self.name)?.strip_suffix('.')?.parse().ok()
    }
}

/// Serves until the group ends.
pub(crate) fn serve(group: &TaskGroup, listener: TcpListener, web: Web) {
    serve_up_to(group, listener, web, MAX_CONNECTIONS);
}

fn serve_up_to(group: &TaskGroup, listener: TcpListener, web: Web, connections: usize) {
    let names: Arc<[String]> = web.address.names().into();
    let own = files::routes().merge(login::routes().with_state(web.clone()));
    let own = own.layer(from_fn_with_state(names, own_host)).layer(from_fn(guarded));
    let app = Router::new().fallback_service(own).layer(from_fn_with_state(web, by_name));
    runtime::web::serve_up_to(group, listener, app, connections);
}

/// The page of a peer when its name is asked for, else the dispatcher's own.
async fn by_name(State(web): State<Web>, request: Request, next: Next) -> Response {
    match web.address.peer(request.headers()) {
        Some(node) => web.pass_on.handle(&web, node, request).await,
        None => next.run(request).await,
    }
}
