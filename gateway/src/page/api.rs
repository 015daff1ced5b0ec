//! What the page asks, each a question of the service.

use futures_util::StreamExt as _;
use proto::{
    bridge::v1::{Link, StatusResponse},
    topology::v1::{
        DensityRequest, DiffRequest, Filter, PathRequest, RangeRequest, StateAtRequest, StatsRequest,
        WhyRequest, topology_server::Topology as _,
    },
};
use runtime::web::{
    answer,
    axum::{
        Router,
        extract::{Query, State, rejection::QueryRejection},
        response::Response,
        routing::get,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use tonic::{Request, Status};

use super::{Page, live, ms, state};
use crate::{limits::MAX_PAGE_EVENTS, past::json, report, wall};

/// Everything that may stand behind the `?`; what a question does not know it does not look at. Instants are
/// milliseconds since 1970, 0 or nothing for now or the beginning.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    at: u64,
    event: String,
    since: u64,
    until: u64,
    last: u32,
    first: u32,
    slices: u32,
    node: String,
    /// Names of kinds, with commas between them.
    kinds: String,
    from: String,
    to: String,
    peer: String,
}

/// As it came out of the address.
type Typed = Result<Query<Asked>, QueryRejection>;

macro_rules! routes {
    ($($path:literal: $question:path),+ $(,)?) => {
        Router::new()$(.route($path, get(async |State(page): State<Page>, typed: Typed| -> Response {
            answer::json(match typed {
                Ok(Query(asked)) => $question(&page, asked).await,
                Err(error) => Err(Status::invalid_argument(error.body_text())),
            })
        })))+
    };
}

pub(super) fn routes() -> Router<Page> {
    let questions = routes! {
        "/api/about": about,
        "/api/density": density,
        "/api/state": state_at,
        "/api/events": events,
        "/api/difference": difference,
        "/api/why": why,
        "/api/path": path,
        "/api/outages": outages,
    };
    questions.route("/api/live", get(live::live))
}

async fn about(page: &Page, _asked: Asked) -> Result<Value, Status> {
    let status = report::status(&page.shared).await?;
    let links = report::links(&page.shared).await?;
    Ok(about_json(&status, &links.links))
}

/// How the bridge is, with the measured links.
pub(super) fn about_json(status: &StatusResponse, links: &[Link]) -> Value {
    let link = |link: &Link| {
        json!({
            "bridge": json::id(&link.node_id),
            "state": link.state,
            "rtt_us": link.round_trip_us,
            "bytes_in": link.bytes_in,
            "bytes_out": link.bytes_out,
            "reason": link.reason,
        })
    };
    json!({
        "id": json::id(&status.node_id),
        "name": status.name,
        "network": status.network.as_ref().map(|network| network.name.as_str()).unwrap_or_default(),
        "version": status.version,
        "started": status.started_at,
        "now": wall::now_ms(),
        "draining": status.draining,
        "warnings": status.warnings,
        "links": links.iter().map(link).collect::<Vec<_>>(),
    })
}

async fn density(page: &Page, asked: Asked) -> Result<Value, Status> {
    let request =
        DensityRequest { since: ms::since(asked.since), until: ms::until(asked.until), slices: asked.slices };
    let density = page.past.density(Request::new(request)).await?.into_inner();
    Ok(json!({
        "since": ms::of(density.since),
        "until": ms::of(density.until),
        "first": ms::of(density.first),
        "last": ms::of(density.last),
        "counts": density.counts,
    }))
}

async fn state_at(page: &Page, asked: Asked) -> Result<Value, Status> {
    let request = StateAtRequest {
        at: if asked.event.is_empty() { ms::until(asked.at) } else { 0 },
        at_event: asked.event,
        ..StateAtRequest::default()
    };
    Ok(state::state(page.past.state_at(Request::new(request)).await?.get_ref()))
}

async fn events(page: &Page, asked: Asked) -> Result<Value, Status> {
    let known = |name: &str| crate::past::KINDS.iter().find(|(_, known)| *known == name);
    let named = asked.kinds.split(',').filter(|name| !name.is_empty());
    let kinds = named.map(|name| {
        let kind = known(name).map(|(kind, _)| i32::from(*kind));
        kind.ok_or_else(|| Status::invalid_argument(format!("there is no kind of event called {name}")))
    });
    let filter = Filter {
        since: ms::since(asked.since),
        until: ms::until(asked.until),
        node: asked.node,
        kinds: kinds.collect::<Result<_, _>>()?,
        ..Filter::default()
    };
    let last = if asked.first > 0 { 0 } else { asked.last.clamp(1, MAX_PAGE_EVENTS) };
    let request = RangeRequest { filter: Some(filter), last, first: asked.first.min(MAX_PAGE_EVENTS) };
    let mut found = page.past.range(Request::new(request)).await?.into_inner();
    let mut events = Vec::new();
    let mut damage = Value::Null;
    while let Some(event) = found.next().await {
        match event {
            Ok(event) => events.push(json::event(&event)),
            Err(status) => damage = json!(status.message()),
        }
    }
    Ok(json!({ "events": events, "damage": damage }))
}

async fn difference(page: &Page, asked: Asked) -> Result<Value, Status> {
    let request = DiffRequest { from: ms::until(asked.since), to: ms::until(asked.until) };
    let difference = page.past.diff(Request::new(request)).await?.into_inner();
    Ok(json!({
        "from": ms::of(difference.from),
        "to": ms::of(difference.to),
        "changes": difference.changes.iter().map(json::change).collect::<Vec<_>>(),
    }))
}

async fn why(page: &Page, asked: Asked) -> Result<Value, Status> {
    let request = WhyRequest { peer: asked.peer, at: ms::until(asked.at), ..WhyRequest::default() };
    Ok(json::why(page.past.why(Request::new(request)).await?.get_ref()))
}

async fn path(page: &Page, asked: Asked) -> Result<Value, Status> {
    let request = PathRequest { from: asked.from, to: asked.to, at: ms::until(asked.at) };
    Ok(json::path(page.past.path(Request::new(request)).await?.get_ref()))
}

async fn outages(page: &Page, asked: Asked) -> Result<Value, Status> {
    let request = StatsRequest { since: ms::since(asked.since), until: ms::until(asked.until) };
    Ok(json::outages(page.past.stats(Request::new(request)).await?.get_ref()))
}
