//! A session as peers have it, a stream of gRPC over mutual TLS, with an end that gives every frame back at once.
//!
//! So this is what the way costs a message, without what peers do with it: nothing is stored at either end.

use std::{pin::Pin, sync::Arc, time::Instant};

use anyhow::Context as _;
use bytes::Bytes;
use proto::chat::v1::{
    Frame, Message,
    chat_client::ChatClient,
    chat_server::{Chat, ChatServer},
    frame::Kind,
};
use runtime::{
    TaskGroup,
    rpc::{self, AcceptLimits, tls_incoming},
};
use rustls::ServerConfig;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, service::Routes};
use tracing::info_span;

use super::{
    Scale, Site, Table, Target,
    dialer::Dialer,
    latency::{ROUNDS, TRIPS, microseconds, pair_at},
};

/// The size of a message, bytes of its envelope.
const MESSAGE: usize = 256;
/// Frames that wait to be sent.
const READY: usize = 64;

/// Serves such ends as a peer serves its sessions.
pub(super) fn serve(tasks: &TaskGroup, listener: TcpListener, config: Arc<ServerConfig>) {
    let incoming = tls_incoming(tasks, listener, config, AcceptLimits::default());
    let routes = Routes::new(ChatServer::new(Echo));
    let served = rpc::serve(tasks.clone(), rpc::server(), routes, incoming, super::PATIENCE);
    tasks.spawn(info_span!("frames"), served);
}

/// Gives every frame back.
#[derive(Debug)]
struct Echo;

#[tonic::async_trait]
impl Chat for Echo {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<Frame, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<Frame>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        Ok(Response::new(Box::pin(request.into_inner())))
    }
}

/// The measuring end of a session.
#[derive(Debug)]
struct Session {
    sent: mpsc::Sender<Frame>,
    received: Streaming<Frame>,
}

impl Session {
    async fn open(dialer: &Dialer) -> anyhow::Result<Self> {
        let (sent, frames) = mpsc::channel(READY);
        let mut client = ChatClient::new(dialer.channel().await?);
        let received = client.session(ReceiverStream::new(frames)).await?.into_inner();
        Ok(Self { sent, received })
    }

    /// Each trip's time in microseconds.
    async fn round_trips(&mut self, trips: usize) -> anyhow::Result<Vec<f64>> {
        let message = Message { envelope: Bytes::from_static(&[7; MESSAGE]) };
        let frame = Frame { kind: Some(Kind::Message(message)) };
        let mut times = Vec::with_capacity(trips);
        for _ in 0..trips {
            let began = Instant::now();
            self.sent.send(frame.clone()).await?;
            let back = self.received.message().await?.context("the session ended")?;
            times.push(microseconds(began.elapsed()));
            anyhow::ensure!(back == frame, "another frame came back");
        }
        Ok(times)
    }
}

pub(super) async fn measure(site: &Site, scale: Scale, table: &mut Table) -> anyhow::Result<()> {
    println!("round trips of messages of {MESSAGE} bytes in a session...");
    let mut direct = Session::open(&site.frames.direct).await?;
    let mut relayed = Session::open(&site.frames.relayed).await?;
    let (mut near, mut far) = (Vec::new(), Vec::new());
    direct.round_trips(scale.of(TRIPS)).await?;
    relayed.round_trips(scale.of(TRIPS)).await?;
    for _ in 0..ROUNDS {
        near.extend(direct.round_trips(scale.of(TRIPS)).await?);
        far.extend(relayed.round_trips(scale.of(TRIPS)).await?);
    }
    let median = pair_at(0.5, &mut near, &mut far);
    table.pair("round trip, 256-byte message, p50", "us", median, Some(Target::AtMost(2.2)));
    table.pair("round trip, 256-byte message, p99", "us", pair_at(0.99, &mut near, &mut far), None);
    Ok(())
}
