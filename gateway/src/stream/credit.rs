//! Who holds a link's credit without using it.
//!
//! A stream whose reader does not read keeps up to one stream's window of its connection's credit. Enough of them and
//! the connection stands still for everybody. So each connection tolerates as many as leave credit for one more
//! stream; beyond that the one that has stalled for longest is ended.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use super::metrics::{Metrics, Raised};
use crate::endpoint::STREAM_WINDOW;

/// The stalled streams of one connection.
#[derive(Debug)]
pub(crate) struct Credit {
    metrics: Metrics,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tolerated: usize,
    next: u64,
    stalled: BTreeMap<u64, CancellationToken>,
}

/// A stream that has stalled, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Stalled {
    credit: Arc<Credit>,
    number: u64,
    shed: CancellationToken,
    _gauge: Raised,
}

impl Credit {
    pub(crate) fn new(metrics: &Metrics, window: u32) -> Arc<Self> {
        let state = State { tolerated: tolerated(window), next: 0, stalled: BTreeMap::new() };
        Arc::new(Self { metrics: metrics.clone(), state: Mutex::new(state) })
    }

    /// The connection's credit has changed.
    pub(crate) fn resize(&self, window: u32) {
        let mut state = self.state();
        state.tolerated = tolerated(window);
        self.shed(&mut state);
    }

    /// Notes that a stream has stalled; may end the one that has for longest.
    pub(crate) fn stall(self: &Arc<Self>) -> Stalled {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let shed = CancellationToken::new();
        state.stalled.insert(number, shed.clone());
        self.shed(&mut state);
        drop(state);
        Stalled { credit: Arc::clone(self), number, shed, _gauge: Raised::new(&self.metrics.streams_stalled) }
    }

    fn shed(&self, state: &mut State) {
        while state.stalled.len() > state.tolerated {
            let Some((_, longest)) = state.stalled.pop_first() else { return };
            longest.cancel();
            self.metrics.streams_shed.inc();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stalled {
    /// Resolves when the stream must end, so that others may go on.
    pub(crate) async fn shed(&self) {
        self.shed.cancelled().await;
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        self.credit.state().stalled.remove(&self.number);
    }
}

/// One stream's window must be left for those that go on.
fn tolerated(window: u32) -> usize {
    (window / STREAM_WINDOW).saturating_sub(1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stalled_stream_ends_when_credit_runs_out() {
        let credit = Credit::new(&Metrics::default(), 3 * STREAM_WINDOW);
        let first = credit.stall();
        let second = credit.stall();
        assert!(!first.shed.is_cancelled());
        let third = credit.stall();
        assert!(first.shed.is_cancelled());
        assert!(!second.shed.is_cancelled() && !third.shed.is_cancelled());
        drop(second);
        let fourth = credit.stall();
        assert!(!third.shed.is_cancelled() && !fourth.shed.is_cancelled());
        credit.resize(STREAM_WINDOW);
        assert!(third.shed.is_cancelled() && fourth.shed.is_cancelled());
    }
}
