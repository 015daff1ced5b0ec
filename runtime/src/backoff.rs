//! Waits between tries that grow and never march in step.

use std::time::Duration;

use rand::RngExt as _;

/// Exponential backoff with full jitter: the n-th wait is evenly distributed between a tenth of the current bound and
/// the bound, which doubles from `min` to `max`.
#[derive(Debug, Clone)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    bound: Duration,
}

impl Backoff {
    /// Waits of at most `min` first and at most `max` in the end.
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, bound: min }
    }

    /// How long to wait before the next try.
    #[expect(clippy::should_implement_trait, reason = "a backoff never ends, so it is no iterator")]
    pub fn next(&mut self) -> Duration {
        let bound = self.bound;
        self.bound = (bound * 2).min(self.max);
        bound.mul_f64(rand::rng().random_range(0.1..=1.0))
    }

    /// To be called after a success: the next wait is short again.
    pub const fn reset(&mut self) {
        self.bound = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_within_bounds_and_reset() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut backoff = Backoff::new(min, max);
        assert!(backoff.next() <= min);
        for _ in 0..20 {
            let wait = backoff.next();
            assert!(wait <= max && wait >= min / 10, "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= min);
    }
}
