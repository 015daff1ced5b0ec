//! Tasks that belong together: started here, cancelled together, waited for.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, Span};

/// The exit code of a process in which a task panicked.
const EXIT_PANIC: i32 = 101;

/// A group of tasks. Clones are handles to the same group.
///
/// A panic in a task is a broken invariant: the process ends with its message, for a node that goes on without one of
/// its parts is worse than one that its supervisor starts again.
#[derive(Debug, Clone, Default)]
#[must_use = "a group that nobody shuts down leaves its tasks running"]
pub struct TaskGroup {
    tracker: TaskTracker,
    token: CancellationToken,
    abort: CancellationToken,
    /// Where the tasks run; `None`: in the runtime of whoever spawns them.
    handle: Option<Handle>,
}

impl TaskGroup {
    /// An empty group.
    pub fn new() -> Self {
        Self::default()
    }

    /// A group that is cancelled with this one, and whose tasks this one's shutdown waits for.
    pub fn child(&self) -> Self {
        Self {
            tracker: self.tracker.clone(),
            token: self.token.child_token(),
            abort: self.abort.child_token(),
            handle: self.handle.clone(),
        }
    }

    /// The same group, with its tasks in another runtime.
    pub(crate) fn on(self, handle: Handle) -> Self {
        Self { handle: Some(handle), ..self }
    }

    /// Starts a task within a span. It should end soon after [`TaskGroup::token`] is cancelled.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
    pub fn spawn(&self, span: Span, task: impl Future<Output = ()> + Send + 'static) {
        let abort = self.abort.clone();
        let guarded = async move {
            tokio::select! {
                biased;
                () = abort.cancelled() => {}
                outcome = AssertUnwindSafe(task).catch_unwind() => {
                    if outcome.is_err() {
                        // The panic hook has printed message and place.
                        std::process::exit(EXIT_PANIC);
                    }
                }
            }
        };
        let tracked = self.tracker.track_future(guarded.instrument(span));
        match &self.handle {
            Some(handle) => handle.spawn(tracked),
            None => tokio::spawn(tracked),
        };
    }

    /// Cancelled when the group is to end.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Asks the tasks to end.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Resolves once the group is cancelled.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// Drops the tasks where they stand, without waiting for anything.
    pub fn abort(&self) {
        // Not the token too: a task that is being polled just now would take it for a request to end in good order.
        self.abort.cancel();
    }

    /// Asks all tasks to end, waits, and drops those that did not by then. True when all ended by themselves. After an
    /// abort it asks nobody and only waits.
    ///
    /// To be called on the root of a family of groups: it waits for the tasks of all of them.
    pub async fn shutdown(&self, grace: Duration) -> bool {
        if !self.abort.is_cancelled() {
            self.token.cancel();
        }
        self.tracker.close();
        let in_time = tokio::time::timeout(grace, self.tracker.wait()).await.is_ok();
        self.abort.cancel();
        self.tracker.wait().await;
        // For those who wait for it and are no tasks of the group.
        self.token.cancel();
        in_time
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, sync::mpsc};

    use super::*;

    #[tokio::test]
    async fn shutdown_waits_for_tasks_of_children() {
        let group = TaskGroup::new();
        let child = group.child();
        let token = child.token().clone();
        let (done, ended) = tokio::sync::oneshot::channel();
        child.spawn(Span::none(), async move {
            token.cancelled().await;
            done.send(()).unwrap();
        });
        assert!(group.shutdown(Duration::from_secs(30)).await);
        ended.await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_does_not_listen_is_dropped_after_the_grace() {
        let group = TaskGroup::new();
        group.spawn(Span::none(), std::future::pending());
        assert!(!group.shutdown(Duration::from_millis(1)).await);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn an_abort_is_never_seen_as_a_request_to_end_in_good_order() {
        let group = TaskGroup::new();
        let token = group.token().clone();
        let ((polled, running), (go_on, told)) = (mpsc::channel(), mpsc::channel());
        let (saw, seen) = mpsc::channel();
        group.spawn(Span::none(), async move {
            // In the middle of a turn while the group is aborted and shut down.
            polled.send(()).unwrap();
            told.recv().unwrap();
            saw.send(token.is_cancelled()).unwrap();
        });
        running.recv().unwrap();
        group.abort();
        let mut shutdown = pin!(group.shutdown(Duration::from_secs(30)));
        assert!(shutdown.as_mut().now_or_never().is_none());
        go_on.send(()).unwrap();
        shutdown.await;
        assert!(!seen.recv().unwrap());
        assert!(group.token().is_cancelled(), "it has ended by now");
    }

    #[tokio::test]
    async fn a_childs_end_leaves_its_parent_running() {
        let group = TaskGroup::new();
        group.child().cancel();
        assert!(!group.token().is_cancelled());
    }
}
