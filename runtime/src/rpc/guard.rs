//! A service behind a question to its callers.

use std::{
    convert::Infallible,
    future::ready,
    task::{Context, Poll},
};

use futures_util::future::Either;
use hyper::{Request, Response};
use tonic::{Status, body::Body, server::NamedService};
use tower::Service;

/// A service that answers only requests which a check lets through. tonic's interceptors answer with a body of another
/// type, which does not fit beside other services.
#[derive(Debug, Clone)]
pub struct Guarded<S, F> {
    service: S,
    check: F,
}

impl<S, F> Guarded<S, F> {
    /// The check sees a request's extensions, [`PeerInfo`](super::PeerInfo) among them.
    pub fn new(service: S, check: F) -> Self
    where
        F: Fn(&tonic::Request<()>) -> Result<(), Status>,
    {
        Self { service, check }
    }
}

impl<S: NamedService, F> NamedService for Guarded<S, F> {
    const NAME: &'static str = S::NAME;
}

impl<S, F> Service<Request<Body>> for Guarded<S, F>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    F: Fn(&tonic::Request<()>) -> Result<(), Status>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, std::future::Ready<Result<Self::Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut asked = tonic::Request::new(());
        *asked.extensions_mut() = request.extensions().clone();
        match (self.check)(&asked) {
            Ok(()) => Either::Left(self.service.call(request)),
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
}
