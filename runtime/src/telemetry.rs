//! What a process tells: logs to stderr, as text for people or JSON for machines, and traces to a collector.

mod traces;

use std::{fs::File, io, sync::Arc};

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{
    Layer, Registry,
    filter::{self, Targets},
    fmt::writer::BoxMakeWriter,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

pub use traces::{STREAM, Traces, TracesError, join_trace};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Where log lines go.
#[derive(Debug)]
pub enum Place {
    /// For whoever started the process, or its supervisor.
    Stderr,
    /// For a process whose stderr shows something else.
    File(File),
}

/// What was started: to be ended by [`Telemetry::flush`].
#[derive(Debug)]
#[must_use = "the last traces are lost when nobody flushes"]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Why nothing can be told in the way that was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// A filter that cannot be used.
    #[error(
        "cannot understand the log filter `{filter}`: {source}; write for example `info` or `info,gateway=debug`"
    )]
    Filter {
        /// As it was written.
        filter: String,
        /// What is wrong with it.
        source: filter::ParseError,
    },
    /// No traces can be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
}

/// Starts logging for the process, and sending traces if asked to. In a process that has a subscriber of its own, that
/// one counts and nothing changes.
///
/// To be called within a multi-threaded tokio runtime. `filter` is a level, or directives as of [`Targets`]: `info,gateway=debug`.
///
/// # Errors
/// [`TelemetryError`]; nothing has changed then.
pub fn init(
    format: Format,
    filter: &str,
    place: Place,
    traces: Option<&Traces>,
) -> Result<Telemetry, TelemetryError> {
    let wrong = |source| TelemetryError::Filter { filter: filter.into(), source };
    let targets: Targets = filter.parse().map_err(wrong)?;
    let (sent, provider) = traces.map(traces::layer::<Registry>).transpose()?.unzip();
    let (writer, coloured) = match place {
        Place::Stderr => (BoxMakeWriter::new(io::stderr), io::IsTerminal::is_terminal(&io::stderr())),
        Place::File(file) => (BoxMakeWriter::new(Arc::new(file)), false),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match format {
        Format::Text => lines.with_ansi(coloured).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    // Somebody who embeds a node may have a subscriber of their own: theirs counts.
    let _ = tracing_subscriber::registry().with(sent).with(lines.with_filter(targets)).try_init();
    Ok(Telemetry { provider })
}

impl Telemetry {
    /// Sends what was not sent yet; blocks for two seconds at most. Nothing is sent afterwards.
    pub fn flush(self) {
        if let Some(provider) = &self.provider {
            traces::flush(provider);
        }
    }
}
