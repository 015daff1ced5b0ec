//! Times on the screen, in the machine's time zone.

use jiff::{Timestamp, Zoned, tz::TimeZone};

/// The day of a time, for a line between two days.
pub(super) fn day(unix_ms: u64) -> String {
    local(unix_ms).map(|time| time.strftime("%A, %-d %B %Y").to_string()).unwrap_or_default()
}

/// The time of day.
pub(super) fn hour(unix_ms: u64) -> String {
    local(unix_ms).map(|time| time.strftime("%H:%M").to_string()).unwrap_or_default()
}

/// The time of day where `now` is on that day, else with the day.
pub(super) fn short(unix_ms: u64, now_ms: u64) -> String {
    let (Some(time), Some(now)) = (local(unix_ms), local(now_ms)) else { return String::new() };
    let format = if time.date() == now.date() { "%H:%M" } else { "%F %H:%M" };
    time.strftime(format).to_string()
}

fn local(unix_ms: u64) -> Option<Zoned> {
    if unix_ms == 0 {
        return None;
    }
    let time = Timestamp::from_millisecond(i64::try_from(unix_ms).ok()?).ok()?;
    Some(time.to_zoned(TimeZone::system()))
}
