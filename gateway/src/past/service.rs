//! The gRPC service: questions are answered where blocking is allowed, and few at a time.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use futures_util::Stream;
use proto::topology::v1::{
    DiffRequest, DiffResponse, Event, ExportPiece, ExportRequest, LogsRequest, LogsResponse, PathRequest,
    PathResponse, Position, RangeRequest, State, StateAtRequest, StatsRequest, StatsResponse, VerifyRequest,
    VerifyResponse, WatchRequest, WhyRequest, WhyResponse, topology_server::Topology,
};
use runtime::TaskGroup;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};
use topology::{
    LogId,
    past::{Past, PastError, Watching, export::Writer},
};

use super::Source;
use crate::{
    limits::{MAX_QUESTIONS, MAX_WATCHERS, WATCH_BATCH_EVENTS, WATCH_QUEUE},
    wall,
};

/// The service.
#[derive(Debug)]
pub(crate) struct TopologyService {
    source: Source,
    /// Questions that are worked on; the others wait their turn.
    working: Arc<Semaphore>,
    watching: Arc<Semaphore>,
    group: TaskGroup,
}

type Events = Pin<Box<dyn Stream<Item = Result<Event, Status>> + Send>>;
type Pieces = Pin<Box<dyn Stream<Item = Result<ExportPiece, Status>> + Send>>;

impl Source {
    fn past(&self) -> Past<'_> {
        Past::new(&*self.archive, &*self.verifier, self.me)
    }
}

impl TopologyService {
    pub(crate) fn new(source: Source, group: TaskGroup) -> Self {
        let (working, watching) =
            (Arc::new(Semaphore::new(MAX_QUESTIONS)), Arc::new(Semaphore::new(MAX_WATCHERS)));
        Self { source, working, watching, group }
    }

    /// Answers a question on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(Past<'_>) -> Result<T, PastError> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let place = self.place().await?;
        let source = self.source.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let _place = place;
            question(source.past())
        });
        let answer = answer.await.map_err(|_| Status::aborted("the bridge is ending"))?;
        answer.map(Response::new).map_err(|error| status(&error))
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Status> {
        let place = Arc::clone(&self.working).acquire_owned().await;
        place.map_err(|_| Status::aborted("the bridge is ending"))
    }
}

#[tonic::async_trait]
impl Topology for TopologyService {
    async fn logs(&self, _request: Request<LogsRequest>) -> Result<Response<LogsResponse>, Status> {
        self.ask(|past| Ok(past.logs())).await
    }

    type RangeStream = Events;

    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<Events>, Status> {
        let RangeRequest { filter, last } = request.into_inner();
        let source = self.source.clone();
        let place = self.place().await?;
        let (events, queue) = mpsc::channel(WATCH_QUEUE);
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let outcome = range(&source.past(), &filter.unwrap_or_default(), last, |event| {
                events.blocking_send(Ok(event)).is_ok()
            });
            if let Err(status) = outcome {
                // Whoever went away needs no reason.
                let _ = events.blocking_send(Err(status));
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(queue))))
    }

    type WatchStream = Events;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Events>, Status> {
        let Ok(place) = Arc::clone(&self.watching).try_acquire_owned() else {
            return Err(Status::resource_exhausted(format!(
                "{MAX_WATCHERS} others watch this bridge's log already; close one of them"
            )));
        };
        let WatchRequest { filter, after, only_new } = request.into_inner();
        let after = after.iter().map(position).collect::<Result<Vec<_>, _>>()?;
        let begun = self.ask(move |past| {
            let wanted = past.wanted(&filter.unwrap_or_default())?;
            let after = if only_new { past.positions() } else { after };
            Ok(past.watch(wanted, after))
        });
        let watching = begun.await?.into_inner();
        let (events, queue) = mpsc::channel(WATCH_QUEUE);
        let span = tracing::debug_span!("watching");
        self.group.spawn(span, follow(self.source.clone(), watching, (events, place), self.group.clone()));
        Ok(Response::new(Box::pin(ReceiverStream::new(queue))))
    }

    async fn state_at(&self, request: Request<StateAtRequest>) -> Result<Response<State>, Status> {
        let request = request.into_inner();
        self.ask(move |past| past.state_at(&request)).await
    }

    async fn diff(&self, request: Request<DiffRequest>) -> Result<Response<DiffResponse>, Status> {
        let request = request.into_inner();
        self.ask(move |past| past.diff(&request)).await
    }

    async fn why(&self, request: Request<WhyRequest>) -> Result<Response<WhyResponse>, Status> {
        let request = request.into_inner();
        self.ask(move |past| past.why(&request)).await
    }

    async fn path(&self, request: Request<PathRequest>) -> Result<Response<PathResponse>, Status> {
        let request = request.into_inner();
        self.ask(move |past| past.path(&request)).await
    }

    async fn stats(&self, request: Request<StatsRequest>) -> Result<Response<StatsResponse>, Status> {
        let request = request.into_inner();
        self.ask(move |past| past.stats(&request)).await
    }

    async fn verify(&self, _request: Request<VerifyRequest>) -> Result<Response<VerifyResponse>, Status> {
        self.ask(|past| Ok(past.verify())).await
    }

    type ExportStream = Pieces;

    async fn export(&self, request: Request<ExportRequest>) -> Result<Response<Pieces>, Status> {
        let Some(key) = self.source.key.clone() else {
            return Err(Status::failed_precondition(
                "only a bridge can export: it signs the file, and here is no bridge's key",
            ));
        };
        let ExportRequest { journal, addresses } = request.into_inner();
        let source = self.source.clone();
        let place = self.place().await?;
        let (pieces, queue) = mpsc::channel(WATCH_QUEUE);
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let put = |data: Bytes| pieces.blocking_send(Ok(ExportPiece { data }));
            let now = wall::now_ms().unsigned_abs();
            let writer = Writer::new(&*source.archive, &key);
            let writer = if journal { writer.with_journal(addresses) } else { writer };
            // It fails when whoever asked went away.
            let _ = writer.write(now, env!("CARGO_PKG_VERSION"), put);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(queue))))
    }
}

/// Gives out the events of a range until `put` refuses.
fn range(
    past: &Past<'_>,
    filter: &proto::topology::v1::Filter,
    last: u32,
    mut put: impl FnMut(Event) -> bool,
) -> Result<(), Status> {
    let wanted = past.wanted(filter).map_err(|error| status(&error))?;
    let mut range = past.range(wanted);
    if last == 0 {
        for event in range.by_ref() {
            if !put(event) {
                return Ok(());
            }
        }
    } else {
        let last = usize::try_from(last).unwrap_or(usize::MAX);
        let mut newest = std::collections::VecDeque::new();
        for event in range.by_ref() {
            if newest.len() == last {
                newest.pop_front();
            }
            newest.push_back(event);
        }
        if !newest.into_iter().all(&mut put) {
            return Ok(());
        }
    }
    match range.unreadable() {
        [] => Ok(()),
        [(log, first), ..] => Err(Status::data_loss(format!(
            "log {log} cannot be read from event {first} on; `causeway topology verify` says more"
        ))),
    }
}

/// Gives out what comes in, until nobody listens or nothing more can come.
async fn follow(
    source: Source,
    mut watching: Watching,
    (events, _place): (mpsc::Sender<Result<Event, Status>>, OwnedSemaphorePermit),
    group: TaskGroup,
) {
    let mut news = source.news.clone();
    loop {
        news.mark_unchanged();
        loop {
            let source = source.clone();
            let step = tokio::task::spawn_blocking(move || {
                let past = source.past();
                let found = watching.advance(&past, WATCH_BATCH_EVENTS);
                let more = watching.is_behind(&past);
                (watching, found, more)
            });
            let Ok((next, found, more)) = step.await else { return };
            watching = next;
            for event in found {
                if events.send(Ok(event)).await.is_err() {
                    return;
                }
            }
            if !more {
                break;
            }
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return },
            () = events.closed() => return,
            () = group.cancelled() => return,
        }
    }
}

fn position(position: &Position) -> Result<(LogId, u64), Status> {
    let log = LogId::from_fields(&position.owner, &position.epoch);
    log.map(|log| (log, position.sequence)).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn status(error: &PastError) -> Status {
    let code = match error {
        PastError::Ambiguous { .. } => Code::FailedPrecondition,
        PastError::BadEventId(_) | PastError::NotABridge { .. } => Code::InvalidArgument,
        _ => Code::NotFound,
    };
    Status::new(code, error.to_string())
}
