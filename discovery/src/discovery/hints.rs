//! Hints at nodes that were not heard: which of them are followed now.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use identity::NodeId;

use crate::limits::{GREETING_RETRY, MAX_PENDING_GREETINGS};

type Place = (NodeId, SocketAddr);

/// What was tried lately, and what came too early to be tried.
#[derive(Debug)]
pub(super) struct Hints {
    tried: HashMap<Place, Instant>,
    early: HashSet<Place>,
    /// A newcomer is told of those whose answers are on their way to it: until then hints wait.
    from: Instant,
}

impl Hints {
    pub(super) fn new(now: Instant, patience: Duration) -> Self {
        Self { tried: HashMap::new(), early: HashSet::new(), from: now + patience }
    }

    /// True when the place is to be tried now.
    pub(super) fn is_due(&mut self, now: Instant, place: Place) -> bool {
        if now < self.from {
            if self.early.len() < MAX_PENDING_GREETINGS {
                self.early.insert(place);
            }
            return false;
        }
        self.is_new(now, place)
    }

    /// True when the place was not tried lately, however soon after the start.
    pub(super) fn is_new(&mut self, now: Instant, place: Place) -> bool {
        let recent = |tried: &Instant| now.saturating_duration_since(*tried) < GREETING_RETRY;
        if self.tried.len() >= MAX_PENDING_GREETINGS {
            self.tried.retain(|_, tried| recent(tried));
        }
        !self.tried.get(&place).is_some_and(recent) && self.tried.len() < MAX_PENDING_GREETINGS
    }

    /// The place is being tried.
    pub(super) fn tried(&mut self, now: Instant, place: Place) {
        self.tried.insert(place, now);
    }

    /// The hints that waited, once they need not wait any more.
    pub(super) fn waited(&mut self, now: Instant) -> HashSet<Place> {
        if now < self.from { HashSet::new() } else { std::mem::take(&mut self.early) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_hints_wait_and_none_is_tried_again_at_once() {
        let (start, patience) = (Instant::now(), Duration::from_secs(1));
        let place = (NodeId::from_bytes([1; 32]), SocketAddr::from(([10, 0, 0, 1], 1)));
        let mut hints = Hints::new(start, patience);
        assert!(!hints.is_due(start, place));
        assert!(hints.waited(start).is_empty());
        let later = start + patience;
        assert_eq!(hints.waited(later), HashSet::from([place]));
        assert!(hints.waited(later).is_empty());
        assert!(hints.is_due(later, place));
        hints.tried(later, place);
        assert!(!hints.is_due(later, place));
        assert!(hints.is_due(later + GREETING_RETRY, place));
    }

    #[test]
    fn a_flood_of_hints_is_bounded() {
        let start = Instant::now();
        for patience in [Duration::ZERO, Duration::from_secs(1)] {
            let mut hints = Hints::new(start, patience);
            for number in 0..10_000_u32 {
                let place = (NodeId::from_bytes([1; 32]), SocketAddr::from((number.to_be_bytes(), 1)));
                if hints.is_due(start, place) {
                    hints.tried(start, place);
                }
            }
            assert_eq!(hints.tried.len() + hints.early.len(), MAX_PENDING_GREETINGS);
        }
    }
}
