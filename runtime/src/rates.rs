//! Rate limits per caller, in bounded memory.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

use crate::TokenBucket;

/// Between looks for buckets that can go.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// One [`TokenBucket`] per caller: an address, a node. When there are too many callers at once, the later ones share one
/// bucket: a flood from invented ones slows down newcomers, not those who came before.
#[derive(Debug)]
pub struct Rates<K> {
    burst: f64,
    per_second: f64,
    most: usize,
    by_caller: HashMap<K, TokenBucket>,
    newcomers: TokenBucket,
    swept: Option<Instant>,
}

impl<K: Hash + Eq> Rates<K> {
    /// A burst and a steady rate per second for each of up to `most` callers.
    pub fn new((burst, per_second): (f64, f64), most: usize) -> Self {
        let newcomers = TokenBucket::new(burst, per_second);
        Self { burst, per_second, most, by_caller: HashMap::new(), newcomers, swept: None }
    }

    /// True when one more of this caller is allowed.
    pub fn take(&mut self, now: Instant, caller: K) -> bool {
        if self.by_caller.len() >= self.most && !self.by_caller.contains_key(&caller) {
            self.sweep(now);
            if self.by_caller.len() >= self.most {
                return self.newcomers.take(now, 1.0);
            }
        }
        let fresh = || TokenBucket::new(self.burst, self.per_second);
        self.by_caller.entry(caller).or_insert_with(fresh).take(now, 1.0)
    }

    /// How many callers are remembered.
    pub fn len(&self) -> usize {
        self.by_caller.len()
    }

    /// Whether nobody is remembered.
    pub fn is_empty(&self) -> bool {
        self.by_caller.is_empty()
    }

    /// Forgets full buckets, which nobody misses. Seldom: a flood must not make a node count all day.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP_EVERY) {
            self.by_caller.retain(|_, bucket| !bucket.is_full(now));
            self.swept = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 4_096;

    #[test]
    fn one_caller_does_not_use_up_anothers_rate() {
        let (mut rates, now) = (Rates::new((2.0, 1.0), MOST), Instant::now());
        assert_eq!((0..9).filter(|_| rates.take(now, "one")).count(), 2);
        assert!(rates.take(now, "other"));
        assert!(rates.take(now + Duration::from_secs(1), "one"));
    }

    #[test]
    fn a_flood_of_callers_is_bounded_and_spares_those_before() {
        let (mut rates, now) = (Rates::new((10.0, 1.0), MOST), Instant::now());
        assert!(rates.take(now, 0));
        let passed = (1..100_000).filter(|caller| rates.take(now, *caller)).count();
        assert_eq!(passed, MOST - 1 + 10, "each of those who have a bucket, and a burst of all others");
        assert_eq!(rates.len(), MOST);
        assert_eq!((0..20).filter(|_| rates.take(now, 0)).count(), 9);
        // Those who were quiet meanwhile make room.
        rates.take(now + Duration::from_secs(19), 200_000);
        assert_eq!(rates.len(), 1);
    }
}
