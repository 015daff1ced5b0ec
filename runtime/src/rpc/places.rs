//! Places among the connections of a listener, in all and per address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use super::AcceptLimits;

#[derive(Debug, Clone)]
pub(super) struct Places {
    limits: AcceptLimits,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    total: Arc<tokio::sync::Semaphore>,
}

impl Places {
    pub(super) fn new(limits: AcceptLimits) -> Self {
        let total = Arc::new(tokio::sync::Semaphore::new(limits.connections));
        Self { limits, taken: Arc::default(), total }
    }

    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.total).try_acquire_owned().ok()?;
        let holder = holder(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(holder).or_default();
        if *count >= self.limits.per_address {
            return None;
        }
        *count += 1;
        Some(Place { holder, taken: Arc::clone(&self.taken), _permit: permit })
    }
}

/// For whom an address is counted. Whoever has one IPv6 address has the 2^64 of its subnet (RFC 6177), so these count as one.
pub fn holder(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() >> 64 << 64).into(),
        four @ IpAddr::V4(_) => four,
    }
}

/// A place among the connections of a listener, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    holder: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_an_ipv6_subnet_share_their_places_and_give_them_back() {
        let places = Places::new(AcceptLimits { per_address: 2, ..AcceptLimits::default() });
        let take = |address: &str| places.take(address.parse().unwrap());
        let (first, second) = (take("2001:db8:0:1::1"), take("2001:db8:0:1:ffff::9"));
        assert!(first.is_some() && second.is_some());
        assert!(take("2001:db8:0:1::2").is_none());
        assert!(take("2001:db8:0:2::2").is_some());
        drop(second);
        let third = take("2001:db8:0:1::3");
        assert!(third.is_some());

        let four = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(four.0.is_some() && four.1.is_some());
        assert!(take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
    }
}
