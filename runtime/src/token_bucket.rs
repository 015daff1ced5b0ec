//! Rate limits, with time as an argument.

use std::time::Instant;

/// A token bucket: bursts up to its capacity, and a steady rate in the long run.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    capacity: f64,
    per_second: f64,
    tokens: f64,
    filled: Option<Instant>,
}

impl TokenBucket {
    /// A full bucket of `capacity` tokens that gains `per_second`.
    pub const fn new(capacity: f64, per_second: f64) -> Self {
        Self { capacity, per_second, tokens: capacity, filled: None }
    }

    /// Takes `tokens`, or none and answers false.
    pub fn take(&mut self, now: Instant, tokens: f64) -> bool {
        let since = self.filled.map_or(0.0, |filled| now.saturating_duration_since(filled).as_secs_f64());
        self.tokens = (self.tokens + since * self.per_second).min(self.capacity);
        self.filled = Some(now);
        let enough = self.tokens >= tokens;
        if enough {
            self.tokens -= tokens;
        }
        enough
    }

    /// Whether the bucket would be full by now: nobody has used it for a while, and it may be forgotten.
    pub fn is_full(&self, now: Instant) -> bool {
        let since = self.filled.map_or(0.0, |filled| now.saturating_duration_since(filled).as_secs_f64());
        self.tokens + since * self.per_second >= self.capacity
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_and_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(3.0, 2.0);
        let taken = (0..10).filter(|_| bucket.take(start, 1.0)).count();
        assert_eq!(taken, 3);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..10).filter(|_| bucket.take(later, 1.0)).count(), 2);
        assert!(!bucket.is_full(later));
        assert!(bucket.is_full(later + Duration::from_secs(2)));
    }
}
