//! What happens, as it happens: server-sent events (HTML standard, section 9.2).
//!
//! `about` comes at the beginning and every two seconds: how the bridge is, with its links' round trips and traffic.
//! `events` comes when something became durable: the events, told. A page that was away asks for the state anew when it is
//! back, so nothing has to be sent twice.

use std::{convert::Infallible, time::Duration};

use futures_util::StreamExt as _;
use proto::topology::v1::{Event as Logged, WatchRequest, topology_server::Topology as _};
use runtime::web::{
    answer,
    axum::{
        extract::State,
        response::{IntoResponse as _, Response, Sse, sse::Event},
    },
};
use serde_json::Value;
use tokio::{sync::mpsc, time::MissedTickBehavior};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};

use super::{Page, api::about_json};
use crate::{
    limits::{PAGE_BATCH_EVENTS, PAGE_STREAM_QUEUE, PAGE_STREAM_TIMEOUT},
    past::json,
    report,
};

/// Between two looks at the bridge and its links.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How soon a browser that lost us asks again.
const RETRY: Duration = Duration::from_secs(1);

type Sent = Result<Event, Infallible>;

pub(super) async fn live(State(page): State<Page>) -> Response {
    let Ok(place) = std::sync::Arc::clone(&page.streams).try_acquire_owned() else {
        let sentence = "too many pages follow this bridge already; close one of them";
        return answer::refused(&Status::resource_exhausted(sentence));
    };
    let request = WatchRequest { only_new: true, ..WatchRequest::default() };
    let news = match page.past.watch(Request::new(request)).await {
        Ok(news) => news.into_inner(),
        Err(status) => return answer::refused(&status),
    };
    let (sender, queue) = mpsc::channel(PAGE_STREAM_QUEUE);
    let group = page.shared.group.clone();
    group.spawn(tracing::debug_span!("page"), async move {
        let _place = place;
        let ended = page.shared.group.clone();
        tokio::select! {
            () = ended.cancelled() => {}
            () = follow(page, news, sender) => {}
        }
    });
    Sse::new(ReceiverStream::new(queue)).into_response()
}

/// Until the browser is gone, or does not read.
async fn follow<S>(page: Page, news: S, sender: mpsc::Sender<Sent>)
where
    S: futures_util::Stream<Item = Result<Logged, Status>> + Unpin,
{
    let mut batches = news.ready_chunks(PAGE_BATCH_EVENTS);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            _ = looks.tick() => match look(&page).await {
                Some(about) => event("about", &about).retry(RETRY),
                None => return,
            },
            batch = batches.next() => match batch {
                Some(batch) => event("events", &batch.iter().flatten().map(json::event).collect()),
                None => return,
            },
        };
        if sender.send_timeout(Ok(event), PAGE_STREAM_TIMEOUT).await.is_err() {
            return;
        }
    }
}

async fn look(page: &Page) -> Option<Value> {
    let status = report::status(&page.shared).await.ok()?;
    let links = report::links(&page.shared).await.ok()?;
    Some(about_json(&status, &links.links))
}

fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}
