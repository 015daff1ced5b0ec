//! The server: HTTP/1.1 with bounds on connections and on how long a request may take to come.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{TaskGroup, rpc::accept};

/// Connections at once. A browser opens up to six.
pub const MAX_CONNECTIONS: usize = 128;
/// A client that does not finish the head of its request within this time, or asks nothing more, is let go.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until the group ends.
pub fn serve(group: &TaskGroup, listener: TcpListener, app: Router) {
    let tasks = group.clone();
    group.spawn(tracing::info_span!("web"), async move {
        let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let permit = Arc::clone(&free).acquire_owned().await.expect("the semaphore is never closed");
            let stream = tokio::select! {
                biased;
                () = tasks.cancelled() => return,
                stream = accept(&listener) => stream.0,
            };
            let (service, token) = (TowerToHyperService::new(app.clone()), tasks.token().clone());
            tasks.spawn(tracing::debug_span!("request"), async move {
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), service);
                tokio::select! {
                    biased;
                    () = token.cancelled() => {}
                    outcome = connection => if let Err(error) = outcome {
                        tracing::debug!(%error, "a request failed");
                    },
                }
                drop(permit);
            });
        }
    });
}
