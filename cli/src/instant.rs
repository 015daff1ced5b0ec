//! Times as people type them.

use std::str::FromStr;

use jiff::{Timestamp, Unit, Zoned, civil};

/// A moment, milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(u64);

/// The lower bits of a hybrid time count events within a millisecond.
const COUNTER_BITS: u32 = 16;

impl Instant {
    /// The hybrid time at which the millisecond begins.
    pub(crate) const fn begin(self) -> u64 {
        self.0 << COUNTER_BITS
    }

    /// Milliseconds since 1970.
    pub(crate) fn millis(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// The hybrid time at which it ends.
    pub(crate) const fn end(self) -> u64 {
        self.begin() | ((1 << COUNTER_BITS) - 1)
    }
}

impl FromStr for Instant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read(text.trim(), &Zoned::now()).ok_or_else(|| {
            "not a time; times look like 2026-11-26T02:14:00Z, \"2026-11-26 02:14\", 02:14, \"yesterday 02:14\" (both in \
             this machine's time zone), -15m or now"
                .to_owned()
        })
    }
}

/// A time of somebody whose clock shows `now`.
fn read(text: &str, now: &Zoned) -> Option<Instant> {
    let timestamp = if text == "now" {
        now.timestamp()
    } else if let Some(before) = text.strip_prefix('-') {
        let before = humantime::parse_duration(before).ok()?;
        now.timestamp().checked_sub(before).ok()?
    } else if let Ok(timestamp) = text.parse::<Timestamp>() {
        timestamp
    } else {
        let midnight = now.start_of_day().ok()?.datetime();
        let local = on_day(text, midnight)?;
        local.to_zoned(now.time_zone().clone()).ok()?.timestamp()
    };
    let millis = timestamp.round(Unit::Millisecond).ok()?.as_millisecond();
    u64::try_from(millis).ok().filter(|millis| *millis < 1 << (64 - COUNTER_BITS)).map(Instant)
}

/// A day, a time of day, or both; `today` is the midnight that the day began with.
fn on_day(text: &str, today: civil::DateTime) -> Option<civil::DateTime> {
    if let Ok(moment) = text.parse::<civil::DateTime>() {
        return Some(moment);
    }
    let (day, time) = text.split_once(' ').map_or((text, ""), |(day, time)| (day, time.trim()));
    let date = match day {
        "today" => today.date(),
        "yesterday" => today.date().yesterday().ok()?,
        _ => return text.parse::<civil::Time>().ok().map(|time| today.date().to_datetime(time)),
    };
    if time.is_empty() {
        return Some(date.to_datetime(civil::Time::midnight()));
    }
    time.parse::<civil::Time>().ok().map(|time| date.to_datetime(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<String> {
        // Not a place: machines need not know of time zones.
        let now: Zoned = "2026-11-26T10:30:00+01:00[+01:00]".parse().unwrap();
        let Instant(millis) = read(text, &now)?;
        Some(Timestamp::from_millisecond(i64::try_from(millis).unwrap()).unwrap().to_string())
    }

    #[test]
    fn times_are_read_as_people_type_them() {
        for (typed, meant) in [
            ("2026-11-26T02:14:00Z", "2026-11-26T02:14:00Z"),
            ("2026-11-26T02:14:00.250+02:00", "2026-11-26T00:14:00.25Z"),
            ("2026-11-25 02:14", "2026-11-25T01:14:00Z"),
            ("2026-11-25", "2026-11-24T23:00:00Z"),
            ("02:14", "2026-11-26T01:14:00Z"),
            ("02:14:05", "2026-11-26T01:14:05Z"),
            ("yesterday 02:14", "2026-11-25T01:14:00Z"),
            ("yesterday", "2026-11-24T23:00:00Z"),
            ("today 09:00", "2026-11-26T08:00:00Z"),
            ("-15m", "2026-11-26T09:15:00Z"),
            ("-1h 30m", "2026-11-26T08:00:00Z"),
            ("now", "2026-11-26T09:30:00Z"),
        ] {
            assert_eq!(at(typed).as_deref(), Some(meant), "{typed}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for typed in
            ["", "-", "-15", "later", "25:00", "yesterday noonish", "1969-12-31T00:00:00Z", "2026-13-01"]
        {
            assert_eq!(at(typed), None, "{typed}");
        }
    }

    #[test]
    fn an_end_includes_the_events_of_its_millisecond() {
        let instant = Instant(5);
        assert_eq!((instant.begin(), instant.end()), (0x5_0000, 0x5_ffff));
    }
}
