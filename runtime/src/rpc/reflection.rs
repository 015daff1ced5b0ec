//! gRPC reflection, set up when somebody asks for the first time: a node that nobody looks into keeps no second copy of
//! what it speaks.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use hyper::{Request, Response};
use tonic::{body::Body, server::NamedService, service::Routes};
use tonic_reflection::server::Builder;
use tower::{Service, ServiceExt as _};

/// The services of one port, which reflection lists.
#[derive(Debug, Default)]
pub struct Services {
    routes: Routes,
    names: Vec<&'static str>,
}

/// The reflection service of one port.
#[derive(Debug, Clone)]
struct Reflection {
    descriptors: &'static [&'static [u8]],
    names: Arc<[&'static str]>,
    routes: Arc<OnceLock<Routes>>,
}

impl Services {
    /// One more.
    #[must_use]
    pub fn with<S>(self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
    {
        let names = [self.names, vec![S::NAME]].concat();
        Self { routes: self.routes.add_service(service), names }
    }

    /// All of them, and reflection, which answers from these encoded `FileDescriptorSet`s.
    ///
    /// At the first question it panics when they are not such: they are compiled with the program.
    pub fn reflected(self, descriptors: &'static [&'static [u8]]) -> Routes {
        let names = [self.names, vec![Reflection::NAME]].concat().into();
        self.routes.add_service(Reflection { descriptors, names, routes: Arc::default() })
    }
}

impl Reflection {
    fn build(&self) -> Routes {
        let sets = self.descriptors.iter();
        let builder =
            sets.fold(Builder::configure(), |builder, set| builder.register_encoded_file_descriptor_set(set));
        let builder = self.names.iter().fold(builder, |builder, name| builder.with_service_name(*name));
        let service = builder.build_v1().expect("the descriptors were compiled with the program");
        Routes::new(crate::compressed!(service)).prepare()
    }
}

impl NamedService for Reflection {
    const NAME: &'static str = "grpc.reflection.v1.ServerReflection";
}

impl Service<Request<Body>> for Reflection {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let routes = self.routes.get_or_init(|| self.build()).clone();
        Box::pin(routes.oneshot(request))
    }
}
