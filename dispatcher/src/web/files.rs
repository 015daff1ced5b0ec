//! The files of the page, and what is said where there is none.

use runtime::web::{
    self, PageFile,
    axum::{
        Router,
        http::{
            StatusCode,
            header::{CACHE_CONTROL, CONTENT_TYPE},
        },
        response::{IntoResponse as _, Response},
    },
};

const FILES: &[PageFile] = &[
    PageFile { name: "style.css", text: include_str!("../../page/style.css") },
    PageFile { name: "icon.svg", text: include_str!("../../page/icon.svg") },
    PageFile { name: "main.js", text: include_str!("../../page/main.js") },
];

pub(super) fn routes() -> Router {
    web::files(include_str!("../../page/index.html"), FILES, "here is only /\n")
}

/// A sentence where a peer's page would be, and the way to the login.
pub(super) fn away(status: StatusCode, why: &str, login: &str) -> Response {
    let text = format!("{why}.\nThe login is at {login}\n");
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")], text).into_response()
}
