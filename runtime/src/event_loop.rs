//! A thread with an event loop of its own, for work in which microseconds count.

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use tokio::{
    runtime::{Builder, EnterGuard, Handle},
    sync::{Notify, oneshot},
};

use crate::TaskGroup;

/// A thread that runs tasks of its own until this is dropped. What still runs then is dropped where it stands, so its
/// tasks' group is to be shut down before.
///
/// Tasks on one thread wake each other without a system call, and a task never moves to another processor. One such
/// thread carries about as much as it takes to fill several Gbit/s.
#[derive(Debug)]
#[must_use = "the thread ends when this is dropped"]
pub struct EventLoop {
    handle: Handle,
    busy_poll: BusyPoll,
    _alive: oneshot::Sender<()>,
}

/// Keeps an [`EventLoop`] from falling asleep for a moment after each sign of life, because more often than not there
/// is more to come: waking a thread up costs its waker and itself more than passing a message on. Clones speak of the
/// same thread.
///
/// While it waits it yields the processor to whoever else wants it, so the time is taken from nobody but the idle task.
#[derive(Debug, Clone)]
pub struct BusyPoll(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    span: Duration,
    stirred: Notify,
}

impl EventLoop {
    /// Starts the thread. `busy_poll` is how long it stays awake after [`BusyPoll::stir`]; zero: it never does.
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub fn start(name: &str, busy_poll: Duration) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let busy_poll = BusyPoll::new(busy_poll);
        let (alive, mut ended) = oneshot::channel();
        let poll = busy_poll.clone();
        thread::Builder::new().name(name.into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = &mut ended => {}
                    () = poll.run() => {}
                }
            });
        })?;
        Ok(Self { handle, busy_poll, _alive: alive })
    }

    /// A child of a group whose tasks, and those of its own children, run on this thread.
    pub fn group(&self, parent: &TaskGroup) -> TaskGroup {
        parent.child().on(self.handle.clone())
    }

    /// While the guard lives, sockets that are opened belong to this thread.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// What keeps this thread awake.
    pub fn busy_poll(&self) -> &BusyPoll {
        &self.busy_poll
    }
}

impl BusyPoll {
    fn new(span: Duration) -> Self {
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
    async fn run(&self) {
        loop {
            self.0.stirred.notified().await;
            let mut since = Instant::now();
            while since.elapsed() < self.0.span {
                // Others first: on this processor, and on this thread, where it also looks for what arrived.
                thread::yield_now();
                tokio::task::yield_now().await;
                if self.0.stirred.notified().now_or_never().is_some() {
                    since = Instant::now();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::ThreadId;

    use tracing::Span;

    use super::*;

    async fn thread_of(group: &TaskGroup) -> ThreadId {
        let (tell, told) = oneshot::channel();
        group.spawn(Span::none(), async move { tell.send(thread::current().id()).unwrap() });
        told.await.unwrap()
    }

    #[tokio::test]
    async fn tasks_of_the_group_and_of_its_children_run_on_the_thread_and_end_with_their_parent() {
        let event_loop = EventLoop::start("loop", Duration::from_micros(50)).unwrap();
        let parent = TaskGroup::new();
        let group = event_loop.group(&parent);
        let there = thread_of(&group).await;
        assert_ne!(there, thread::current().id());
        event_loop.busy_poll().stir();
        assert_eq!(thread_of(&group.child()).await, there);
        assert_eq!(thread_of(&parent).await, thread::current().id());
        let token = group.token().clone();
        group.spawn(Span::none(), async move { token.cancelled().await });
        assert!(parent.shutdown(Duration::from_secs(30)).await);
    }

    #[tokio::test]
    async fn a_thread_that_is_kept_awake_still_runs_what_comes() {
        let event_loop = EventLoop::start("loop", Duration::from_secs(3_600)).unwrap();
        let group = event_loop.group(&TaskGroup::new());
        for _ in 0..3 {
            event_loop.busy_poll().stir();
            thread_of(&group).await;
            let (tell, told) = oneshot::channel();
            group.spawn(Span::none(), async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                tell.send(()).unwrap();
            });
            told.await.unwrap();
        }
    }
}
