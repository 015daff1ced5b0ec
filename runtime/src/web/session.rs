//! Who gets in.

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use axum::{
    Router,
    extract::{Query, Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Redirect, Response},
};
use hyper::header::SET_COOKIE;
use serde::Deserialize;
use tonic::{Code, Status};

use super::{Gate, answer, guarded, own_host};

/// A page that only those see who have a session.
pub trait Admission: Clone + Send + Sync + 'static {
    /// Where links become sessions.
    fn gate(&self) -> &Gate;

    /// Why the subject of a session may not read any more; `None`: it may.
    fn refusal(&self, subject: &str) -> Option<&'static str>;

    /// Names under which the page may be asked for, lower case, beside addresses and `localhost`.
    fn names(&self) -> &[String] {
        &[]
    }
}

/// What the link has behind its `?`.
#[derive(Debug, Deserialize)]
struct Opening {
    token: Option<String>,
}

/// The address of a link: its secret leaves the address as soon as it is opened.
pub fn link(address: SocketAddr, secret: &str) -> String {
    format!("http://{address}/?token={secret}")
}

/// Lays around what needs no session (`open`), and what needs one, all that keeps a page to itself.
pub fn admitted<P: Admission>(open: Router, closed: Router<P>, page: P) -> Router {
    let names: Arc<[String]> = page.names().into();
    let closed = closed.layer(from_fn_with_state(page.clone(), need_session::<P>)).with_state(page.clone());
    let all = open.layer(from_fn_with_state(page, take_token::<P>)).merge(closed);
    all.layer(from_fn_with_state(names, own_host)).layer(from_fn(guarded))
}

/// A link was opened: the secret becomes a cookie and leaves the address at once.
async fn take_token<P: Admission>(State(page): State<P>, request: Request, next: Next) -> Response {
    let opening = Query::<Opening>::try_from_uri(request.uri());
    let Some(token) = opening.ok().and_then(|Query(opening)| opening.token) else {
        return next.run(request).await;
    };
    match page.gate().open(&token, SystemTime::now()) {
        Some(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        None => Redirect::to("/#used").into_response(),
    }
}

/// Answers only whoever has a session.
async fn need_session<P: Admission>(State(page): State<P>, request: Request, next: Next) -> Response {
    let subject = page.gate().subject(request.headers(), SystemTime::now());
    let why = match subject.as_deref().map(|subject| page.refusal(subject)) {
        Some(None) => return next.run(request).await,
        Some(Some(why)) => why,
        None => "this needs a link: `causeway open` prints one on the machine of this node",
    };
    answer::refused(&Status::new(Code::Unauthenticated, why))
}
