//! Who gets in.

use std::time::SystemTime;

use runtime::web::{
    axum::{
        Router,
        extract::{Query, Request, State},
        middleware::{Next, from_fn, from_fn_with_state},
        response::{IntoResponse as _, Redirect, Response},
    },
    guarded, own_host,
};
use serde::Deserialize;
use tonic::{Code, Status, codegen::http::header::SET_COOKIE};

use super::{Page, answer};

/// What the link has behind its `?`.
#[derive(Debug, Deserialize)]
struct Opening {
    token: Option<String>,
}

/// Lays around what needs no session, and what needs one, all that keeps a page to itself.
pub(super) fn guard(open: Router, closed: Router<Page>, page: Page) -> Router {
    let closed = closed.layer(from_fn_with_state(page.clone(), need_session)).with_state(page.clone());
    let all = open.layer(from_fn_with_state(page, take_token)).merge(closed);
    all.layer(from_fn(own_host)).layer(from_fn(guarded))
}

/// A link was opened: the secret becomes a cookie and leaves the address at once.
async fn take_token(State(page): State<Page>, request: Request, next: Next) -> Response {
    let opening = Query::<Opening>::try_from_uri(request.uri());
    let Some(token) = opening.ok().and_then(|Query(opening)| opening.token) else {
        return next.run(request).await;
    };
    match page.shared.page.gate.open(&token, SystemTime::now()) {
        Some(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        None => Redirect::to("/#used").into_response(),
    }
}

/// Answers only whoever has a session.
async fn need_session(State(page): State<Page>, request: Request, next: Next) -> Response {
    let subject = page.shared.page.gate.subject(request.headers(), SystemTime::now());
    let sentence = match subject {
        Some(subject) if page.admits(&subject) => return next.run(request).await,
        Some(_) => "whoever this session was for is on the operators' list no longer",
        None => "this needs a link: `causeway open` prints one on the machine of the bridge",
    };
    answer::refused(&Status::new(Code::Unauthenticated, sentence))
}
