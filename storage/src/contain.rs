//! Panics of sled on damaged files, caught and turned into faults.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use crate::fault::Fault;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Has the panics that this crate catches not be printed: sled panics on some damaged files, and that is reported as an
/// error. All others go to the hook that is installed now. Once per process, by the program.
pub fn hush_contained_panics() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        if !is_contained() {
            usual(panic);
        }
    }));
}

/// Whether a panic on this thread would be caught by this crate. A panic hook that does more than printing asks.
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

    thread_local! {
        static PRINTED: Cell<u32> = const { Cell::new(0) };
    }

    #[test]
    fn only_panics_that_nobody_contains_are_printed() {
        set_hook(Box::new(|_| PRINTED.set(PRINTED.get() + 1)));
        hush_contained_panics();
        contain::<()>(|| panic!("sled lost its way")).unwrap_err();
        assert_eq!(PRINTED.get(), 0);
        catch_unwind(|| panic!("not of sled")).unwrap_err();
        assert_eq!(PRINTED.get(), 1);
        // The other tests of this process are to be heard again.
        drop(take_hook());
    }

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
