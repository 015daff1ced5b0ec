//! Greeting nodes at a bounded pace: those that were heard, and, more slowly, those that others hinted at.

use std::{net::SocketAddr, time::Duration, time::Instant};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use identity::NodeId;
use runtime::TokenBucket;
use tokio::{sync::mpsc, time::sleep};
use tracing::debug_span;

use crate::{
    KnownAddress, SourceKind,
    greeting::{GreetError, Greeted, greet_any},
    limits::{GREETINGS_OF_HEARD, GREETINGS_OF_HINTED, MAX_GREETINGS_AT_ONCE, MAX_PENDING_GREETINGS},
    neighbours::ToGreet,
    source::{Heard, Outlet, Report},
};

/// How long a lane waits before it looks again whether its rate allows one more.
const PAUSE: Duration = Duration::from_millis(20);

/// The actor's end of the two lanes.
#[derive(Debug)]
pub(crate) struct Dialler {
    heard: mpsc::Sender<ToGreet>,
    hinted: mpsc::Sender<ToGreet>,
}

/// Requests of one kind, at the pace of that kind.
struct Lane {
    requests: mpsc::Receiver<ToGreet>,
    held: Option<ToGreet>,
    rate: TokenBucket,
}

#[derive(Clone, Copy)]
enum Why {
    Heard,
    Hinted,
}

impl Dialler {
    pub(crate) fn spawn(outlet: &Outlet) -> Self {
        let (heard, requests) = mpsc::channel(MAX_PENDING_GREETINGS);
        let first = Lane::new(requests, GREETINGS_OF_HEARD);
        let (hinted, requests) = mpsc::channel(MAX_PENDING_GREETINGS);
        let second = Lane::new(requests, GREETINGS_OF_HINTED);
        outlet.group().spawn(debug_span!("dialler"), run(outlet.clone(), first, second));
        Self { heard, hinted }
    }

    /// How many heard nodes may be handed over now.
    pub(crate) fn room(&self) -> usize {
        self.heard.capacity()
    }

    pub(crate) fn greet(&self, to_greet: ToGreet) {
        // Whoever finds no room is asked for again after its wait.
        let _ = self.heard.try_send(to_greet);
    }

    /// False when too many hints wait already.
    pub(crate) fn follow_hint(&self, id: NodeId, address: SocketAddr) -> bool {
        self.hinted.try_send(ToGreet { id, addresses: vec![address] }).is_ok()
    }
}

impl Lane {
    const fn new(requests: mpsc::Receiver<ToGreet>, (burst, per_second): (f64, f64)) -> Self {
        Self { requests, held: None, rate: TokenBucket::new(burst, per_second) }
    }

    /// The next request, when its time has come. Nothing is lost when the future is dropped.
    async fn next(&mut self) -> ToGreet {
        if self.held.is_none() {
            match self.requests.recv().await {
                Some(request) => self.held = Some(request),
                None => std::future::pending().await,
            }
        }
        while !self.rate.take(Instant::now(), 1.0) {
            sleep(PAUSE).await;
        }
        self.held.take().expect("a request was held before the rate was asked")
    }
}

async fn run(outlet: Outlet, mut heard: Lane, mut hinted: Lane) {
    let mut running = FuturesUnordered::new();
    loop {
        let free = running.len() < MAX_GREETINGS_AT_ONCE;
        let (request, why) = tokio::select! {
            biased;
            () = outlet.token().cancelled() => return,
            Some((why, id, outcome)) = running.next() => {
                finish(&outlet, why, id, outcome).await;
                continue;
            }
            request = heard.next(), if free => (request, Why::Heard),
            request = hinted.next(), if free => (request, Why::Hinted),
        };
        let own = outlet.announcer();
        running.push(async move {
            let outcome = greet_any(&request.addresses, Some(request.id), own).await;
            (why, request.id, outcome)
        });
    }
}

async fn finish(outlet: &Outlet, why: Why, id: NodeId, outcome: Result<Greeted, GreetError>) {
    let greeted = match outcome {
        Ok(greeted) => greeted,
        Err(error) => {
            outlet.metrics().greeting_sent("failed");
            tracing::debug!(peer = %id.short(), %error, "greeting failed");
            return;
        }
    };
    outlet.metrics().greeting_sent("answered");
    match (why, greeted.announcement) {
        (Why::Heard, _) => outlet.report(Report::Described(greeted.description)).await,
        (Why::Hinted, Some(announcement)) => {
            let address = KnownAddress::of(greeted.address, SourceKind::Hint);
            let description = Some(greeted.description);
            outlet.report(Report::Heard(Heard { announcement, description, address })).await;
        }
        (Why::Hinted, None) => {}
    }
}
