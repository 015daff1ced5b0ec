//! The history as a file: JSON lines, as the inbox tells it.

use futures_util::StreamExt as _;
use proto::control::v1::{InboxRequest, messenger_server::Messenger as _};
use runtime::web::{
    answer,
    axum::{
        body::Body,
        extract::{Query, State},
        http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
        response::{IntoResponse as _, Response},
    },
};
use tonic::{Request, Status};

use super::{Page, api::Typed, json};

const HEADERS: [(runtime::web::axum::http::HeaderName, &str); 2] = [
    (CONTENT_TYPE, "application/x-ndjson"),
    (CONTENT_DISPOSITION, "attachment; filename=\"causeway-history.jsonl\""),
];

pub(super) async fn export(State(page): State<Page>, typed: Typed) -> Response {
    let peer = match typed {
        Ok(Query(asked)) => asked.peer,
        Err(error) => return answer::refused(&Status::invalid_argument(error.body_text())),
    };
    match page.messenger.inbox(Request::new(InboxRequest { peer, ..InboxRequest::default() })).await {
        Ok(items) => {
            // An error in the middle breaks the download off, so that nobody takes a part for the whole.
            let lines = items.into_inner().map(|item| item.map(|item| format!("{}\n", json::item(&item))));
            (HEADERS, Body::from_stream(lines)).into_response()
        }
        Err(status) => answer::refused(&status),
    }
}
