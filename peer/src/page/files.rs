//! The files of the page.

use runtime::web::{self, PageFile, axum::Router};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(PageFile { name: $name, text: include_str!(concat!("../../page/", $name)) }),+]
    };
}

const FILES: &[PageFile] = files! {
    "away.css",
    "style.css",
    "icon.svg",
    "main.js",
    "api.js",
    "live.js",
    "text.js",
    "dom.js",
    "person.js",
    "people.js",
    "message.js",
    "thread.js",
    "outbox.js",
    "composer.js",
    "safety.js",
    "profile.js",
    "search.js",
    "notify.js",
    "time.js",
    "keys.js",
    "kept.js",
    "row.js",
    "slice.js",
    "reading.js",
    "notices.js",
};

pub(super) fn routes() -> Router {
    web::files(include_str!("../../page/index.html"), FILES, "here is only /\n")
}
