//! What happens, as it happens: server-sent events (HTML standard, section 9.2). A page that was away says up to where it
//! was told, and is told the rest.

use std::{convert::Infallible, time::Duration};

use futures_util::{StreamExt as _, future::ready, stream};
use proto::control::v1::{WatchEvent, WatchRequest, messenger_server::Messenger as _, watch_event::Kind};
use runtime::web::{
    answer,
    axum::{
        extract::{Query, State},
        response::{IntoResponse as _, Response, Sse, sse::Event},
    },
};
use serde_json::Value;
use tokio::time::interval;
use tokio_stream::wrappers::IntervalStream;
use tonic::{Request, Status};

use super::{Page, api::Typed, json};

/// A page that hears nothing for much longer takes the connection for lost.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

pub(super) async fn live(State(page): State<Page>, typed: Typed) -> Response {
    let after = match typed {
        Ok(Query(asked)) => asked.after,
        Err(error) => return answer::refused(&Status::invalid_argument(error.body_text())),
    };
    match page.messenger.watch(Request::new(WatchRequest { after })).await {
        Ok(events) => {
            let open = page.entrance.as_ref().map(|entrance| entrance.idleness.open());
            let kept_by = page.kept_by().map(str::to_owned);
            let event_of =
                move |event| ready(Result::ok(event).and_then(|event| event_of(event, kept_by.as_deref())));
            let events = events.into_inner().filter_map(event_of);
            let ended = page.group.clone();
            let events = events.take_until(async move { ended.cancelled().await });
            let events = events.map(Some).chain(stream::once(ready(None)));
            let signs = IntervalStream::new(interval(SIGN_OF_LIFE)).map(|_| Some(sign_of_life()));
            let all =
                stream::select(events, signs).take_while(|event| ready(event.is_some())).filter_map(ready);
            let all = all.inspect(move |_| {
                let _held_while_it_is_open = &open;
            });
            Sse::new(all).into_response()
        }
        Err(status) => answer::refused(&status),
    }
}

/// Scripts do not see comments: this is an event of its own.
fn sign_of_life() -> Result<Event, Infallible> {
    Ok(Event::default().event("alive").data("{}"))
}

fn event_of(event: WatchEvent, kept_by: Option<&str>) -> Option<Result<Event, Infallible>> {
    let (name, data): (_, Value) = match event.kind? {
        Kind::Profile(it) => ("profile", json::profile(&it, kept_by)),
        Kind::People(it) => ("people", json::people(&it)),
        Kind::Messages(it) => ("messages", json::messages(&it)),
    };
    Some(Ok(Event::default().event(name).data(data.to_string())))
}
