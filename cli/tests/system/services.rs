//! Every gRPC port tells by reflection what it serves and by health how it is, in plain and in compressed messages. The
//! port where peers talk tells strangers nothing.

use std::{collections::BTreeSet, net::SocketAddr};

use identity::tls::Identity;
use proto::{
    bridge::v1::{ExplainRequest, StatusRequest, control_client::ControlClient},
    claim::v1::{WakeRequest, waker_client::WakerClient},
    control::v1::{
        AboutRequest, MessengerStatusRequest, bridge_client::BridgeClient, messenger_client::MessengerClient,
        node_client::NodeClient,
    },
    greeting::v1::{GreetRequest, greeting_client::GreetingClient},
};
use runtime::{
    rpc::{connect_plain, connect_unix},
    socket_path,
};
use tonic::{
    Code, Status,
    codec::CompressionEncoding::{self, Gzip, Zstd},
    codegen::tokio_stream,
    transport::Channel,
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::support::{GENEROUS, Lobby, Node, Towns, raw::channel_to};

/// How messages may come.
const ENCODINGS: [Option<CompressionEncoding>; 3] = [None, Some(Gzip), Some(Zstd)];

/// A client that compresses what it sends, or does not.
macro_rules! client {
    ($client:ident, $channel:expr, $encoding:expr) => {{
        let client = $client::new($channel.clone());
        match $encoding {
            Some(encoding) => client.send_compressed(encoding).accept_compressed(encoding),
            None => client,
        }
    }};
}

fn on_loopback(node: &Node, port: &str) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], node.port(port)))
}

async fn tls(node: &Node, port: &str) -> Channel {
    let identity = Identity::ephemeral().unwrap();
    channel_to(on_loopback(node, port), node.id().parse().unwrap(), &identity).await.unwrap()
}

async fn plain(node: &Node, port: &str) -> Channel {
    connect_plain(on_loopback(node, port), GENEROUS).await.unwrap()
}

async fn local(node: &Node) -> Channel {
    connect_unix(&socket_path::of(node.data())).await.unwrap()
}

async fn health_of(
    channel: &Channel,
    service: &str,
    encoding: Option<CompressionEncoding>,
) -> Result<ServingStatus, Status> {
    let request = HealthCheckRequest { service: service.into() };
    Ok(client!(HealthClient, channel, encoding).check(request).await?.into_inner().status())
}

/// The names of the services, as reflection lists them.
async fn reflected(channel: &Channel, encoding: Option<CompressionEncoding>) -> Result<Vec<String>, Status> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = client!(ServerReflectionClient, channel, encoding);
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await?.into_inner();
    let answer = answers.message().await?.and_then(|answer| answer.message_response);
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("no list: {answer:?}") };
    Ok(list.service.into_iter().map(|service| service.name).collect())
}

async fn assert_tells(what: &str, channel: &Channel, services: &[&str]) {
    for encoding in ENCODINGS {
        let listed: BTreeSet<_> = reflected(channel, encoding).await.unwrap().into_iter().collect();
        let served = services.iter().chain(&["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]);
        assert_eq!(listed, served.map(ToString::to_string).collect(), "on {what}");
        for service in services.iter().chain(&[""]) {
            let health = health_of(channel, service, encoding).await;
            assert_eq!(health.unwrap(), ServingStatus::Serving, "{service:?} on {what}, {encoding:?}");
        }
    }
}

/// The service read the message, whatever it thinks of it. One that takes no compressed ones says UNIMPLEMENTED.
fn assert_read<T>(what: &str, encoding: Option<CompressionEncoding>, answer: Result<T, Status>) {
    if let Err(status) = answer {
        assert_ne!(status.code(), Code::Unimplemented, "{what}, {encoding:?}: {status}");
    }
}

async fn assert_greets(what: &str, channel: &Channel) {
    for encoding in ENCODINGS {
        let request = GreetRequest { wanted: vec![7; 32].into(), ..GreetRequest::default() };
        assert_read(what, encoding, client!(GreetingClient, channel, encoding).greet(request).await);
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(test);
}

#[test]
fn every_port_of_a_bridge_tells_what_it_serves_and_takes_compressed_messages() {
    let towns = Towns::start();
    let attic = &towns.attic;
    run(async {
        let (control, greeting, console) =
            (tls(attic, "control").await, plain(attic, "greeting").await, local(attic).await);
        assert_tells("control", &control, &["causeway.bridge.v1.Control", "causeway.topology.v1.Topology"])
            .await;
        assert_tells("greeting", &greeting, &["causeway.greeting.v1.Greeting"]).await;
        let own = ["causeway.control.v1.Bridge", "causeway.control.v1.Node", "causeway.topology.v1.Topology"];
        assert_tells("the local socket", &console, &own).await;
        assert_greets("greeting", &greeting).await;
        for encoding in ENCODINGS {
            let request = ExplainRequest { destination: vec![7; 32].into() };
            assert_read(
                "control",
                encoding,
                client!(ControlClient, control, encoding).explain(request).await,
            );
            client!(BridgeClient, console, encoding).status(StatusRequest {}).await.unwrap();
            client!(NodeClient, console, encoding).about(AboutRequest {}).await.unwrap();
        }
    });
}

#[test]
fn every_port_of_a_peer_but_the_one_for_talking_tells_what_it_serves() {
    let towns = Towns::start();
    let anna = towns.at_home("anna");
    run(async {
        let (greeting, own) = (plain(&anna, "greeting").await, local(&anna).await);
        assert_tells("greeting", &greeting, &["causeway.greeting.v1.Greeting"]).await;
        let services = ["causeway.control.v1.Messenger", "causeway.control.v1.Node"];
        assert_tells("the local socket", &own, &services).await;
        assert_greets("greeting", &greeting).await;
        for encoding in ENCODINGS {
            let status = client!(MessengerClient, own, encoding).status(MessengerStatusRequest {}).await;
            status.unwrap();
            client!(NodeClient, own, encoding).about(AboutRequest {}).await.unwrap();
        }
        let secure = tls(&anna, "secure").await;
        let (names, health) = (reflected(&secure, None).await, health_of(&secure, "", None).await);
        assert_eq!(names.unwrap_err().code(), Code::Unimplemented);
        assert_eq!(health.unwrap_err().code(), Code::Unimplemented);
    });
}

#[test]
fn every_port_of_a_dispatcher_tells_what_it_serves_and_strangers_wake_nobody() {
    let lobby = Lobby::start("services", &["--pool", "0", "--peer-listen", "127.0.0.1"]);
    let dispatcher = &lobby.dispatcher;
    run(async {
        let (waking, greeting) = (tls(dispatcher, "secure").await, plain(dispatcher, "greeting").await);
        assert_tells("secure", &waking, &["causeway.claim.v1.Waker"]).await;
        assert_tells("greeting", &greeting, &["causeway.greeting.v1.Greeting"]).await;
        assert_greets("greeting", &greeting).await;
        let own = ["causeway.control.v1.Dispatcher", "causeway.control.v1.Node"];
        assert_tells("the local socket", &local(dispatcher).await, &own).await;
        for encoding in ENCODINGS {
            let request = WakeRequest { node_id: vec![7; 32].into() };
            let refused = client!(WakerClient, waking, encoding).wake(request).await.unwrap_err();
            assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
        }
    });
}
