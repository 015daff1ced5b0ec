//! Peers' streams: the header before them, the codes that refuse them, and the copying of their bytes.

mod copy;
mod credit;
mod end;
mod header;
mod metrics;
mod quota;
mod refusal;
mod relay;
mod scratch;

pub use header::{InvalidHeader, MAX_HOPS, StreamHeader};
pub use metrics::{Direction, DirectionLabels, LinkLabels, Metrics, RefusalLabels};

pub(crate) use copy::{Reader, Writer};
pub(crate) use credit::{Credit, FRESH_WAIT};
pub(crate) use end::End;
pub(crate) use header::{MAX_HEADER_BYTES, frame_header};
pub(crate) use metrics::Raised;
pub(crate) use quota::{Permit, Quota};
#[cfg(test)]
pub(crate) use refusal::refusal_of;
pub(crate) use refusal::{code_of, name_of};
pub(crate) use relay::{Ambience, Relayed, relay};
