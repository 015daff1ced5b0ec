//! Connections whose hello is not complete: bounded, and the oldest makes room.
//!
//! So a flood of connections that say nothing costs its own oldest ones: whoever speaks at once is served.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use super::limits::ProxyLimits;
use crate::stream::{Metrics, Raised};

/// The half-open connections of a port.
#[derive(Debug, Clone)]
pub(super) struct HalfOpen(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    most_per_address: usize,
    metrics: Metrics,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    by_age: BTreeMap<u64, (IpAddr, CancellationToken)>,
    by_address: HashMap<IpAddr, BTreeSet<u64>>,
}

/// One half-open connection.
#[derive(Debug)]
pub(super) struct Ticket {
    half_open: HalfOpen,
    number: u64,
    shed: CancellationToken,
    _gauge: Raised,
}

impl HalfOpen {
    pub(super) fn new(limits: &ProxyLimits, metrics: &Metrics) -> Self {
        Self(Arc::new(Inner {
            most: limits.half_open.max(1),
            most_per_address: limits.half_open_per_address.max(1),
            metrics: metrics.clone(),
            state: Mutex::default(),
        }))
    }

    /// Takes a connection in. The oldest of its address, or of all, may have to go.
    pub(super) fn enter(&self, address: IpAddr) -> Ticket {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let shed = CancellationToken::new();
        state.by_age.insert(number, (address, shed.clone()));
        let of_address = state.by_address.entry(address).or_default();
        of_address.insert(number);
        if of_address.len() > self.0.most_per_address {
            let oldest = of_address.first().copied();
            self.shed(&mut state, oldest);
        } else if state.by_age.len() > self.0.most {
            let oldest = state.by_age.keys().next().copied();
            self.shed(&mut state, oldest);
        }
        drop(state);
        Ticket { half_open: self.clone(), number, shed, _gauge: Raised::new(&self.0.metrics.half_open) }
    }

    /// Closes the oldest connection, because the system has no more room.
    pub(super) fn shed_oldest(&self) {
        let mut state = self.state();
        let oldest = state.by_age.keys().next().copied();
        self.shed(&mut state, oldest);
    }

    fn shed(&self, state: &mut State, number: Option<u64>) {
        if let Some(shed) = number.and_then(|number| state.remove(number)) {
            shed.cancel();
            self.0.metrics.half_open_shed.inc();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, number: u64) -> Option<CancellationToken> {
        let (address, shed) = self.by_age.remove(&number)?;
        if let Some(of_address) = self.by_address.get_mut(&address) {
            of_address.remove(&number);
            if of_address.is_empty() {
                self.by_address.remove(&address);
            }
        }
        Some(shed)
    }
}

impl Ticket {
    /// Resolves when the connection must make room.
    pub(super) async fn shed(&self) {
        self.shed.cancelled().await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.half_open.state().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room_first_of_its_own_address() {
        let limits = ProxyLimits { half_open: 3, half_open_per_address: 2, ..ProxyLimits::default() };
        let half_open = HalfOpen::new(&limits, &Metrics::default());
        let (quiet, loud) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let first = half_open.enter(quiet);
        let second = half_open.enter(loud);
        let third = half_open.enter(loud);
        let fourth = half_open.enter(loud);
        assert!(second.shed.is_cancelled() && !first.shed.is_cancelled() && !third.shed.is_cancelled());
        let fifth = half_open.enter([10, 0, 0, 3].into());
        assert!(first.shed.is_cancelled(), "the oldest of all");
        drop((first, second, third, fourth, fifth));
        assert!(half_open.state().by_age.is_empty() && half_open.state().by_address.is_empty());
    }
}
