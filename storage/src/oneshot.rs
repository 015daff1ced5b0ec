//! A result that one thread gives and another waits for, by blocking or by polling; no runtime needed.

use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// Who gives the result. Dropped without giving one, the other side learns that none will come.
#[derive(Debug)]
pub(crate) struct Promise<T>(Option<Arc<Slot<T>>>);

/// Who waits for the result.
#[derive(Debug)]
pub(crate) struct Waiter<T>(Arc<Slot<T>>);

#[derive(Debug)]
struct Slot<T> {
    state: Mutex<State<T>>,
    given: Condvar,
}

#[derive(Debug)]
enum State<T> {
    Open(Waiting),
    Given(T),
    Over,
}

/// Who has come for the result so far.
#[derive(Debug)]
enum Waiting {
    Nobody,
    Thread,
    Task(Waker),
}

pub(crate) fn pair<T>() -> (Promise<T>, Waiter<T>) {
    let slot = Arc::new(Slot { state: Mutex::new(State::Open(Waiting::Nobody)), given: Condvar::new() });
    (Promise(Some(Arc::clone(&slot))), Waiter(slot))
}

impl<T> Promise<T> {
    pub(crate) fn give(mut self, value: T) {
        if let Some(slot) = self.0.take() {
            slot.settle(State::Given(value));
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            slot.settle(State::Over);
        }
    }
}

impl<T> Slot<T> {
    fn settle(&self, state: State<T>) {
        let before = std::mem::replace(&mut *lock(&self.state), state);
        match before {
            State::Open(Waiting::Task(waker)) => waker.wake(),
            // A call of the system even when nobody sleeps.
            State::Open(Waiting::Thread) => self.given.notify_all(),
            State::Open(Waiting::Nobody) | State::Given(_) | State::Over => {}
        }
    }
}

impl<T> State<T> {
    /// The result, once: `None` while it is open, `Some(None)` when none will come.
    fn take(&mut self) -> Option<Option<T>> {
        match self {
            Self::Open(_) => None,
            Self::Given(_) | Self::Over => match std::mem::replace(self, Self::Over) {
                Self::Given(value) => Some(Some(value)),
                Self::Open(_) | Self::Over => Some(None),
            },
        }
    }
}

impl<T> Waiter<T> {
    /// Blocks until there is a result, or none will come.
    pub(crate) fn wait(self) -> Option<T> {
        let mut state = lock(&self.0.state);
        loop {
            if let Some(result) = state.take() {
                return result;
            }
            *state = State::Open(Waiting::Thread);
            state = self.0.given.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// Like [`Self::wait`], at most for `limit`; gives itself back when that ends first.
    pub(crate) fn wait_for(self, limit: Duration) -> Result<Option<T>, Self> {
        let end = Instant::now() + limit;
        let mut state = lock(&self.0.state);
        loop {
            if let Some(result) = state.take() {
                return Ok(result);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                return Err(self);
            }
            *state = State::Open(Waiting::Thread);
            let waited = self.0.given.wait_timeout(state, left);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

impl<T> Future for Waiter<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.0.state);
        if let Some(result) = state.take() {
            return Poll::Ready(result);
        }
        *state = State::Open(Waiting::Task(context.waker().clone()));
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_promise_ends_the_wait() {
        let (promise, waiter) = pair::<u8>();
        drop(promise);
        assert_eq!(waiter.wait(), None);
    }

    #[test]
    fn a_waiter_is_woken_by_the_result() {
        let waits: [fn(Waiter<u8>) -> Option<u8>; 2] =
            [Waiter::wait, |waiter| waiter.wait_for(Duration::from_secs(3_600)).unwrap()];
        for wait in waits {
            let (promise, waiter) = pair();
            let slot = Arc::clone(&waiter.0);
            let waiting = std::thread::spawn(move || wait(waiter));
            while !matches!(*lock(&slot.state), State::Open(Waiting::Thread)) {
                std::thread::yield_now();
            }
            promise.give(7);
            assert_eq!(waiting.join().unwrap(), Some(7));
        }
    }

    #[test]
    fn a_poll_before_the_result_wakes_after_it() {
        struct Flag(std::sync::atomic::AtomicBool);
        impl std::task::Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let flag = Arc::new(Flag(false.into()));
        let waker = Arc::clone(&flag).into();
        let mut context = Context::from_waker(&waker);
        let (promise, mut waiter) = pair();
        assert!(Pin::new(&mut waiter).poll(&mut context).is_pending());
        promise.give(7);
        assert!(flag.0.load(std::sync::atomic::Ordering::SeqCst));
        assert_eq!(Pin::new(&mut waiter).poll(&mut context), Poll::Ready(Some(7)));
    }
}
