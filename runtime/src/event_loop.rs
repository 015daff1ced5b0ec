//! A thread with an event loop of its own, for work in which microseconds count.

mod busy_poll;

use std::{io, thread, time::Duration};

use tokio::{
    runtime::{Builder, EnterGuard, Handle},
    sync::oneshot,
};

pub use busy_poll::BusyPoll;

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

impl EventLoop {
    /// Starts the thread. `busy_poll` is how long it stays awake at most after [`BusyPoll::stir`]; zero: it never does.
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
