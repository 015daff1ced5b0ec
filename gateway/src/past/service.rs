//! The gRPC service: questions are answered where blocking is allowed, and few at a time.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use futures_util::Stream;
use proto::topology::v1::{
    DensityRequest, DensityResponse, DiffRequest, DiffResponse, Event, ExportPiece, ExportRequest,
    LogsRequest, LogsResponse, PathRequest, PathResponse, Position, RangeRequest, State, StateAtRequest,
    StatsRequest, StatsResponse, VerifyRequest, VerifyResponse, WatchRequest, WhyRequest, WhyResponse,
    topology_server::Topology,
};
use runtime::TaskGroup;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};
use topology::{
    LogId,
    past::{Past, PastError, Step, Watching, export::Writer},
};

use super::Source;
use crate::{
    limits::{EXPORT_TIMEOUT, MAX_QUESTIONS, MAX_WATCHERS, WATCH_BATCH_EVENTS, WATCH_QUEUE},
    wall,
};

/// The service.
#[derive(Debug)]
pub(crate) struct TopologyService {
    source: Source,
    /// Questions that are worked on; the others wait their turn.
    working: Arc<Semaphore>,
    /// Streams that are open.
    streams: Arc<Semaphore>,
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
        let (working, streams) =
            (Arc::new(Semaphore::new(MAX_QUESTIONS)), Arc::new(Semaphore::new(MAX_WATCHERS)));
        Self { source, working, streams, group }
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

    /// A place for a stream, which its reader may hold for as long as it likes.
    fn stream_place(&self) -> Result<OwnedSemaphorePermit, Status> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!(
                "{MAX_WATCHERS} others read or follow this bridge's log already; close one of them"
            ))
        })
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
        let RangeRequest { filter, last, first } = request.into_inner();
        let place = self.stream_place()?;
        let begun = self.ask(move |past| {
            let wanted = past.wanted(&filter.unwrap_or_default())?;
            Ok(match last {
                0 => past.watch_range(wanted),
                last => past.watch_newest(wanted, usize::try_from(last).unwrap_or(usize::MAX)),
            })
        });
        let watching = begun.await?.into_inner();
        let (events, queue) = mpsc::channel(WATCH_QUEUE);
        let most = if first == 0 { u32::MAX } else { first };
        let reading = Following { source: self.source.clone(), watching, events, _place: place };
        self.group.spawn(tracing::debug_span!("reading"), reading.range(most, Arc::clone(&self.working)));
        Ok(Response::new(Box::pin(ReceiverStream::new(queue))))
    }

    type WatchStream = Events;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Events>, Status> {
        let place = self.stream_place()?;
        let WatchRequest { filter, after, only_new } = request.into_inner();
        let after = after.iter().map(position).collect::<Result<Vec<_>, _>>()?;
        let begun = self.ask(move |past| {
            let wanted = past.wanted(&filter.unwrap_or_default())?;
            let after = if only_new { past.positions() } else { after };
            Ok(past.watch(wanted, after))
        });
        let watching = begun.await?.into_inner();
        let (events, queue) = mpsc::channel(WATCH_QUEUE);
        let following = Following { source: self.source.clone(), watching, events, _place: place };
        let task = following.follow(Arc::clone(&self.working), self.group.clone());
        self.group.spawn(tracing::debug_span!("watching"), task);
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

    async fn density(&self, request: Request<DensityRequest>) -> Result<Response<DensityResponse>, Status> {
        let request = request.into_inner();
        self.ask(move |past| past.density(&request)).await
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
            return Err(Status::invalid_argument(
                "only a bridge can export: it signs the file, and here is no bridge's key",
            ));
        };
        let ExportRequest { journal, addresses } = request.into_inner();
        let source = self.source.clone();
        let place = self.place().await?;
        let (pieces, queue) = mpsc::channel(WATCH_QUEUE);
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let _place = place;
            // It has a thread: a reader that does not read does not keep it for ever.
            let put =
                |data: Bytes| runtime.block_on(pieces.send_timeout(Ok(ExportPiece { data }), EXPORT_TIMEOUT));
            let now = wall::now_ms().unsigned_abs();
            let writer = Writer::new(&*source.archive, &key);
            let writer = if journal { writer.with_journal(addresses) } else { writer };
            // It fails when whoever asked went away.
            let _ = writer.write(now, env!("CARGO_PKG_VERSION"), put);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(queue))))
    }
}

/// A stream of events under way. Each step has a thread and a place among those who work; between steps the reader may
/// take its time, and holds nobody up.
struct Following {
    source: Source,
    watching: Watching,
    events: mpsc::Sender<Result<Event, Status>>,
    _place: OwnedSemaphorePermit,
}

impl Following {
    /// The next events; `None` at the end of the program.
    async fn step(self, working: &Arc<Semaphore>) -> Option<(Self, Step)> {
        let place = Arc::clone(working).acquire_owned().await.ok()?;
        let step = tokio::task::spawn_blocking(move || {
            let mut this = self;
            let source = this.source.clone();
            let step = this.watching.step(&source.past(), WATCH_BATCH_EVENTS);
            drop(place);
            (this, step)
        });
        step.await.ok()
    }

    /// The events there are, at most so many.
    async fn range(self, most: u32, working: Arc<Semaphore>) {
        let (mut this, mut left) = (self, most);
        loop {
            let Some((next, step)) = this.step(&working).await else { return };
            this = next;
            for event in step.events {
                if left == 0 || this.events.send(Ok(event)).await.is_err() {
                    return;
                }
                left -= 1;
            }
            if let Some(unreadable) = step.unreadable {
                // Whoever went away needs no reason.
                let _ = this.events.send(Err(unreadable_status(unreadable))).await;
                return;
            }
            if !step.more {
                return;
            }
        }
    }

    /// What is there and what comes in, until nobody listens or nothing more can come.
    async fn follow(self, working: Arc<Semaphore>, group: TaskGroup) {
        let mut news = self.source.news.clone();
        let mut this = self;
        loop {
            news.mark_unchanged();
            loop {
                let Some((next, step)) = this.step(&working).await else { return };
                this = next;
                for event in step.events {
                    if this.events.send(Ok(event)).await.is_err() {
                        return;
                    }
                }
                if let Some(unreadable) = step.unreadable {
                    let _ = this.events.send(Err(unreadable_status(unreadable))).await;
                    return;
                }
                if !step.more {
                    break;
                }
            }
            tokio::select! {
                changed = news.changed() => if changed.is_err() { return },
                () = this.events.closed() => return,
                () = group.cancelled() => return,
            }
        }
    }
}

fn unreadable_status((log, first): (LogId, u64)) -> Status {
    Status::data_loss(format!(
        "log {log} cannot be read from event {first} on; `causeway topology verify` says more"
    ))
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
