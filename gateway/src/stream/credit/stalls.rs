//! The stalled streams of one connection, and which of them has to go.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

/// The credit of a stream that was ended reaches who waits for it within this time, on all but the longest paths.
const SETTLE: Duration = Duration::from_millis(300);

/// Those that have stalled, the longest first.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    next: u64,
    stalled: BTreeMap<u64, (u64, CancellationToken)>,
    last_shed: Option<Instant>,
}

impl Stalls {
    /// One more stream has stalled. Gives the number to remove it by.
    pub(super) fn add(&mut self, stream: u64, shed: CancellationToken) -> u64 {
        let number = self.next;
        self.next += 1;
        self.stalled.insert(number, (stream, shed));
        number
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.stalled.remove(&number);
    }

    /// The stream that has to go so that another may go on. None while credit may be on its way already, or if the one
    /// that waits has stalled here itself: more credit would do it no good.
    pub(super) fn shed_for(&mut self, waiting: u64, now: Instant) -> Option<CancellationToken> {
        let settling = self.last_shed.is_some_and(|last| now.saturating_duration_since(last) < SETTLE);
        if settling || self.stalled.values().any(|(stream, _)| *stream == waiting) {
            return None;
        }
        let (_, (_, longest)) = self.stalled.pop_first()?;
        self.last_shed = Some(now);
        Some(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stalled_stream_goes_when_another_waits() {
        let now = Instant::now();
        let mut stalls = Stalls::default();
        let tokens: Vec<_> = (0..3).map(|_| CancellationToken::new()).collect();
        let numbers: Vec<_> = tokens
            .iter()
            .zip([10, 11, 12])
            .map(|(token, stream)| stalls.add(stream, token.clone()))
            .collect();
        assert!(stalls.shed_for(11, now).is_none(), "it has stalled itself");
        stalls.shed_for(20, now).unwrap().cancel();
        assert!(tokens[0].is_cancelled());
        assert!(stalls.shed_for(21, now).is_none(), "the credit is on its way");
        stalls.remove(numbers[1]);
        stalls.shed_for(21, now + SETTLE).unwrap().cancel();
        assert!(!tokens[1].is_cancelled() && tokens[2].is_cancelled());
        assert!(stalls.shed_for(21, now + 2 * SETTLE).is_none(), "none is left");
    }
}
