//! The files of the page, part of the program. Nothing is built: they are what the browser runs.

use runtime::web::axum::{Router, extract::Path, response::IntoResponse, routing::get};
use tonic::codegen::http::{StatusCode, header::CONTENT_TYPE};

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($name:literal: $kind:expr),+ $(,)?) => {
        &[$(($name, $kind, include_str!(concat!("../../page/", $name)))),+]
    };
}

/// Name, type, contents.
const FILES: &[(&str, &str, &str)] = files! {
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "main.js": SCRIPT,
    "api.js": SCRIPT,
    "live.js": SCRIPT,
    "text.js": SCRIPT,
    "dom.js": SCRIPT,
    "person.js": SCRIPT,
    "people.js": SCRIPT,
    "message.js": SCRIPT,
    "thread.js": SCRIPT,
    "outbox.js": SCRIPT,
    "composer.js": SCRIPT,
    "safety.js": SCRIPT,
    "profile.js": SCRIPT,
    "search.js": SCRIPT,
    "notify.js": SCRIPT,
};

const INDEX: &str = include_str!("../../page/index.html");

pub(super) fn routes() -> Router {
    Router::new()
        .route("/", get(async || ([(CONTENT_TYPE, "text/html; charset=utf-8")], INDEX)))
        .route("/page/{name}", get(file))
        .fallback(async || (StatusCode::NOT_FOUND, "here is only /\n"))
}

async fn file(Path(name): Path<String>) -> impl IntoResponse {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    found.map_or_else(
        || (StatusCode::NOT_FOUND, "no such file\n").into_response(),
        |(_, kind, text)| ([(CONTENT_TYPE, *kind)], *text).into_response(),
    )
}
