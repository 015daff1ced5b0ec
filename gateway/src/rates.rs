//! Requests per caller, in bounded memory.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use runtime::TokenBucket;

use crate::limits::MAX_RATE_ENTRIES;

/// A burst, and so many per second in the long run.
pub(crate) type Rate = (f64, f64);

/// One bucket for each caller; when there are too many at once, newcomers share one, so a flood of invented callers
/// does not slow down those who were there before.
pub(crate) struct Rates<K> {
    rate: Rate,
    buckets: Mutex<Buckets<K>>,
}

struct Buckets<K> {
    by_caller: HashMap<K, TokenBucket>,
    newcomers: TokenBucket,
}

impl<K: Hash + Eq> Rates<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::new(Buckets { by_caller: HashMap::new(), newcomers: bucket(rate) }) }
    }

    /// Whether one more request of this caller is served.
    pub(crate) fn take(&self, caller: K, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Buckets { by_caller, newcomers } = &mut *buckets;
        if by_caller.len() >= MAX_RATE_ENTRIES && !by_caller.contains_key(&caller) {
            by_caller.retain(|_, bucket| !bucket.is_full(now));
            if by_caller.len() >= MAX_RATE_ENTRIES {
                return newcomers.take(now, 1.0);
            }
        }
        by_caller.entry(caller).or_insert_with(|| bucket(self.rate)).take(now, 1.0)
    }
}

impl<K> fmt::Debug for Rates<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rates").field("rate", &self.rate).finish_non_exhaustive()
    }
}

const fn bucket((burst, per_second): Rate) -> TokenBucket {
    TokenBucket::new(burst, per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_callers_is_bounded_and_spares_those_before() {
        let (rates, now) = (Rates::new((10.0, 1.0)), Instant::now());
        assert!(rates.take(u32::MAX, now));
        let flood = (0..100_000).filter(|caller| rates.take(*caller, now)).count();
        assert!(flood < MAX_RATE_ENTRIES + 20, "{flood}");
        assert!(rates.take(u32::MAX, now));
        assert!(rates.buckets.lock().unwrap().by_caller.len() <= MAX_RATE_ENTRIES);
        assert_eq!((0..20).filter(|_| rates.take(u32::MAX, now)).count(), 8);
    }
}
