//! Traces for an OpenTelemetry collector: one span for each stream that a bridge carries.
//!
//! All bridges on the way of a stream tell their part under one trace id, the one in the stream's header, so the
//! collector shows the way as a whole.

use std::time::Duration;

use opentelemetry::{
    Context, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt as _, TraceState, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

/// The target of spans that are sent to the collector. It is no crate's, so that log filters leave it alone.
pub const STREAM: &str = "stream";

/// How long one export may take. What a collector that is away does not take is dropped: traces hold up nobody.
const EXPORT_LIMIT: Duration = Duration::from_secs(5);
/// How long the end of the process waits for the last export.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// Where traces are sent, and as whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// The collector's OTLP endpoint over gRPC, such as `http://localhost:4317`.
    pub endpoint: String,
    /// The kind of node: `causeway-bridge`.
    pub service: String,
    /// Which one of them: its name.
    pub instance: String,
}

/// Traces cannot be sent to this endpoint. Whether a collector answers there is not looked at.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot send traces to `{endpoint}`: {reason}; write the collector's gRPC endpoint, such as http://localhost:4317"
)]
pub struct TracesError {
    endpoint: String,
    reason: String,
}

/// The layer that sends spans, and what is to be told of the end of the process.
pub(super) fn layer<S>(traces: &Traces) -> Result<(impl Layer<S> + use<S>, SdkTracerProvider), TracesError>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&traces.endpoint)
        .with_timeout(EXPORT_LIMIT)
        .build()
        .map_err(|error| TracesError { endpoint: traces.endpoint.clone(), reason: error.to_string() })?;
    let resource = Resource::builder_empty()
        .with_service_name(traces.service.clone())
        .with_attribute(KeyValue::new("service.instance.id", traces.instance.clone()))
        .build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer("causeway");
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    Ok((layer.with_filter(Targets::new().with_target(STREAM, Level::INFO)), provider))
}

/// Makes a span, before it is entered, part of the trace with this id. Without a collector nothing happens.
pub fn join_trace(span: &Span, trace_id: [u8; 16]) {
    // Everybody on the way knows the id and nobody a parent's: the parent is one that all can name.
    let [first, ..] = *trace_id.as_chunks().0 else { return };
    let parent = SpanContext::new(
        TraceId::from_bytes(trace_id),
        SpanId::from_bytes(first),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    // It fails when nothing is sent.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
}

/// Sends what was not sent yet, within a bounded time. Blocks.
pub(super) fn flush(provider: &SdkTracerProvider) {
    if let Err(error) = provider.shutdown_with_timeout(FLUSH_LIMIT) {
        tracing::warn!(%error, "the last traces were not sent");
    }
}
