//! The server: HTTP/1.1 with bounds on connections and on how long a request may take to come.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::{Service, ServiceExt as _};

use crate::{TaskGroup, rpc::accept};

/// Connections at once. A browser opens up to six.
pub const MAX_CONNECTIONS: usize = 128;
/// A client that does not finish the head of its request within this time, or asks nothing more, is let go.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Who asks: an extension of every request.
#[derive(Debug, Clone, Copy)]
pub struct Remote(pub SocketAddr);

/// The connection's place among those that there may be at once: an extension of every request. Whoever upgrades a
/// connection keeps it for as long as the other protocol lasts.
#[derive(Debug, Clone)]
pub struct Place(#[expect(dead_code, reason = "it is held, and nothing else")] Arc<OwnedSemaphorePermit>);

/// Serves the page of one node until the group ends.
pub fn serve(group: &TaskGroup, listener: TcpListener, app: Router) {
    serve_up_to(group, listener, app, MAX_CONNECTIONS);
}

/// Serves until the group ends, so many connections at once. They may be upgraded.
pub fn serve_up_to(group: &TaskGroup, listener: TcpListener, app: Router, connections: usize) {
    let tasks = group.clone();
    group.spawn(tracing::info_span!("web"), async move {
        let free = Arc::new(Semaphore::new(connections));
        loop {
            let permit = Arc::clone(&free).acquire_owned().await.expect("the semaphore is never closed");
            let (stream, remote) = tokio::select! {
                biased;
                () = tasks.cancelled() => return,
                stream = accept(&listener) => stream,
            };
            let place = Place(Arc::new(permit));
            let service = service(app.clone(), Remote(remote), place.clone());
            let token = tasks.token().clone();
            tasks.spawn(tracing::debug_span!("request"), async move {
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades();
                tokio::select! {
                    biased;
                    () = token.cancelled() => {}
                    outcome = connection => if let Err(error) = outcome {
                        tracing::debug!(%error, "a request failed");
                    },
                }
                drop(place);
            });
        }
    });
}

fn service(
    app: Router,
    remote: Remote,
    place: Place,
) -> TowerToHyperService<
    impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Clone,
> {
    TowerToHyperService::new(app.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(remote);
        request.extensions_mut().insert(place.clone());
        request.map(Body::new)
    }))
}
