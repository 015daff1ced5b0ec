//! Answering greetings.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use identity::{Announcement, Description, InvalidRecord, NodeId};
use proto::greeting::v1::{
    GreetRequest, GreetResponse,
    greeting_server::{Greeting, GreetingServer},
};
use runtime::{Rates, rpc::PeerInfo};
use tonic::{Request, Response, Status};

use crate::{
    Announcer, Discovery, Metrics,
    limits::{GREETINGS_PER_ADDRESS, MAX_MESSAGE_BYTES, MAX_RATED_ADDRESSES},
};

/// The records of a node.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its description.
    pub description: Description,
    /// Its latest announcement, where known.
    pub announcement: Option<Announcement>,
}

/// A node that greeted this one.
#[derive(Debug, Clone)]
pub struct Met {
    /// Its description.
    pub description: Description,
    /// Its announcement, which names that description.
    pub announcement: Announcement,
    /// From where it connected.
    pub from: SocketAddr,
}

/// Who is known here besides the node itself, and who wants to know who greeted.
///
/// A bridge answers for the remote peers of its log. Both functions are called for everybody who can connect: they
/// should be quick.
pub trait Resolver: Send + Sync + 'static {
    /// The records of another node.
    fn known(&self, wanted: &NodeId) -> Option<Known>;

    /// Somebody greeted: pass it on with [`Discovery::met`](crate::Discovery::met).
    fn met(&self, met: Met);
}

/// Knows nobody else, and forgets who greeted.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

/// The greeting service for tonic.
pub struct GreetingService {
    own: Announcer,
    resolver: Arc<dyn Resolver>,
    rates: Mutex<Rates<IpAddr>>,
    metrics: Metrics,
}

impl Resolver for Nobody {
    fn known(&self, _wanted: &NodeId) -> Option<Known> {
        None
    }

    fn met(&self, _met: Met) {}
}

/// Of a node that answers for itself alone: who greeted is known from then on.
impl Resolver for Discovery {
    fn known(&self, _wanted: &NodeId) -> Option<Known> {
        None
    }

    fn met(&self, met: Met) {
        Self::met(self, met);
    }
}

impl GreetingService {
    /// A service for `tonic::transport::Server::add_service`, over `runtime::rpc::tcp_incoming`.
    pub fn new(own: Announcer, resolver: Arc<dyn Resolver>, metrics: Metrics) -> GreetingServer<Self> {
        let rates = Mutex::new(Rates::new(GREETINGS_PER_ADDRESS, MAX_RATED_ADDRESSES));
        runtime::compressed!(GreetingServer::new(Self { own, resolver, rates, metrics }))
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    fn may_ask(&self, from: IpAddr) -> bool {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.take(Instant::now(), from)
    }

    fn answer(&self, wanted: &[u8]) -> Result<Known, Status> {
        if wanted.is_empty() || wanted == self.own.id().as_bytes() {
            let (description, announcement) = self.own.records();
            return Ok(Known { description, announcement: Some(announcement) });
        }
        let wanted = NodeId::try_from(wanted)
            .map_err(|_| Status::invalid_argument("the wanted node id does not have 32 bytes"))?;
        self.resolver.known(&wanted).ok_or_else(|| Status::not_found("this node is not known here"))
    }
}

#[tonic::async_trait]
impl Greeting for GreetingService {
    async fn greet(&self, request: Request<GreetRequest>) -> Result<Response<GreetResponse>, Status> {
        let from = request.extensions().get::<PeerInfo>().and_then(|info| info.remote);
        let from = from.ok_or_else(|| Status::internal("the greeting came over no known address"))?;
        if !self.may_ask(from.ip()) {
            self.metrics.greeting_refused("rate");
            return Err(Status::resource_exhausted("too many greetings from this address; slow down"));
        }
        let request = request.into_inner();
        let met = caller(&request, from).map_err(|error| {
            self.metrics.greeting_refused("invalid");
            Status::invalid_argument(error.to_string())
        })?;
        let known = self.answer(&request.wanted)?;
        if met.description.id() != self.own.id() {
            self.resolver.met(met);
        }
        Ok(Response::new(GreetResponse {
            description: Some(known.description.signed().clone()),
            announcement: known.announcement.map(|announcement| announcement.signed().clone()),
        }))
    }
}

impl fmt::Debug for GreetingService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GreetingService").field("own", &self.own.id()).finish_non_exhaustive()
    }
}

fn caller(request: &GreetRequest, from: SocketAddr) -> Result<Met, InvalidRecord> {
    let missing = |field| move || InvalidRecord::Field(field);
    let description = request.description.clone().ok_or_else(missing("description"))?;
    let announcement = request.announcement.clone().ok_or_else(missing("announcement"))?;
    let description = Description::verify(description)?;
    let announcement = Announcement::verify(announcement)?;
    if announcement.id() != description.id() {
        return Err(InvalidRecord::Field("announcement's node id"));
    }
    if announcement.description_hash() != description.hash() {
        return Err(InvalidRecord::Field("description hash"));
    }
    Ok(Met { description, announcement, from })
}
