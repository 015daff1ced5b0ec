//! A rate limit per address, in bounded memory.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use runtime::TokenBucket;

use crate::limits::MAX_RATED_ADDRESSES;

/// Between looks for buckets that can go.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// One bucket per address. When there are too many addresses at once, the later ones share one bucket: a flood from
/// invented addresses slows down newcomers, not those who spoke before.
#[derive(Debug)]
pub(crate) struct AddressRates {
    burst: f64,
    per_second: f64,
    buckets: HashMap<IpAddr, TokenBucket>,
    shared: TokenBucket,
    swept: Option<Instant>,
}

impl AddressRates {
    pub(crate) fn new((burst, per_second): (f64, f64)) -> Self {
        let shared = TokenBucket::new(burst, per_second);
        Self { burst, per_second, buckets: HashMap::new(), shared, swept: None }
    }

    /// True when one more is allowed.
    pub(crate) fn take(&mut self, now: Instant, from: IpAddr) -> bool {
        if self.buckets.len() >= MAX_RATED_ADDRESSES && !self.buckets.contains_key(&from) {
            self.sweep(now);
            if self.buckets.len() >= MAX_RATED_ADDRESSES {
                return self.shared.take(now, 1.0);
            }
        }
        let fresh = || TokenBucket::new(self.burst, self.per_second);
        self.buckets.entry(from).or_insert_with(fresh).take(now, 1.0)
    }

    /// Forgets full buckets, which nobody misses. Seldom: a flood must not make this node count all day.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP_EVERY) {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            self.swept = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[test]
    fn one_address_does_not_use_up_anothers_rate() {
        let (mut rates, now) = (AddressRates::new((2.0, 1.0)), Instant::now());
        assert_eq!((0..9).filter(|_| rates.take(now, address(1))).count(), 2);
        assert!(rates.take(now, address(2)));
        assert!(rates.take(now + Duration::from_secs(1), address(1)));
    }

    #[test]
    fn a_flood_of_addresses_stays_within_bounds_and_spares_the_earlier_ones() {
        let (mut rates, now) = (AddressRates::new((2.0, 1.0)), Instant::now());
        assert!(rates.take(now, address(0)));
        let passed = (1..100_000).filter(|number| rates.take(now, address(*number))).count();
        assert!(passed <= MAX_RATED_ADDRESSES + 2, "{passed}");
        assert_eq!(rates.buckets.len(), MAX_RATED_ADDRESSES);
        assert!(rates.take(now, address(0)));
        rates.take(now + Duration::from_secs(9), address(200_000));
        assert_eq!(rates.buckets.len(), 1);
    }
}
