//! What the page asks and does, each a call of the messenger.

use data_encoding::HEXLOWER;
use proto::control::v1::{
    DeleteConversationRequest, MarkReadRequest, MessagesRequest, PeopleRequest, RenameRequest,
    SafetyNumberRequest, SearchRequest, SendRequest, SetBlockedRequest, SetVerifiedRequest, TypingRequest,
    messenger_server::Messenger as _,
};
use runtime::web::{
    answer,
    axum::{
        Router,
        extract::{DefaultBodyLimit, Query, State, rejection::QueryRejection},
        http::{HeaderMap, header::CONTENT_TYPE},
        response::Response,
        routing::{get, post},
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tonic::{Request, Status};

use super::{Page, export, json as told, live};
use crate::limits::MAX_PAGE_BODY_BYTES;

/// Everything that may stand behind the `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) peer: String,
    text: String,
    before: u64,
    pub(super) after: u64,
    limit: u32,
    unread: bool,
}

pub(super) type Typed = Result<Query<Asked>, QueryRejection>;

macro_rules! questions {
    ($($path:literal: $question:path),+ $(,)?) => {
        Router::new()$(.route($path, get(async |State(page): State<Page>, typed: Typed| -> Response {
            answer::json(match typed {
                Ok(Query(asked)) => $question(&page, asked).await,
                Err(error) => Err(Status::invalid_argument(error.body_text())),
            })
        })))+
    };
}

macro_rules! deeds {
    ($($path:literal: $deed:path),+ $(,)?) => {
        Router::new()$(.route(
            $path,
            post(async |State(page): State<Page>, headers: HeaderMap, body: String| -> Response {
                answer::json(match read(&headers, &body) {
                    Ok(asked) => $deed(&page, asked).await,
                    Err(status) => Err(status),
                })
            }),
        ))+
    };
}

pub(super) fn routes() -> Router<Page> {
    let questions = questions! {
        "/api/me": me,
        "/api/people": people,
        "/api/messages": messages,
        "/api/search": search,
        "/api/safety": safety,
    };
    let deeds = deeds! {
        "/api/send": send,
        "/api/read": mark_read,
        "/api/typing": typing,
        "/api/verified": verified,
        "/api/blocked": blocked,
        "/api/rename": rename,
        "/api/delete": delete,
    };
    let streams = Router::new().route("/api/live", get(live::live)).route("/api/export", get(export::export));
    questions.merge(deeds.layer(DefaultBodyLimit::max(MAX_PAGE_BODY_BYTES))).merge(streams)
}

/// A form of another site can send anything but this type.
fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &str) -> Result<T, Status> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Status::invalid_argument("send this as application/json"));
    }
    serde_json::from_str(body).map_err(|error| Status::invalid_argument(error.to_string()))
}

async fn me(page: &Page, _asked: Asked) -> Result<Value, Status> {
    Ok(told::profile(&page.messenger.profile().await?, page.kept_by()))
}

async fn people(page: &Page, _asked: Asked) -> Result<Value, Status> {
    let people = page.messenger.people(Request::new(PeopleRequest {})).await?.into_inner().people;
    Ok(json!({ "people": people.iter().map(told::person).collect::<Vec<_>>() }))
}

async fn messages(page: &Page, asked: Asked) -> Result<Value, Status> {
    let Asked { peer, before, after, limit, unread, .. } = asked;
    let request = MessagesRequest { peer, before, after, limit, unread };
    let found = page.messenger.messages(Request::new(request)).await?.into_inner();
    let messages: Vec<_> = found.messages.iter().map(told::item).collect();
    Ok(json!({ "messages": messages, "older": found.older, "newer": found.newer }))
}

async fn search(page: &Page, asked: Asked) -> Result<Value, Status> {
    let Asked { peer, text, before, limit, .. } = asked;
    let request = SearchRequest { text, peer, before, limit };
    let found = page.messenger.search(Request::new(request)).await?.into_inner();
    let messages: Vec<_> = found.messages.iter().map(told::item).collect();
    Ok(json!({ "messages": messages, "next": found.next }))
}

async fn safety(page: &Page, asked: Asked) -> Result<Value, Status> {
    let request = SafetyNumberRequest { peer: asked.peer };
    Ok(told::safety(page.messenger.safety_number(Request::new(request)).await?.get_ref()))
}

#[derive(Deserialize)]
struct Send {
    to: String,
    text: String,
    /// Hexadecimal.
    #[serde(default)]
    once: String,
}

async fn send(page: &Page, asked: Send) -> Result<Value, Status> {
    let once = hexadecimal(&asked.once)?;
    let request = SendRequest { to: asked.to, text: asked.text, wait_ms: 0, once: once.into() };
    let sent = page.messenger.send(Request::new(request)).await?.into_inner();
    Ok(told::item(&sent.message.unwrap_or_default()))
}

#[derive(Deserialize)]
struct MarkRead {
    peer: String,
    epoch: String,
    through: u64,
}

async fn mark_read(page: &Page, asked: MarkRead) -> Result<Value, Status> {
    let epoch = hexadecimal(&asked.epoch)?.into();
    let request = MarkReadRequest { peer: asked.peer, epoch, through: asked.through };
    let marked = page.messenger.mark_read(Request::new(request)).await?.into_inner().marked;
    Ok(json!({ "marked": marked }))
}

#[derive(Deserialize)]
struct Typing {
    to: String,
    active: bool,
}

async fn typing(page: &Page, asked: Typing) -> Result<Value, Status> {
    let request = TypingRequest { to: asked.to, active: asked.active };
    page.messenger.typing(Request::new(request)).await?;
    Ok(json!({}))
}

#[derive(Deserialize)]
struct Verified {
    peer: String,
    verified: bool,
}

async fn verified(page: &Page, asked: Verified) -> Result<Value, Status> {
    let request = SetVerifiedRequest { peer: asked.peer, verified: asked.verified };
    page.messenger.set_verified(Request::new(request)).await?;
    Ok(json!({}))
}

#[derive(Deserialize)]
struct Blocked {
    peer: String,
    blocked: bool,
}

async fn blocked(page: &Page, asked: Blocked) -> Result<Value, Status> {
    let request = SetBlockedRequest { peer: asked.peer, blocked: asked.blocked };
    page.messenger.set_blocked(Request::new(request)).await?;
    Ok(json!({}))
}

#[derive(Deserialize)]
struct Rename {
    name: String,
}

async fn rename(page: &Page, asked: Rename) -> Result<Value, Status> {
    let request = RenameRequest { name: asked.name };
    let changed = page.messenger.rename(Request::new(request)).await?.into_inner().changed;
    Ok(json!({ "changed": changed }))
}

#[derive(Deserialize)]
struct Delete {
    peer: String,
}

async fn delete(page: &Page, asked: Delete) -> Result<Value, Status> {
    let request = DeleteConversationRequest { peer: asked.peer };
    let deleted = page.messenger.delete_conversation(Request::new(request)).await?.into_inner();
    Ok(json!({ "messages": deleted.messages, "waiting": deleted.waiting }))
}

fn hexadecimal(text: &str) -> Result<Vec<u8>, Status> {
    HEXLOWER.decode(text.as_bytes()).map_err(|error| Status::invalid_argument(error.to_string()))
}
