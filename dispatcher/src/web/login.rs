//! Logging in and out: what the page asks.

use std::time::{Instant, SystemTime};

use identity::token::{LoginToken, TOKEN_LIFETIME};
use runtime::web::{
    Remote,
    axum::{
        Extension, Router,
        extract::{DefaultBodyLimit, Query, State},
        http::{
            HeaderMap, HeaderName, StatusCode,
            header::{COOKIE, RETRY_AFTER, SET_COOKIE},
        },
        response::{IntoResponse as _, Redirect, Response},
        routing::{get, post},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{sync::oneshot, time::timeout};

use super::Web;
use crate::{
    cookie::{Keys, Person, Purpose},
    keeper::{Command, Entry},
    limits::{COOKIE_LIFETIME, ENTER_TIMEOUT, MAX_COOKIE_BYTES},
    proxies::who_asks,
};

const NAME: &str = "causeway_login";
/// Forms of other sites cannot send it.
const OF_THE_PAGE: HeaderName = HeaderName::from_static("x-causeway");

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/api/me", get(me))
        .route("/api/login", post(login))
        .route("/api/logout", post(logout))
        .route("/api/recover", post(recover).layer(DefaultBodyLimit::max(MAX_COOKIE_BYTES)))
        .route("/recover", get(recover_link))
        // Whoever looks whether the page is there: Consul's agent, a proxy in front.
        .route("/healthz", get(|| async { "ok\n" }))
}

/// Whether this browser has a peer here, and the link to get back to it from another one.
async fn me(State(web): State<Web>, headers: HeaderMap) -> Response {
    let person = person_of(&web, &headers);
    let recovery = person.map(|person| {
        let key = web.keys.seal(Purpose::Recovery, &person, SystemTime::now());
        format!("{}#recover={key}", web.address.login())
    });
    answer(StatusCode::OK, &json!({ "recovery": recovery, "forget": &*web.forget }))
}

async fn login(
    State(web): State<Web>,
    Extension(Remote(from)): Extension<Remote>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = foreign(&headers) {
        return refused;
    }
    let known = person_of(&web, &headers);
    // Who is known may ask as often as it takes; making new ones is what costs.
    let address = || who_asks(&web.proxies, from.ip(), &headers);
    if known.is_none() && !web.pace.admits(address(), Instant::now()) {
        web.metrics.limited.inc();
        let why = "too many logins from your address; this page tries again by itself";
        return later(StatusCode::TOO_MANY_REQUESTS, why, 10);
    }
    let before = known.clone();
    let mut person = known.unwrap_or_else(Keys::new_person);
    let mut response = match enter(&web, &person).await {
        Entry::Ready { node, claim } => {
            person.peer = Some(node);
            web.metrics.logins.inc();
            let token = LoginToken {
                issuer: web.own.id(),
                audience: node,
                user: person.user.clone(),
                claim,
                id: rand::random(),
                expires: SystemTime::now() + TOKEN_LIFETIME,
            };
            let path = format!("/enter?login={}", token.sign(web.own.key()));
            answer(StatusCode::OK, &json!({ "go": web.address.of(node, &path) }))
        }
        Entry::Wait(sentence) => answer(StatusCode::OK, &json!({ "wait": sentence })),
        Entry::Refused { why, retry } => later(StatusCode::SERVICE_UNAVAILABLE, &why, retry.as_secs().max(1)),
    };
    if before.as_ref() != Some(&person)
        && let Ok(cookie) = cookie(&web, &person, &headers).parse()
    {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

async fn logout(headers: HeaderMap) -> Response {
    if let Some(refused) = foreign(&headers) {
        return refused;
    }
    let ended = format!("{NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    ([(SET_COOKIE, ended)], answer(StatusCode::OK, &json!({}))).into_response()
}

#[derive(Debug, Deserialize)]
struct Recovery {
    key: String,
}

/// The key of a recovery link becomes the cookie, once its person has said so on the page: who was merely lured to a link
/// would write in somebody else's peer.
async fn recover(State(web): State<Web>, headers: HeaderMap, key: String) -> Response {
    if let Some(refused) = foreign(&headers) {
        return refused;
    }
    match web.keys.open(Purpose::Recovery, key.trim(), SystemTime::now()) {
        Some(person) => {
            let cookie = cookie(&web, &person, &headers);
            ([(SET_COOKIE, cookie)], answer(StatusCode::OK, &json!({}))).into_response()
        }
        None => {
            let why = json!({ "error": "this recovery link is damaged: copy all of it" });
            answer(StatusCode::BAD_REQUEST, &why)
        }
    }
}

/// A link in the form that earlier versions gave out.
async fn recover_link(Query(asked): Query<Recovery>) -> Redirect {
    let is_key = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let key: String = asked.key.chars().take(MAX_COOKIE_BYTES).filter(|letter| is_key(*letter)).collect();
    Redirect::to(&format!("/#recover={key}"))
}

/// Asks the keeper; what takes long is asked again by the page.
async fn enter(web: &Web, person: &Person) -> Entry {
    let (reply, answer) = oneshot::channel();
    let _ = web.commands.send(Command::Enter { person: person.clone(), reply }).await;
    match timeout(ENTER_TIMEOUT, answer).await {
        Ok(Ok(entry)) => entry,
        Ok(Err(_)) => Entry::Wait("This place is being restarted."),
        Err(_) => Entry::Wait("Your peer is being started."),
    }
}

/// Whose browser it is.
fn person_of(web: &Web, headers: &HeaderMap) -> Option<Person> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == NAME)?;
    web.keys.open(Purpose::Cookie, value, SystemTime::now())
}

fn cookie(web: &Web, person: &Person, headers: &HeaderMap) -> String {
    let value = web.keys.seal(Purpose::Cookie, person, SystemTime::now());
    let is_tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let (age, secure) = (COOKIE_LIFETIME.as_secs(), if is_tls { "; Secure" } else { "" });
    format!("{NAME}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
}

/// Refuses what the page did not send: a form of another site can post here, and cannot set this header.
fn foreign(headers: &HeaderMap) -> Option<Response> {
    let is_of_the_page = headers.contains_key(OF_THE_PAGE);
    (!is_of_the_page)
        .then(|| answer(StatusCode::FORBIDDEN, &json!({ "error": "another site's page asked for this" })))
}

fn later(status: StatusCode, why: &str, seconds: u64) -> Response {
    let body = json!({ "error": why, "retry_s": seconds });
    ([(RETRY_AFTER, seconds.to_string())], answer(status, &body)).into_response()
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let kind = runtime::web::axum::http::header::CONTENT_TYPE;
    (status, [(kind, "application/json")], body.to_string()).into_response()
}
