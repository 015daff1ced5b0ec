//! What people are told who do not get in. Why is told to whoever runs the dispatcher: it may name files and addresses.

use storage::AppendError;

use super::Entry;
use crate::limits::MAKE_AGAIN;

/// Somebody's peer does not run; the status says why.
pub(super) const DOES_NOT_START: &str =
    "your peer does not start; whoever runs this place sees why with `causeway dispatcher status`";
/// None can be made; the status says why.
pub(super) const NONE_STARTS: &str =
    "no peer can be started just now; whoever runs this place sees why with `causeway dispatcher status`";
/// A peer runs and takes no claim; the log says why.
pub(super) const DOES_NOT_ANSWER: &str =
    "your peer does not answer; whoever runs this place sees why in the dispatcher's log";
/// A peer of a fellow; the log says why.
pub(super) const OUT_OF_REACH: &str = "your peer is kept elsewhere and cannot be reached just now; whoever runs this place \
                                       sees why in the dispatcher's log";

/// Nothing can be written down; the status or the log says why.
pub(super) const CANNOT_WRITE: &str = "this place cannot write to its disk, so nobody new can come in";

pub(super) fn refused(why: &str) -> Entry {
    Entry::Refused { why: why.to_owned(), retry: MAKE_AGAIN.0 * 4 }
}

pub(super) fn cannot_write(error: &AppendError) -> Entry {
    tracing::warn!(%error, "somebody could not come in, since nothing can be written down");
    refused(CANNOT_WRITE)
}
