//! The gRPC servers of a bridge: control, greeting, and the local socket.

use std::{path::PathBuf, sync::Arc};

use discovery::greeting::{GreetingService, Resolver};
use identity::tls::{ALPN_H2, Identity, server_config};
use proto::{
    bridge::v1::control_server::ControlServer,
    control::v1::{bridge_server::BridgeServer, node_server::NodeServer},
    greeting::v1::greeting_server::GreetingServer,
};
use runtime::{
    TaskGroup,
    rpc::{self, AcceptLimits, tcp_incoming, tls_incoming, unix_incoming},
    socket_path,
};
use tokio::net::{TcpListener, UnixListener};
use tonic::{codec::CompressionEncoding, service::Routes, transport::Server};
use tracing::info_span;

use crate::{
    console::{BridgeConsole, NodeConsole},
    control::ControlService,
    limits::{CONTROL_MESSAGE_BYTES, CONTROL_REQUESTS_PER_CONNECTION, CONTROL_TIMEOUT},
    shared::Shared,
};

/// Health and reflection, which every port has, and one service more.
macro_rules! routes {
    ($($service:expr),+ $(,)?) => {{
        let (health, health_service) = tonic_health::server::health_reporter();
        let mut routes = Routes::new(health_service).add_service(reflection());
        $(routes = routes.add_service($service);)+
        (routes, health)
    }};
}

/// Serves the control port.
pub(crate) async fn control(
    group: &TaskGroup,
    listener: TcpListener,
    identity: &Identity,
    shared: Shared,
) -> Result<(), rustls::Error> {
    let config = Arc::new(server_config(identity, ALPN_H2)?);
    let service = ControlServer::new(ControlService::new(shared))
        .max_decoding_message_size(CONTROL_MESSAGE_BYTES)
        .accept_compressed(CompressionEncoding::Zstd)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Zstd)
        .send_compressed(CompressionEncoding::Gzip);
    let (routes, health) = routes!(service);
    health.set_serving::<ControlServer<ControlService>>().await;
    let incoming = tls_incoming(group, listener, config, AcceptLimits::default());
    let served = server()
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, group.token().clone().cancelled_owned());
    spawn(group, info_span!("control"), served);
    Ok(())
}

/// Serves the greeting port.
pub(crate) async fn greeting(
    group: &TaskGroup,
    listener: TcpListener,
    announcer: discovery::Announcer,
    resolver: Arc<dyn Resolver>,
    metrics: discovery::Metrics,
) {
    let service = GreetingService::new(announcer, resolver, metrics);
    let (routes, health) = routes!(service);
    health.set_serving::<GreetingServer<GreetingService>>().await;
    let incoming = tcp_incoming(group, listener, AcceptLimits::default());
    let served = server()
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, group.token().clone().cancelled_owned());
    spawn(group, info_span!("greeting"), served);
}

/// Serves the local socket. Gives its path, to be cleaned up in the end.
pub(crate) async fn console(
    group: &TaskGroup,
    data: &std::path::Path,
    shared: Shared,
) -> std::io::Result<PathBuf> {
    let path = socket_path::prepare(data)?;
    let listener = UnixListener::bind(&path)?;
    let bridge = BridgeServer::new(BridgeConsole(Arc::clone(&shared)))
        .max_decoding_message_size(CONTROL_MESSAGE_BYTES);
    let node = NodeServer::new(NodeConsole(shared)).max_decoding_message_size(CONTROL_MESSAGE_BYTES);
    let (routes, health) = routes!(bridge, node);
    health.set_serving::<BridgeServer<BridgeConsole>>().await;
    let incoming = unix_incoming(group, listener);
    // A join may take longer than other requests.
    let server = Server::builder().add_routes(routes);
    let served = server.serve_with_incoming_shutdown(incoming, group.token().clone().cancelled_owned());
    spawn(group, info_span!("console"), served);
    Ok(path)
}

fn server() -> Server {
    rpc::server()
        .timeout(CONTROL_TIMEOUT)
        .concurrency_limit_per_connection(CONTROL_REQUESTS_PER_CONNECTION)
        .max_concurrent_streams(u32::try_from(CONTROL_REQUESTS_PER_CONNECTION).unwrap_or(u32::MAX))
}

fn reflection()
-> tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .build_v1()
        .expect("the descriptors were compiled with the program")
}

fn spawn(
    group: &TaskGroup,
    span: tracing::Span,
    served: impl Future<Output = Result<(), tonic::transport::Error>> + Send + 'static,
) {
    let token = group.token().clone();
    group.spawn(span, async move {
        let ended = async {
            // Streams such as Follow end with the group; a caller that holds its connection open does not hold us up.
            token.cancelled().await;
            tokio::time::sleep(CLOSING).await;
        };
        tokio::select! {
            outcome = served => if let Err(error) = outcome {
                tracing::error!(%error, "the server ended");
            },
            () = ended => {}
        }
    });
}

/// How long connections have to end by themselves.
const CLOSING: std::time::Duration = std::time::Duration::from_millis(300);
