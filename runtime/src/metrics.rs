//! Prometheus metrics and health over HTTP: `/metrics` and `/healthz`.

mod readings;

use std::{convert::Infallible, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
pub use prometheus_client;
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::{net::TcpListener, sync::Semaphore};

pub use readings::{Reading, read_at_scrape, read_while_alive};

use crate::{TaskGroup, rpc::accept};

/// Scrapers at once.
const MAX_CONNECTIONS: usize = 32;
/// A client that does not finish its request within this time is let go.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The content type of the OpenMetrics text format, version 1.0.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What `/healthz` says: `Ok`, or a sentence about what is wrong.
pub type Health = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Serves metrics and health until the group ends.
pub fn serve(group: &TaskGroup, listener: TcpListener, registry: Arc<Registry>, health: Health) {
    let served = Served { registry, health };
    let tasks = group.clone();
    group.spawn(tracing::info_span!("metrics"), async move {
        let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let permit = Arc::clone(&free).acquire_owned().await.expect("the semaphore is never closed");
            let stream = tokio::select! {
                biased;
                () = tasks.cancelled() => return,
                stream = accept(&listener) => stream.0,
            };
            let (served, token) = (served.clone(), tasks.token().clone());
            tasks.spawn(tracing::debug_span!("scrape"), async move {
                let service = service_fn(move |request| {
                    let response = served.respond(&request);
                    async move { Ok::<_, Infallible>(response) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                tokio::select! {
                    biased;
                    () = token.cancelled() => {}
                    outcome = connection => if let Err(error) = outcome {
                        tracing::debug!(%error, "scrape failed");
                    },
                }
                drop(permit);
            });
        }
    });
}

#[derive(Clone)]
struct Served {
    registry: Arc<Registry>,
    health: Health,
}

impl Served {
    fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET\n".into());
        }
        match request.uri().path() {
            "/metrics" => self.metrics(),
            "/healthz" => match (self.health)() {
                Ok(()) => text(StatusCode::OK, "text/plain", "ok\n".into()),
                Err(what) => text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", format!("{what}\n")),
            },
            _ => text(StatusCode::NOT_FOUND, "text/plain", "here are /metrics and /healthz\n".into()),
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut body = String::new();
        match encode(&mut body, &self.registry) {
            Ok(()) => text(StatusCode::OK, OPEN_METRICS, body),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", format!("{error}\n")),
        }
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").finish_non_exhaustive()
    }
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
