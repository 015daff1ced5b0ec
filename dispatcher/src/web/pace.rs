//! How often one address may log in.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use runtime::{Rates, rpc::holder};

use crate::limits::MAX_LOGIN_ADDRESSES;

/// Counts logins. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// None: as often as anybody likes.
    rates: Option<Arc<Mutex<Rates<IpAddr>>>>,
}

impl Pace {
    /// 0: as often as it likes.
    pub(crate) fn new(per_minute: u32) -> Self {
        let rate = f64::from(per_minute);
        let rates = || Arc::new(Mutex::new(Rates::new((rate, rate / 60.0), MAX_LOGIN_ADDRESSES)));
        Self { rates: (per_minute > 0).then(rates) }
    }

    /// Whether this address may log in now. Those of one IPv6 subnet count together.
    pub(crate) fn admits(&self, address: IpAddr, now: Instant) -> bool {
        let Some(rates) = &self.rates else { return true };
        rates.lock().unwrap_or_else(PoisonError::into_inner).take(now, holder(address))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_that_asks_too_often_waits_and_others_do_not() {
        let (pace, now) = (Pace::new(2), Instant::now());
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert!(pace.admits(one, now) && pace.admits(one, now) && !pace.admits(one, now));
        assert!(pace.admits(other, now));
        assert!(pace.admits(one, now + Duration::from_secs(30)));
        let of_subnet = |host: &str| format!("2001:db8::{host}").parse().unwrap();
        assert!(pace.admits(of_subnet("1"), now) && pace.admits(of_subnet("2"), now));
        assert!(!pace.admits(of_subnet("ffff:1"), now));
        assert!((0..100).all(|_| Pace::new(0).admits(one, now)));
    }
    #[test]
    fn the_table_is_bounded_and_the_rest_share_one_count() {
        let (pace, now) = (Pace::new(1), Instant::now());
        let address = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        assert!((0..MAX_LOGIN_ADDRESSES).all(|number| pace.admits(address(number), now)));
        assert!(pace.admits(address(MAX_LOGIN_ADDRESSES), now));
        assert!(!pace.admits(address(MAX_LOGIN_ADDRESSES + 1), now));
        assert!(pace.rates.unwrap().lock().unwrap().len() <= MAX_LOGIN_ADDRESSES + 1);
    }
}
