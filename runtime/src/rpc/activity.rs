//! Which calls are under way on one connection, and since when none is.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    Request, Response,
    body::{Frame, SizeHint},
};
use tokio::sync::watch;
use tonic::{body::Body, service::Routes};
use tower::Service;

/// How many calls are under way. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity(watch::Sender<usize>);

impl Activity {
    /// Resolves once no call has been under way for so long; without a limit never.
    pub(super) async fn idle_for(&self, limit: Option<Duration>) {
        let Some(limit) = limit else { return std::future::pending().await };
        let mut calls = self.0.subscribe();
        loop {
            // Fails when nobody counts any more, and we do.
            let _ = calls.wait_for(|calls| *calls == 0).await;
            if tokio::time::timeout(limit, calls.changed()).await.is_err() {
                return;
            }
        }
    }

    fn begin(&self) -> UnderWay {
        self.0.send_modify(|calls| *calls += 1);
        UnderWay(self.clone())
    }
}

/// A call that is under way until this is dropped.
#[derive(Debug)]
struct UnderWay(Activity);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.send_modify(|calls| *calls -= 1);
    }
}

/// Routes whose calls are counted, each until the last of its answer is sent.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    routes: Routes,
    activity: Activity,
}

impl Counted {
    /// Counts from none.
    pub(super) fn new(routes: Routes) -> Self {
        Self { routes, activity: Activity::default() }
    }

    /// What it counts.
    pub(super) fn activity(&self) -> Activity {
        self.activity.clone()
    }
}

impl Service<Request<Body>> for Counted {
    type Response = Response<CountedBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.routes, cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let under_way = self.activity.begin();
        let answered = self.routes.call(request);
        Box::pin(async move {
            let response = answered.await?;
            Ok(response.map(|body| CountedBody { body, _under_way: under_way }))
        })
    }
}

/// The answer to a call that is counted.
#[derive(Debug)]
pub(super) struct CountedBody {
    body: Body,
    _under_way: UnderWay,
}

impl hyper::body::Body for CountedBody {
    type Data = <Body as hyper::body::Body>::Data;
    type Error = <Body as hyper::body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
