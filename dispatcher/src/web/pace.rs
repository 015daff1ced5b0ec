//! How often one address may log in.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use runtime::{TokenBucket, rpc::holder};

use crate::limits::MAX_LOGIN_ADDRESSES;

/// Counts logins. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    per_minute: u32,
    buckets: Arc<Mutex<HashMap<Option<IpAddr>, TokenBucket>>>,
}

impl Pace {
    /// 0: as often as it likes.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute, buckets: Arc::default() }
    }

    /// Whether this address may log in now. Those of one IPv6 subnet count together.
    pub(crate) fn admits(&self, address: IpAddr, now: Instant) -> bool {
        if self.per_minute == 0 {
            return true;
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_LOGIN_ADDRESSES {
            buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        let address = holder(address);
        let is_room = buckets.len() < MAX_LOGIN_ADDRESSES || buckets.contains_key(&Some(address));
        let rate = f64::from(self.per_minute);
        let bucket = buckets.entry(is_room.then_some(address));
        bucket.or_insert_with(|| TokenBucket::new(rate, rate / 60.0)).take(now, 1.0)
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
        assert!(pace.buckets.lock().unwrap().len() <= MAX_LOGIN_ADDRESSES + 1);
    }
}
