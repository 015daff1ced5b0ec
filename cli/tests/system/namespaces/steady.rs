//! A conversation that goes on and on while something happens to the way between the two.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::support::{Node, eventually};

/// Between two messages: a tenth of the shortest pause that any test here is to see.
const PACE: Duration = Duration::from_millis(50);

/// Sends without end while `happens` runs, which may wait for that many more messages to arrive; then all must have
/// arrived, once each and in order.
pub(super) fn talk_while(from: &Node, to: &Node, happens: impl FnOnce(&dyn Fn(usize))) {
    let before = to.received(from.name());
    let over = AtomicBool::new(false);
    let sent = thread::scope(|scope| {
        let talking = scope.spawn(|| send_until(from, to.name(), &over));
        let over = OverWhenDropped(&over);
        happens(&|more| wait_for_more(from, to, more));
        drop(over);
        talking.join().unwrap()
    });
    to.wait_received(from.name(), &[before, sent].concat());
}

fn send_until(from: &Node, to: &str, over: &AtomicBool) -> Vec<String> {
    let mut sent = Vec::new();
    while !over.load(Ordering::Acquire) {
        sent.push(format!("number {}", sent.len()));
        from.send(to, &sent[sent.len() - 1]);
        thread::sleep(PACE);
    }
    sent
}

fn wait_for_more(from: &Node, to: &Node, more: usize) {
    let wanted = to.received(from.name()).len() + more;
    eventually(&format!("{} goes on to hear {}", to.name(), from.name()), || {
        (to.received(from.name()).len() >= wanted).then_some(())
    });
}

struct OverWhenDropped<'a>(&'a AtomicBool);

impl Drop for OverWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
