//! How many at once: in all, and for each key.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A bound on the whole and a bound for each key. Clones share their counts.
#[derive(Debug)]
pub(crate) struct Quota<K: Eq + Hash>(Arc<Inner<K>>);

#[derive(Debug)]
struct Inner<K> {
    total: usize,
    per_key: usize,
    taken: Mutex<Taken<K>>,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    by_key: HashMap<K, usize>,
}

/// One place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit<K: Eq + Hash + Copy> {
    quota: Quota<K>,
    key: K,
}

impl<K: Eq + Hash + Copy> Quota<K> {
    pub(crate) fn new(total: usize, per_key: usize) -> Self {
        let taken = Mutex::new(Taken { all: 0, by_key: HashMap::new() });
        Self(Arc::new(Inner { total, per_key, taken }))
    }

    /// Takes a place, if one is free.
    pub(crate) fn acquire(&self, key: K) -> Option<Permit<K>> {
        let mut taken = self.taken();
        if taken.all >= self.0.total {
            return None;
        }
        let of_key = taken.by_key.entry(key).or_insert(0);
        if *of_key >= self.0.per_key {
            return None;
        }
        *of_key += 1;
        taken.all += 1;
        Some(Permit { quota: self.clone(), key })
    }

    /// Places taken in all.
    pub(crate) fn len(&self) -> usize {
        self.taken().all
    }

    fn release(&self, key: K) {
        let mut taken = self.taken();
        taken.all -= 1;
        if let Some(of_key) = taken.by_key.get_mut(&key) {
            *of_key -= 1;
            if *of_key == 0 {
                taken.by_key.remove(&key);
            }
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Clone for Quota<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Eq + Hash + Copy> Drop for Permit<K> {
    fn drop(&mut self) {
        self.quota.release(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_and_places_come_back() {
        let quota = Quota::new(3, 2);
        let first = quota.acquire(1).unwrap();
        let _second = quota.acquire(1).unwrap();
        assert!(quota.acquire(1).is_none(), "a third of one key");
        let _third = quota.acquire(2).unwrap();
        assert!(quota.acquire(3).is_none(), "a fourth in all");
        drop(first);
        assert_eq!(quota.len(), 2);
        assert!(quota.acquire(1).is_some());
    }
}
