//! The files of a page, part of the program. Nothing is built: they are what the browser runs.

use axum::{Router, extract::Path, response::IntoResponse as _, routing::get};
use hyper::{StatusCode, header::CONTENT_TYPE};

/// A file of a page.
#[derive(Debug, Clone, Copy)]
pub struct PageFile {
    /// Its name below `/page/`.
    pub name: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// `index` at `/`, the others below `/page/`, and `elsewhere` in answer to everything else.
pub fn files(index: &'static str, files: &'static [PageFile], elsewhere: &'static str) -> Router {
    let file = async move |Path(name): Path<String>| {
        let found = files.iter().find(|file| file.name == name);
        found.map_or_else(
            || (StatusCode::NOT_FOUND, "no such file\n").into_response(),
            |file| ([(CONTENT_TYPE, kind(file.name))], file.text).into_response(),
        )
    };
    Router::new()
        .route("/", get(async move || ([(CONTENT_TYPE, kind("index.html"))], index)))
        .route("/page/{name}", get(file))
        .fallback(async move || (StatusCode::NOT_FOUND, elsewhere))
}

/// The type of a file, by the end of its name.
fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
