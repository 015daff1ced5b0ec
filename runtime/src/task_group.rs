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
        // First, so that no task takes this for a request to end in good order.
        self.abort.cancel();
        self.token.cancel();
    }

    /// Asks all tasks to end, waits, and drops those that did not by then. True when all ended by themselves.
    ///
    /// To be called on the root of a family of groups: it waits for the tasks of all of them.
    pub async fn shutdown(&self, grace: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        if tokio::time::timeout(grace, self.tracker.wait()).await.is_ok() {
            return true;
        }
        self.abort.cancel();
        self.tracker.wait().await;
        false
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::{Context, Wake},
    };

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

    #[test]
    fn an_abort_is_never_seen_as_a_request_to_end_in_good_order() {
        struct Woken(CancellationToken, AtomicBool);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.1.store(self.0.is_cancelled(), Ordering::Relaxed);
            }
        }
        let group = TaskGroup::new();
        let woken = Arc::new(Woken(group.abort.clone(), AtomicBool::new(false)));
        let mut asked = pin!(group.token().cancelled());
        assert!(asked.as_mut().poll(&mut Context::from_waker(&Arc::clone(&woken).into())).is_pending());
        group.abort();
        assert!(woken.1.load(Ordering::Relaxed), "the task could have run before it was aborted");
    }

    #[tokio::test]
    async fn a_childs_end_leaves_its_parent_running() {
        let group = TaskGroup::new();
        group.child().cancel();
        assert!(!group.token().is_cancelled());
    }
}
