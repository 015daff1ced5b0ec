//! One stream with a peer: its frames go to the actor, pings are answered here, and silence ends it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use conversation::SessionKey;
use futures_util::StreamExt as _;
use proto::chat::v1::{Close, Frame, Ping, Pong, chat_client::ChatClient, frame::Kind};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming, codec::CompressionEncoding, transport::Channel};

use crate::limits::{
    CLOSE_GRACE, FRAMES_AT_ONCE, HELLO_TIMEOUT, IN_USE, MAX_FRAME_BYTES, PING_EVERY, PING_IDLE, PING_TIMEOUT,
};

/// What a session tells the actor.
#[derive(Debug)]
pub(crate) enum SessionEvent {
    Frames { session: SessionKey, frames: Vec<Frame> },
    RoundTrip { session: SessionKey, time: Duration },
    Closed { session: SessionKey, end: End },
}

/// How a session ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The other side closed it in good order.
    Finished,
    /// We did.
    Closed,
    /// The connection broke, or was refused; for a person.
    Broken(String),
    /// Nothing came back in time.
    Silent,
}

/// When the actor last had something to say on a session, shared with its task.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    start: Instant,
    last_ms: Arc<AtomicU64>,
}

/// One session's task.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) key: SessionKey,
    pub(crate) events: mpsc::Sender<SessionEvent>,
    /// Weak: the stream ends when the actor lets go of its end.
    pub(crate) frames: mpsc::WeakSender<Frame>,
    /// Cancelled when the actor has closed it.
    pub(crate) closed: CancellationToken,
    pub(crate) usage: Usage,
}

/// What is known of the liveness of the other end.
#[derive(Debug)]
struct Liveness {
    heard: Instant,
    greeted: bool,
    pinged: Option<(u64, Instant)>,
    last_ping: Instant,
    tokens: u64,
}

impl Usage {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), last_ms: Arc::default() }
    }

    pub(crate) fn mark(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn is_recent(&self) -> bool {
        let since = self.now_ms().saturating_sub(self.last_ms.load(Ordering::Relaxed));
        u128::from(since) < IN_USE.as_millis()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Session {
    /// Opens the stream over a fresh connection, then runs it. The peer may hold back its answer until our hello came,
    /// so that one is already on its way.
    pub(crate) async fn run_dialled(self, channel: Channel, frames: mpsc::Receiver<Frame>) {
        let mut client = ChatClient::new(channel)
            .max_decoding_message_size(MAX_FRAME_BYTES)
            .max_encoding_message_size(MAX_FRAME_BYTES)
            .accept_compressed(CompressionEncoding::Zstd)
            .accept_compressed(CompressionEncoding::Gzip);
        let opened = tokio::select! {
            biased;
            () = self.closed.cancelled() => return self.end(End::Closed).await,
            opened = timeout(HELLO_TIMEOUT, client.session(ReceiverStream::new(frames))) => opened,
        };
        match opened {
            Ok(Ok(response)) => self.run(response.into_inner()).await,
            Ok(Err(status)) => self.end(End::Broken(describe(&status))).await,
            Err(_) => self.end(End::Silent).await,
        }
    }

    /// Reads the stream until it ends.
    pub(crate) async fn run(self, stream: Streaming<Frame>) {
        let end = self.read(stream).await;
        self.end(end).await;
    }

    async fn end(&self, end: End) {
        let _ = self.events.send(SessionEvent::Closed { session: self.key, end }).await;
    }

    async fn read(&self, stream: Streaming<Frame>) -> End {
        let mut frames = stream.ready_chunks(FRAMES_AT_ONCE);
        let mut ticks = interval(PING_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut liveness = Liveness::new();
        let mut deadline = None;
        loop {
            tokio::select! {
                biased;
                () = self.closed.cancelled(), if deadline.is_none() => deadline = Some(Instant::now() + CLOSE_GRACE),
                () = until(deadline) => return End::Closed,
                chunk = frames.next() => {
                    let Some(chunk) = chunk else { return self.over(deadline) };
                    liveness.hear();
                    if let Some(end) = self.on_chunk(chunk, &mut liveness).await {
                        return end;
                    }
                }
                _ = ticks.tick() => {
                    if liveness.is_dead() {
                        return End::Silent;
                    }
                    self.ping(&mut liveness);
                }
            }
        }
    }

    fn over(&self, deadline: Option<Instant>) -> End {
        if deadline.is_some() || self.closed.is_cancelled() { End::Closed } else { End::Finished }
    }

    async fn on_chunk(&self, chunk: Vec<Result<Frame, Status>>, liveness: &mut Liveness) -> Option<End> {
        let mut frames = Vec::with_capacity(chunk.len());
        let mut end = None;
        for frame in chunk {
            match frame {
                Ok(Frame { kind: Some(Kind::Ping(Ping { token })) }) => self.say(Kind::Pong(Pong { token })),
                Ok(Frame { kind: Some(Kind::Pong(Pong { token })) }) => {
                    if let Some(time) = liveness.on_pong(token) {
                        let event = SessionEvent::RoundTrip { session: self.key, time };
                        let _ = self.events.send(event).await;
                    }
                }
                Ok(frame) => {
                    liveness.greeted = true;
                    frames.push(frame);
                }
                Err(status) => end = Some(self.on_status(&status)),
            }
        }
        if !frames.is_empty() {
            let _ = self.events.send(SessionEvent::Frames { session: self.key, frames }).await;
        }
        end
    }

    fn on_status(&self, status: &Status) -> End {
        if self.closed.is_cancelled() { End::Closed } else { End::Broken(describe(status)) }
    }

    fn ping(&self, liveness: &mut Liveness) {
        let every = if self.usage.is_recent() { PING_EVERY } else { PING_IDLE };
        if let Some(token) = liveness.next_ping(every) {
            self.say(Kind::Ping(Ping { token }));
        }
    }

    fn say(&self, kind: Kind) {
        if let Some(frames) = self.frames.upgrade() {
            let _ = frames.try_send(Frame { kind: Some(kind) });
        }
    }
}

impl Liveness {
    fn new() -> Self {
        let now = Instant::now();
        Self { heard: now, greeted: false, pinged: None, last_ping: now, tokens: 0 }
    }

    fn hear(&mut self) {
        self.heard = Instant::now();
    }

    fn on_pong(&mut self, token: u64) -> Option<Duration> {
        let (_, at) = self.pinged.take_if(|(expected, _)| *expected == token)?;
        Some(at.elapsed())
    }

    fn next_ping(&mut self, every: Duration) -> Option<u64> {
        // A tick may come a moment early.
        let due = self.last_ping.elapsed() + PING_EVERY / 10 >= every;
        if self.pinged.is_some() || !due {
            return None;
        }
        self.tokens += 1;
        self.last_ping = Instant::now();
        self.pinged = Some((self.tokens, self.last_ping));
        Some(self.tokens)
    }

    fn is_dead(&self) -> bool {
        let silent = self
            .pinged
            .is_some_and(|(_, at)| at.elapsed() + PING_EVERY / 10 >= PING_TIMEOUT && self.heard <= at);
        silent || (!self.greeted && self.heard.elapsed() >= HELLO_TIMEOUT)
    }
}

/// The last frame of a session.
pub(crate) fn close_frame(reason: proto::chat::v1::close::Reason, detail: String) -> Frame {
    Frame { kind: Some(Kind::Close(Close { reason: reason.into(), detail })) }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn describe(status: &Status) -> String {
    match status.code() {
        tonic::Code::PermissionDenied => format!("it says: {}", status.message()),
        tonic::Code::Unknown | tonic::Code::Unavailable => {
            // What lies below says more than tonic's summary of it.
            let mut source = std::error::Error::source(status);
            let mut last = None;
            while let Some(error) = source {
                last = Some(error.to_string());
                source = error.source();
            }
            last.unwrap_or_else(|| status.message().to_owned())
        }
        _ => status.message().to_owned(),
    }
}
