//! The span of a stream, for those who collect traces.

use identity::NodeId;
use runtime::telemetry::{STREAM, join_trace};
use tracing::{Span, field::Empty, info_span};

use crate::stream::{Relayed, StreamHeader};

/// The span of a stream's way through this bridge. `from` is the bridge it came from; `None`: from a caller.
pub(super) fn span(header: &StreamHeader, from: Option<NodeId>) -> Span {
    let span = info_span!(
        target: STREAM,
        "stream",
        destination = %header.destination,
        source = header.claimed_source.map(tracing::field::display),
        from = from.map(tracing::field::display),
        out = Empty,
        back = Empty,
        end = Empty,
    );
    join_trace(&span, header.trace_id);
    span
}

/// Notes how the stream of the current span ended.
pub(super) fn note(relayed: &Relayed) {
    let span = Span::current();
    span.record("out", relayed.out).record("back", relayed.back);
    note_end(&match relayed.end {
        Ok(()) => "finished".to_owned(),
        Err(end) => format!("{end:?}"),
    });
}

/// Notes why the stream of the current span was refused, or how it ended.
pub(super) fn note_end(end: &str) {
    Span::current().record("end", end);
}
