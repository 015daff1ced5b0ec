//! The wall clock: shown and stamped, never used to refuse anything from another machine.

use std::time::{Duration, Instant, SystemTime};

/// Milliseconds since 1970; 0 before.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds since 1970; 0 before.
pub(crate) fn now_s() -> u64 {
    now_ms() / 1_000
}

/// RFC 3339 in UTC with milliseconds; empty when it is out of range.
pub(crate) fn rfc3339(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// When a moment of this process was, by the wall clock now.
pub(crate) fn of_instant(moment: Instant) -> u64 {
    now_ms().saturating_sub(millis(moment.elapsed()))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
