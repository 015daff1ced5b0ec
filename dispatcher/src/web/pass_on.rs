//! The page of a peer, passed on from its own port: requests, answers as they come, and upgrades.

use hyper::{
    Uri,
    header::{CONNECTION, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE},
    upgrade,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use identity::NodeId;
use runtime::{
    TaskGroup,
    web::{
        Place,
        axum::{
            body::Body,
            extract::Request,
            http::{HeaderMap, StatusCode},
            response::{IntoResponse as _, Response},
        },
    },
};
use tokio::{net::TcpStream, sync::oneshot, time::timeout};

use super::{Web, files};
use crate::{
    backend::{Instance, Running},
    keeper::{Absent, Command},
    limits::WAKE_TIMEOUT,
};

/// Headers of one connection only (RFC 9110, section 7.6.1).
const OF_ONE_HOP: [HeaderName; 5] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("te"),
    HeaderName::from_static("trailer"),
    TRANSFER_ENCODING,
];

/// Passes requests on. Clones share connections.
#[derive(Debug, Clone)]
pub(crate) struct PassOn {
    client: Client<HttpConnector, Body>,
    group: TaskGroup,
}

impl PassOn {
    pub(crate) fn new(group: TaskGroup) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), group }
    }

    pub(super) async fn handle(&self, web: &Web, node: NodeId, request: Request) -> Response {
        let login = web.address.login();
        match route_to_living(web, node).await {
            Ok(running) => {
                web.metrics.passed_on.inc();
                self.pass(running, request).await.unwrap_or_else(|why| {
                    tracing::debug!(node = %node.short(), why, "a request could not be passed on");
                    files::away(StatusCode::BAD_GATEWAY, "This peer does not answer just now", &login)
                })
            }
            Err(Absent::Unknown) => files::away(StatusCode::NOT_FOUND, "There is no such peer here", &login),
            Err(Absent::Broken(why)) => {
                tracing::debug!(node = %node.short(), why, "a peer is not there");
                files::away(StatusCode::SERVICE_UNAVAILABLE, "This peer does not start just now", &login)
            }
        }
    }

    async fn pass(&self, running: Running, mut request: Request) -> Result<Response, String> {
        let asked = upgrade_of(request.headers());
        let ours = asked.is_some().then(|| upgrade::on(&mut request));
        let place = request.extensions().get::<Place>().cloned();
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() =
            format!("http://{}{path}", running.page).parse::<Uri>().map_err(|it| it.to_string())?;
        for_next_hop(request.headers_mut(), asked.as_ref());
        let mut answer = self.client.request(request).await.map_err(|error| error.to_string())?;
        let switched = (answer.status() == StatusCode::SWITCHING_PROTOCOLS).then(|| upgrade::on(&mut answer));
        for_next_hop(answer.headers_mut(), asked.as_ref().filter(|_| switched.is_some()));
        if let (Some(ours), Some(theirs)) = (ours, switched) {
            self.group.spawn(tracing::debug_span!("upgraded"), async move {
                let (Ok(ours), Ok(theirs)) = tokio::join!(ours, theirs) else { return };
                let (mut ours, mut theirs) = (TokioIo::new(ours), TokioIo::new(theirs));
                let _ = tokio::io::copy_bidirectional(&mut ours, &mut theirs).await;
                drop(place);
            });
        }
        Ok(answer.map(Body::new).into_response())
    }
}

/// As [`route`]. Of a peer that another dispatcher keeps, it is heard late that it was put to sleep.
async fn route_to_living(web: &Web, node: NodeId) -> Result<Running, Absent> {
    let running = route(web, node).await?;
    if running.instance != Instance::Elsewhere || TcpStream::connect(running.page).await.is_ok() {
        return Ok(running);
    }
    let stopping = |_| Absent::Broken("this dispatcher is stopping".into());
    web.commands.send(Command::Lost { node }).await.map_err(stopping)?;
    route(web, node).await
}

/// Where the page is, once the peer runs.
async fn route(web: &Web, node: NodeId) -> Result<Running, Absent> {
    let (reply, answer) = oneshot::channel();
    let stopping = || Absent::Broken("this dispatcher is stopping".into());
    web.commands.send(Command::Route { node, reply }).await.map_err(|_| stopping())?;
    let late = |_| Absent::Broken("it was not ready in time".into());
    timeout(WAKE_TIMEOUT, answer).await.map_err(late)?.map_err(|_| stopping())?
}

fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = headers.get(CONNECTION)?.to_str().ok()?.to_ascii_lowercase().contains("upgrade");
    headers.get(UPGRADE).filter(|_| asks).cloned()
}

fn for_next_hop(headers: &mut HeaderMap, upgrade: Option<&HeaderValue>) {
    for name in OF_ONE_HOP {
        headers.remove(name);
    }
    match upgrade {
        Some(protocol) => {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, protocol.clone());
        }
        None => drop(headers.remove(UPGRADE)),
    }
}
