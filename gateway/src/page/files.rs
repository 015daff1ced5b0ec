//! The files of the page.

use runtime::web::{self, PageFile, axum::Router};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(PageFile { name: $name, text: include_str!(concat!("../../page/", $name)) }),+]
    };
}

const FILES: &[PageFile] = files! {
    "style.css",
    "icon.svg",
    "main.js",
    "bridge.js",
    "camera.js",
    "time.js",
    "timeline.js",
    "layout.js",
    "graph.js",
    "links.js",
    "events.js",
    "nodes.js",
    "selection.js",
    "difference.js",
    "dom.js",
};

pub(super) fn routes() -> Router {
    web::files(include_str!("../../page/index.html"), FILES, "here are /, /metrics and /healthz\n")
}
