//! How a person gets to the page of a peer that a dispatcher keeps: with a token, once; then by a session.

use std::{sync::Arc, time::SystemTime};

use runtime::web::{
    Gate, SameSite,
    axum::{
        extract::{Request, State},
        http::{
            HeaderMap, StatusCode, Uri,
            header::{CONTENT_TYPE, SET_COOKIE},
        },
        middleware::Next,
        response::{IntoResponse as _, Redirect, Response},
    },
};

use super::{Arbiter, Hosting, service::Idleness};

/// Who is not let in sees this; `LOGIN` and `WHY` are filled in.
const AWAY: &str = include_str!("../../page/away.html");

/// Says nothing but that the page is there.
const HEALTH: &str = "/healthz";

/// What the routes of a kept peer share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    pub(crate) arbiter: Arbiter,
    pub(crate) idleness: Idleness,
    gate: Gate,
    login: Arc<str>,
    names: Arc<[String]>,
}

impl Entrance {
    pub(crate) fn new(hosting: Hosting, (arbiter, idleness): (Arbiter, Idleness), gate: Gate) -> Self {
        let Hosting { login, domain, .. } = hosting;
        let names = domain.map(|domain| format!("{}.{}", arbiter.me(), domain.to_ascii_lowercase()));
        Self { arbiter, idleness, gate, login: login.into(), names: names.into_iter().collect() }
    }

    /// Names under which the page may be asked for.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Where one logs in.
    pub(crate) fn login(&self) -> &str {
        &self.login
    }

    /// Why a session is over; `None`: it is not.
    pub(crate) fn refusal(&self, subject: &str) -> Option<&'static str> {
        let is_over = subject != crate::page::OWNER && !self.arbiter.is_holder(subject);
        is_over.then_some("this peer is somebody else's: log in again")
    }

    fn is_let_in(&self, headers: &HeaderMap) -> bool {
        let subject = self.gate.subject(headers, SystemTime::now());
        subject.is_some_and(|subject| self.refusal(&subject).is_none())
    }

    /// A token becomes a session, and leaves the address at once.
    async fn enter(&self, token: String, headers: &HeaderMap) -> Response {
        let arbiter = self.arbiter.clone();
        let redeemed = tokio::task::spawn_blocking(move || arbiter.redeem(&token, SystemTime::now())).await;
        match redeemed {
            Ok(Ok(subject)) => {
                self.idleness.touch();
                // The way here was a redirect from another site, which a strict cookie would not go along with.
                let cookie = self.gate.begin(&subject, SystemTime::now(), SameSite::Lax);
                let secure = if is_tls(headers) { "; Secure" } else { "" };
                ([(SET_COOKIE, format!("{cookie}{secure}"))], Redirect::to("/")).into_response()
            }
            Ok(Err(why)) => {
                tracing::debug!(%why, "a login was refused");
                self.away(&format!("{why}."))
            }
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }

    fn leave(&self) -> Response {
        ([(SET_COOKIE, self.gate.end())], Redirect::to(&self.login)).into_response()
    }

    fn away(&self, why: &str) -> Response {
        let page = AWAY.replace("LOGIN", &escaped(&self.login)).replace("WHY", &escaped(&sentence(why)));
        (StatusCode::UNAUTHORIZED, [(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
    }
}

/// To be laid around all routes of a kept peer's page.
pub(crate) async fn entered(State(entrance): State<Entrance>, request: Request, next: Next) -> Response {
    match request.uri().path() {
        "/enter" => {
            let token = token_of(request.uri()).unwrap_or_default();
            entrance.enter(token, request.headers()).await
        }
        "/leave" => entrance.leave(),
        // Whoever looks whether the page is there: Consul's agent, a proxy in front.
        HEALTH => "ok\n".into_response(),
        // A link that `causeway open` made.
        "/" if request.uri().query().is_none() && !entrance.is_let_in(request.headers()) => {
            entrance.away("this peer is somebody's, or will be. Log in to get to yours.")
        }
        _ => {
            if entrance.is_let_in(request.headers()) {
                entrance.idleness.touch();
            }
            next.run(request).await
        }
    }
}

/// A token needs no escapes, so what has some is none.
fn token_of(uri: &Uri) -> Option<String> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("login=")).map(str::to_owned)
}

/// By the word of the proxy in front; whoever lies harms his own session only.
fn is_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
}

fn sentence(why: &str) -> String {
    let mut letters = why.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
