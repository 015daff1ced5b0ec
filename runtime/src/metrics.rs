//! Prometheus metrics and health over HTTP: `/metrics` and `/healthz`.

mod readings;

use std::sync::Arc;

use axum::{
    Router,
    response::{IntoResponse as _, Response},
    routing::get,
};
use hyper::{StatusCode, header::CONTENT_TYPE};
pub use prometheus_client;
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::net::TcpListener;

pub use readings::{Reading, read_at_scrape, read_while_alive};

use crate::{TaskGroup, web};

/// The content type of the OpenMetrics text format, version 1.0.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What `/healthz` says: `Ok`, or a sentence about what is wrong.
pub type Health = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Serves metrics and health until the group ends, and nothing else.
pub fn serve(group: &TaskGroup, listener: TcpListener, registry: Arc<Registry>, health: Health) {
    let nothing = || async { (StatusCode::NOT_FOUND, "here are /metrics and /healthz\n") };
    web::serve(group, listener, routes(registry, health).fallback(nothing));
}

/// The two routes.
pub fn routes(registry: Arc<Registry>, health: Health) -> Router {
    let metrics = move || async move { scrape(&registry) };
    let health = move || async move { answer(health()) };
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(health))
}

fn scrape(registry: &Registry) -> Response {
    let mut body = String::new();
    match encode(&mut body, registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn answer(health: Result<(), String>) -> Response {
    match health {
        Ok(()) => "ok\n".into_response(),
        Err(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")).into_response(),
    }
}
