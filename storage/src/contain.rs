//! Panics of sled on damaged files, caught and turned into faults.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::fault::Fault;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether a panic on this thread would be caught by this crate. A panic hook that ends the process or prints may ask:
/// sled panics on some damaged files, and that is reported as an error here.
#[must_use]
pub fn is_contained() -> bool {
    DEPTH.get() > 0
}

/// Runs `work`; a panic in it becomes [`Fault::Damaged`].
pub(crate) fn contain<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    DEPTH.set(DEPTH.get() - 1);
    result.unwrap_or_else(|panic| Err(Fault::damaged(format!("the database gave up: {}", text_of(&*panic)))))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
    text.chars().take(TEXT_LEN).collect()
}

/// sled prints whole trees into some of its panics, characters.
const TEXT_LEN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_fault_with_its_text() {
        let fault = contain::<()>(|| {
            assert!(is_contained());
            panic!("page {} is torn", 7)
        });
        assert!(fault.unwrap_err().to_string().contains("page 7 is torn"));
        assert!(!is_contained());
    }
}
