//! Penalties for coming and going too often.

use std::time::Duration;

use crate::limits::{DAMP_ABOVE, FLAP_PENALTY, MAX_PENALTY, PENALTY_HALF_LIFE, REUSE_BELOW};

/// The penalty of one peer or link. It grows with each coming up and halves with time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Penalty {
    value: u32,
    at: Duration,
    damped: bool,
}

impl Penalty {
    /// It came up. Gives whether it is damped from now on and was not before.
    pub(crate) fn hit(&mut self, now: Duration) -> bool {
        self.value = (self.decayed(now) + FLAP_PENALTY).min(MAX_PENALTY);
        self.at = now;
        let begins = !self.damped && self.value > DAMP_ABOVE;
        self.damped |= begins;
        begins
    }

    /// Whether its coming up is not to be logged now.
    pub(crate) fn is_damped(&mut self, now: Duration) -> bool {
        if self.damped && self.decayed(now) < REUSE_BELOW {
            self.damped = false;
        }
        self.damped
    }

    pub(crate) fn damped(&self) -> bool {
        self.damped
    }

    /// When a damping that lasts now ends, if nothing comes up again.
    pub(crate) fn reuse_at(&self) -> Duration {
        self.at + time_to(self.value, REUSE_BELOW)
    }

    /// Nothing worth remembering.
    pub(crate) fn is_forgotten(&self, now: Duration) -> bool {
        !self.damped && self.decayed(now) < FLAP_PENALTY / 2
    }

    /// Halved for each half-life, and in a straight line within one: integers, so that it replays anywhere.
    fn decayed(&self, now: Duration) -> u32 {
        let passed = now.saturating_sub(self.at).as_millis() as u64;
        let half_life = PENALTY_HALF_LIFE.as_millis() as u64;
        let halvings = passed / half_life;
        if halvings >= 32 {
            return 0;
        }
        let value = u64::from(self.value >> halvings);
        (value - value * (passed % half_life) / (2 * half_life)) as u32
    }
}

/// How long a penalty takes to fall below a bound.
fn time_to(value: u32, below: u32) -> Duration {
    let mut time = Duration::ZERO;
    let mut value = value;
    while value / 2 >= below {
        (value, time) = (value / 2, time + PENALTY_HALF_LIFE);
    }
    let missing = u64::from(value.saturating_sub(below)) + 1;
    let millis = missing * 2 * PENALTY_HALF_LIFE.as_millis() as u64 / u64::from(value.max(1));
    time + Duration::from_millis(millis + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_times_up_damp_until_the_announced_time_and_not_longer() {
        let mut penalty = Penalty::default();
        let begins: Vec<_> = (0..6).map(|second| penalty.hit(Duration::from_secs(second))).collect();
        assert_eq!(begins, [false, false, false, false, false, true]);
        let end = penalty.reuse_at();
        assert!(penalty.is_damped(end - Duration::from_secs(1)));
        assert!(!penalty.is_damped(end));
        assert!(end < PENALTY_HALF_LIFE * 4);
    }

    #[test]
    fn once_an_hour_is_never_damped() {
        let mut penalty = Penalty::default();
        assert!((0..100).all(|hour| !penalty.hit(Duration::from_secs(3_600 * hour))));
        assert!(penalty.is_forgotten(Duration::from_secs(3_600 * 100)));
    }
}
