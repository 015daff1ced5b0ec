//! Waiting on conditions, never on time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// The limit for anything that should take moments: a loaded machine may take many times as long.
pub(crate) const GENEROUS: Duration = Duration::from_secs(60);
/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until `condition` gives something, and says `what` was waited for when it never does.
pub(crate) fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually_within(GENEROUS, what, condition)
}

/// [`eventually`] with a limit of one's own.
pub(crate) fn eventually_within<T>(
    limit: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        thread::sleep(PAUSE);
    }
}
