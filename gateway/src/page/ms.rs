//! Instants of the page: milliseconds since 1970, for a hybrid time does not fit a number of JavaScript.

use topology::Hlc;

/// The hybrid time of everything up to and in a millisecond; 0 stays 0.
pub(super) fn until(ms: u64) -> u64 {
    if ms == 0 { 0 } else { Hlc::at(ms.saturating_add(1)).0.saturating_sub(1) }
}

/// The hybrid time of everything from a millisecond on.
pub(super) fn since(ms: u64) -> u64 {
    Hlc::at(ms).0
}

/// The millisecond of a hybrid time.
pub(super) fn of(time: u64) -> u64 {
    Hlc(time).millis()
}
