//! The gRPC servers of a bridge: control, greeting, and the local socket.

use std::{path::PathBuf, sync::Arc, time::Duration};

use discovery::greeting::GreetingService;
use identity::tls::{ALPN_H2, Identity, server_config};
use prometheus_client::registry::Registry;
use proto::{
    bridge::v1::control_server::ControlServer,
    control::v1::{bridge_server::BridgeServer, node_server::NodeServer},
    greeting::v1::greeting_server::GreetingServer,
    topology::v1::topology_server::TopologyServer,
};
use runtime::{
    TaskGroup, compressed,
    metrics::{self, Health},
    rpc::{self, AcceptLimits, Guarded, Services, tcp_incoming, tls_incoming, unix_incoming},
    socket_path, web,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{server::NamedService, transport::Server};
use tonic_health::{ServingStatus, server::HealthReporter};
use tracing::info_span;

use crate::{
    console::{BridgeConsole, NodeConsole},
    control::ControlService,
    greeting::Greeter,
    limits::{CONTROL_IDLE, CONTROL_MESSAGE_BYTES, CONTROL_REQUESTS_PER_CONNECTION, CONTROL_TIMEOUT},
    page::Page,
    past::TopologyService,
    shared::Shared,
};

/// How long connections have to end by themselves: streams such as Follow end with the group, and a caller that holds its
/// connection open does not hold us up.
const CLOSING: Duration = Duration::from_millis(300);

/// What reflection tells of.
const DESCRIPTORS: &[&[u8]] = &[proto::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET];

/// Health and reflection, which every port has, and one service more.
macro_rules! routes {
    ($($service:expr),+ $(,)?) => {{
        let (health, health_service) = tonic_health::server::health_reporter();
        let services = Services::default().with(compressed!(health_service))$(.with($service))+;
        (services.reflected(DESCRIPTORS), health)
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
    let draining = shared.table.draining();
    let past = compressed!(TopologyServer::new(TopologyService::new(shared.past.clone(), group.clone())))
        .max_decoding_message_size(CONTROL_MESSAGE_BYTES);
    let control = Arc::new(ControlService::new(shared));
    let service = compressed!(ControlServer::from_arc(Arc::clone(&control)))
        .max_decoding_message_size(CONTROL_MESSAGE_BYTES);
    // The whole past is for operators.
    let past = Guarded::new(past, move |request| Ok(control.operator(request).map(|_| ())?));
    let (routes, health) = routes!(service, past);
    health.set_serving::<TopologyServer<TopologyService>>().await;
    tell_health::<ControlServer<ControlService>>(group, health, draining).await;
    let limits = AcceptLimits { idle: CONTROL_IDLE, ..AcceptLimits::default() };
    let incoming = tls_incoming(group, listener, config, limits);
    group.spawn(info_span!("control"), rpc::serve(group.clone(), server(), routes, incoming, CLOSING));
    Ok(())
}

/// Serves the greeting port.
pub(crate) async fn greeting(
    group: &TaskGroup,
    listener: TcpListener,
    announcer: discovery::Announcer,
    greeter: Arc<Greeter>,
    metrics: discovery::Metrics,
) {
    let draining = greeter.table.draining();
    let service = GreetingService::new(announcer, greeter, metrics);
    let (routes, health) = routes!(service);
    tell_health::<GreetingServer<GreetingService>>(group, health, draining).await;
    let incoming = tcp_incoming(group, listener, AcceptLimits::default());
    group.spawn(info_span!("greeting"), rpc::serve(group.clone(), server(), routes, incoming, CLOSING));
}

/// Serves the page, metrics and health.
pub(crate) fn page(group: &TaskGroup, listener: TcpListener, registry: Registry, shared: Shared) {
    let observed = metrics::routes(Arc::new(registry), health(&shared));
    web::serve(group, listener, observed.merge(Page::routes(shared)));
}

/// Serves the local socket. Gives its path, to be cleaned up in the end.
pub(crate) async fn console(
    group: &TaskGroup,
    data: &std::path::Path,
    shared: Shared,
) -> std::io::Result<PathBuf> {
    let (listener, path) = socket_path::listen(data)?;
    let draining = shared.table.draining();
    let bridge = compressed!(BridgeServer::new(BridgeConsole(Arc::clone(&shared))))
        .max_decoding_message_size(CONTROL_MESSAGE_BYTES);
    let past = shared.past.clone();
    let node =
        compressed!(NodeServer::new(NodeConsole(shared))).max_decoding_message_size(CONTROL_MESSAGE_BYTES);
    let past = compressed!(TopologyServer::new(TopologyService::new(past, group.clone())))
        .max_decoding_message_size(CONTROL_MESSAGE_BYTES);
    let (routes, health) = routes!(bridge, node, past);
    health.set_serving::<NodeServer<NodeConsole>>().await;
    health.set_serving::<TopologyServer<TopologyService>>().await;
    tell_health::<BridgeServer<BridgeConsole>>(group, health, draining).await;
    let incoming = unix_incoming(group, listener);
    // A join may take longer than other requests.
    let served = rpc::serve(group.clone(), Server::builder(), routes, incoming, CLOSING);
    group.spawn(info_span!("console"), served);
    Ok(path)
}

/// Says by gRPC health that a service is there, and no longer once the bridge drains.
async fn tell_health<S: NamedService + 'static>(
    group: &TaskGroup,
    health: HealthReporter,
    draining: CancellationToken,
) {
    health.set_serving::<S>().await;
    let token = group.token().clone();
    group.spawn(info_span!("health"), async move {
        tokio::select! {
            () = draining.cancelled() => {}
            () = token.cancelled() => {}
        }
        // The server as a whole has the empty name.
        health.set_service_status("", ServingStatus::NotServing).await;
        health.set_service_status(S::NAME, ServingStatus::NotServing).await;
    });
}

fn server() -> Server {
    rpc::server()
        .timeout(CONTROL_TIMEOUT)
        .concurrency_limit_per_connection(CONTROL_REQUESTS_PER_CONNECTION)
        .max_concurrent_streams(u32::try_from(CONTROL_REQUESTS_PER_CONNECTION).unwrap_or(u32::MAX))
}

/// A bridge is healthy while it takes new connections; what impairs it otherwise is a warning in its status.
fn health(shared: &Shared) -> Health {
    let table = shared.table.clone();
    Arc::new(move || if table.is_draining() { Err("draining".into()) } else { Ok(()) })
}
