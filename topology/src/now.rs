//! Time as the core is told it, and the hybrid logical time of events.

use std::{fmt, time::Duration};

use crate::limits::MAX_CLOCK_PULL_MS;

/// The two clocks at the moment of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic, since some point fixed for the process. All timers run on it.
    pub mono: Duration,
    /// Wall clock, milliseconds since 1970. Only shown and stamped on events, never used to refuse.
    pub wall_ms: i64,
}

/// Hybrid logical time: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hlc(pub u64);

/// The source of a bridge's hybrid times: strictly growing whatever the wall clock does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    last: u64,
    regressions: u64,
    wall_ms: u64,
}

impl Hlc {
    /// The physical part, milliseconds since 1970.
    pub const fn millis(self) -> u64 {
        self.0 >> 16
    }

    /// The time with counter 0 at `millis`.
    pub const fn at(millis: u64) -> Self {
        Self(millis << 16)
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.millis(), self.0 & 0xffff)
    }
}

impl Clock {
    /// The next time of an own event.
    pub(crate) fn tick(&mut self, wall_ms: i64) -> Hlc {
        let wall = self.read(wall_ms);
        self.last = (wall << 16).max(self.last.saturating_add(1));
        Hlc(self.last)
    }

    /// Takes note of a remote event's time: later own events come after it, unless it is further ahead of the own
    /// wall clock than [`MAX_CLOCK_PULL_MS`].
    pub(crate) fn observe(&mut self, remote: Hlc, wall_ms: i64) {
        let bound = (self.read(wall_ms) + MAX_CLOCK_PULL_MS) << 16;
        self.last = self.last.max(remote.0.min(bound));
    }

    /// Own events were stamped up to here before.
    pub(crate) fn resume(&mut self, last: Hlc) {
        self.last = self.last.max(last.0);
    }

    /// How often the wall clock went back.
    pub(crate) fn regressions(&self) -> u64 {
        self.regressions
    }

    fn read(&mut self, wall_ms: i64) -> u64 {
        let wall = u64::try_from(wall_ms).unwrap_or(0).min((1 << 47) - 1);
        self.regressions += u64::from(wall < self.wall_ms);
        self.wall_ms = wall;
        wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_grows_although_the_wall_clock_goes_back() {
        let mut clock = Clock::default();
        let first = clock.tick(1_000);
        let second = clock.tick(10);
        assert!(second > first);
        assert_eq!((second.millis(), clock.regressions()), (1_000, 1));
        assert!(clock.tick(-5) > second);
    }

    #[test]
    fn a_remote_time_pulls_by_the_bound_at_most() {
        let mut clock = Clock::default();
        clock.observe(Hlc::at(1_500), 1_000);
        assert!(clock.tick(1_000) > Hlc::at(1_500));
        for _ in 0..10 {
            clock.observe(Hlc(u64::MAX), 1_000);
        }
        assert_eq!(clock.tick(1_000).millis(), 1_000 + MAX_CLOCK_PULL_MS);
    }
}
