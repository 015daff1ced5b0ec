//! When a thread stays awake although it has nothing to do.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use tokio::sync::Notify;

/// After so many waits in vain, one after another, the thread sleeps at once.
const WAITS_IN_VAIN: u32 = 3;

/// Keeps an [`EventLoop`](super::EventLoop) from falling asleep for a moment after each sign of life, because more often
/// than not there is more to come: waking a thread up costs its waker and itself more than passing a message on. Clones
/// speak of the same thread.
///
/// While it waits it yields the processor to whoever else wants it, so the time is taken from nobody but the idle task.
/// Where signs of life are so far apart that it waits in vain, it soon stops, and begins again when two come close
/// together.
#[derive(Debug, Clone)]
pub struct BusyPoll(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    span: Duration,
    stirred: Notify,
}

/// Whether to wait, by what became of it before. Linux polls for halted guests likewise (Documentation/virt/kvm/
/// halt-polling.rst), with a span that grows and shrinks.
#[derive(Debug)]
struct Lookout {
    span: Duration,
    last: Option<Instant>,
    in_vain: u32,
}

impl BusyPoll {
    pub(super) fn new(span: Duration) -> Self {
        Self(Arc::new(Inner { span, stirred: Notify::new() }))
    }

    /// Of no thread: it keeps nothing awake.
    pub fn off() -> Self {
        Self::new(Duration::ZERO)
    }

    /// Something happened that is likely to be followed by more.
    pub fn stir(&self) {
        if !self.0.span.is_zero() {
            self.0.stirred.notify_one();
        }
    }

    /// Never ends.
    pub(super) async fn run(&self) {
        let mut lookout = Lookout { span: self.0.span, last: None, in_vain: 0 };
        loop {
            self.0.stirred.notified().await;
            lookout.stirred(Instant::now());
            while lookout.lasts(Instant::now()) {
                // Others first: on this processor, and on this thread, where it also looks for what arrived.
                thread::yield_now();
                tokio::task::yield_now().await;
                if self.0.stirred.notified().now_or_never().is_some() {
                    lookout.stirred(Instant::now());
                }
            }
        }
    }
}

impl Lookout {
    fn stirred(&mut self, now: Instant) {
        let soon = self.last.is_none_or(|last| now.duration_since(last) <= self.span);
        self.in_vain = if soon { 0 } else { self.in_vain.saturating_add(1) };
        self.last = Some(now);
    }

    /// Whether it is worth to stay awake.
    fn lasts(&self, now: Instant) -> bool {
        self.in_vain < WAITS_IN_VAIN && self.last.is_some_and(|last| now.duration_since(last) < self.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_micros(100);

    /// For each gap before a sign of life, whether the thread stays awake after it.
    fn waits(gaps: impl IntoIterator<Item = u64>) -> Vec<bool> {
        let mut now = Instant::now();
        let mut lookout = Lookout { span: SPAN, last: None, in_vain: 0 };
        let stirred = gaps.into_iter().map(|gap| {
            now += Duration::from_micros(gap);
            lookout.stirred(now);
            assert!(!lookout.lasts(now + SPAN), "it waits longer than it is told");
            lookout.lasts(now)
        });
        stirred.collect()
    }

    #[test]
    fn a_thread_stays_awake_while_signs_of_life_are_close_together() {
        assert_eq!(waits([0, 90, 100, 10, 100]), [true; 5]);
    }

    #[test]
    fn a_thread_that_waits_in_vain_stops_until_signs_of_life_come_close_together() {
        assert_eq!(waits([0, 1_000, 1_000, 1_000, 1_000]), [true, true, true, false, false]);
        assert_eq!(waits([0, 1_000, 1_000, 1_000, 90, 1_000]), [true, true, true, false, true, true]);
    }

    #[test]
    fn questions_that_are_far_apart_find_the_thread_awake_for_the_answer() {
        assert_eq!(waits([0, 80].into_iter().chain([5_000, 80].repeat(20))), [true; 42]);
    }
}
