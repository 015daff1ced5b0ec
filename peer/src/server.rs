//! The ports: the chat under mutual TLS, the greeting, and the local socket.

use std::sync::Arc;

use discovery::{Announcer, Discovery, greeting::GreetingService};
use identity::tls::{ALPN_H2, Identity, server_config};
use proto::{
    chat::v1::chat_server::ChatServer,
    control::v1::{messenger_server::MessengerServer, node_server::NodeServer},
};
use runtime::{
    TaskGroup, compressed,
    rpc::{self, AcceptLimits, Services, tcp_incoming, tls_incoming, unix_incoming},
};
use tokio::net::{TcpListener, UnixListener};
use tonic::{service::Routes, transport::Server};

use crate::{
    chat::ChatService,
    control::{MessengerControl, NodeControl},
    error::StartError,
    hosting::ClaimService,
    limits::{MAX_CONTROL_BYTES, SHUTDOWN_GRACE},
};

/// Streams at once on one connection of the secure port: one session, and the one that takes its place.
const STREAMS_PER_CONNECTION: u32 = 4;
/// The windows of HTTP/2, as on the dialling side.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 2 << 20;

/// What reflection tells of.
const DESCRIPTORS: &[&[u8]] = &[proto::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET];

/// Serves the chat, and claims if a dispatcher keeps this peer.
pub(crate) fn serve_secure(
    group: &TaskGroup,
    listener: TcpListener,
    identity: &Identity,
    (chat, claims): (ChatServer<ChatService>, Option<ClaimService>),
) -> Result<(), StartError> {
    let config = Arc::new(server_config(identity, ALPN_H2)?);
    let incoming = tls_incoming(group, listener, config, AcceptLimits::default());
    let server = rpc::server()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    let routes = Routes::new(chat);
    let routes = match claims {
        Some(claims) => routes.add_service(claims.server()),
        None => routes,
    };
    let served = rpc::serve(group.clone(), server, routes, incoming, SHUTDOWN_GRACE);
    group.spawn(tracing::info_span!("chat"), served);
    Ok(())
}

/// Serves the greeting, with health and reflection.
pub(crate) async fn serve_greeting(
    group: &TaskGroup,
    listener: TcpListener,
    announcer: Announcer,
    discovery: &Discovery,
    metrics: discovery::Metrics,
) {
    let service = GreetingService::new(announcer, Arc::new(discovery.clone()), metrics);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("causeway.greeting.v1.Greeting", tonic_health::ServingStatus::Serving).await;
    let incoming = tcp_incoming(group, listener, AcceptLimits::default());
    let services = Services::default().with(service).with(compressed!(health_service));
    let routes = services.reflected(DESCRIPTORS);
    let served = rpc::serve(group.clone(), rpc::server(), routes, incoming, SHUTDOWN_GRACE);
    group.spawn(tracing::info_span!("greeting"), served);
}

/// Serves the local socket, with health and reflection.
pub(crate) async fn serve_control(
    group: &TaskGroup,
    listener: UnixListener,
    node: NodeControl,
    messenger: MessengerControl,
) {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("causeway.control.v1.Node", tonic_health::ServingStatus::Serving).await;
    health.set_service_status("causeway.control.v1.Messenger", tonic_health::ServingStatus::Serving).await;
    let node = compressed!(NodeServer::new(node));
    let messenger = compressed!(MessengerServer::new(messenger)).max_decoding_message_size(MAX_CONTROL_BYTES);
    let services = Services::default().with(node).with(messenger).with(compressed!(health_service));
    let routes = services.reflected(DESCRIPTORS);
    let incoming = unix_incoming(group, listener);
    let served = rpc::serve(group.clone(), Server::builder(), routes, incoming, SHUTDOWN_GRACE);
    group.spawn(tracing::info_span!("control"), served);
}
