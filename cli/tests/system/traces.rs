//! Traces: an OpenTelemetry collector sees one stream on both bridges under one id.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

use crate::support::{Towns, eventually};

/// Per trace, which nodes told of it, and how the stream ended there.
type Seen = BTreeMap<Vec<u8>, BTreeSet<(String, String)>>;

/// Takes spans in.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Seen>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut seen = self.0.lock().unwrap();
        for of_node in request.into_inner().resource_spans {
            let node = text(&of_node.resource.unwrap_or_default().attributes, "service.instance.id");
            for span in of_node.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let end = text(&span.attributes, "end");
                seen.entry(span.trace_id).or_default().insert((node.clone(), end));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.clone()).and_then(|value| value.value);
    match value {
        Some(Value::StringValue(text)) => text,
        other => panic!("no text in {key}: {other:?} in {attributes:?}"),
    }
}

#[test]
fn a_collector_sees_a_stream_on_both_bridges_under_one_id() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let collector = Collector::default();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(collector.clone());
    let server = tonic::transport::Server::builder().add_service(service);
    let _serving = runtime.spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let towns = Towns::start_with(&["--otlp", &endpoint]);
    let (anna, mut carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
    anna.wait_online("carla");
    // A process that ends may leave a stream broken off; of several, some finish.
    for again in [true, true, false] {
        anna.deliver("carla", "watch our way");
        carla.terminate();
        if again {
            carla.start_again();
        }
    }

    let both = ["attic", "tower"].map(str::to_owned);
    eventually("both bridges have told of one stream, and how it ended", || {
        let seen = collector.0.lock().unwrap();
        let whole = |told: &BTreeSet<(String, String)>| {
            both.iter().all(|node| told.iter().any(|(other, end)| other == node && end == "finished"))
        };
        seen.values().any(whole).then_some(())
    });
}

#[test]
fn a_collector_that_is_away_holds_up_nobody_and_a_wrong_address_is_said() {
    let mut towns = Towns::start_with(&["--otlp", "http://127.0.0.1:9"]);
    let (anna, carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
    anna.wait_online("carla");
    anna.deliver("carla", "nobody watches");
    drop((anna, carla));
    assert!(towns.attic.terminate().success());
    let folder = tempfile::tempdir().unwrap();
    let answer = crate::support::Answer::of(crate::support::program(folder.path()).args([
        "bridge",
        "--network",
        "home",
        "--otlp",
        "not a url",
    ]));
    assert_eq!(answer.code, 2, "{answer:?}");
    assert!(answer.err.contains("http://localhost:4317"), "{answer:?}");
}
