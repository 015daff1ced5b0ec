//! When to announce, and when to answer.

use std::{net::SocketAddr, time::Duration};

use proto::node::v1::datagram::Kind;
use rand::RngExt as _;
use tokio::time::Instant;

use super::interfaces::Link;
use crate::limits::{
    ANNOUNCE_QUICK, ANNOUNCE_SHARE, ANNOUNCE_SLOW, ANSWER_SPREAD, MAX_PENDING_ANSWERS, QUICK_PHASE,
};

/// How many announcements ask, from the start on: the second in case that the first was lost.
const QUERIES: u32 = 2;
/// Far away, for timers that wait for nothing.
const NEVER: Duration = Duration::from_secs(86_400 * 365);

/// What a datagram is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Speech {
    pub(super) kind: Kind,
    /// With the description, if it fits; else with as many hints as fit.
    pub(super) introduces: bool,
}

/// When the next announcement is due: soon after changes, seldom while nothing changes.
#[derive(Debug)]
pub(super) struct Schedule {
    next: Instant,
    quick_until: Instant,
    queries_left: u32,
}

/// Answers that wait for their moment.
#[derive(Debug, Default)]
pub(super) struct Answers {
    waiting: Vec<(Link, SocketAddr)>,
    due: Option<Instant>,
}

impl Speech {
    /// What others do not know yet.
    pub(super) const NEWS: Self = Self { kind: Kind::Announce, introduces: true };
    pub(super) const GOODBYE: Self = Self { kind: Kind::Goodbye, introduces: false };
}

impl Schedule {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now + NEVER, quick_until: now, queries_left: 0 }
    }

    /// This node is new here: it asks.
    pub(super) fn begin(&mut self, now: Instant) {
        self.queries_left = QUERIES;
        self.quick_until = now + QUICK_PHASE;
    }

    /// Something changes: announcements are quick for a while, as far as so many others allow.
    pub(super) fn stir(&mut self, now: Instant, others: usize) {
        let was_slow = now >= self.quick_until;
        self.quick_until = now + QUICK_PHASE;
        if was_slow {
            self.next = self.next.min(now + jittered(quick(others)));
        }
    }

    /// What the next announcement is. Who was answered does not ask again.
    pub(super) const fn next_speech(&mut self, answered: bool) -> Speech {
        if self.queries_left == 0 {
            return Speech { kind: Kind::Announce, introduces: false };
        }
        self.queries_left -= 1;
        if answered { Speech::NEWS } else { Speech { kind: Kind::Query, introduces: true } }
    }

    /// Something was said on a wire with so many others.
    pub(super) fn announced(&mut self, now: Instant, others: usize) {
        let pause = if now < self.quick_until { quick(others) } else { ANNOUNCE_SLOW };
        self.next = now + jittered(pause);
    }

    pub(super) const fn due(&self) -> Instant {
        self.next
    }
}

impl Answers {
    /// Whoever asks again before the answer went out gets one answer.
    pub(super) fn add(&mut self, now: Instant, link: Link, to: SocketAddr) {
        let known = self.waiting.iter().any(|(_, other)| *other == to);
        if known || self.waiting.len() >= MAX_PENDING_ANSWERS {
            return;
        }
        self.waiting.push((link, to));
        let spread = ANSWER_SPREAD.mul_f64(rand::rng().random_range(0.0..=1.0));
        self.due.get_or_insert(now + spread);
    }

    pub(super) fn due(&self) -> Instant {
        self.due.unwrap_or_else(|| Instant::now() + NEVER)
    }

    pub(super) fn take(&mut self) -> Vec<(Link, SocketAddr)> {
        self.due = None;
        std::mem::take(&mut self.waiting)
    }
}

/// The quick pace among so many others.
fn quick(others: usize) -> Duration {
    let share = ANNOUNCE_SHARE.saturating_mul(u32::try_from(others).unwrap_or(u32::MAX));
    ANNOUNCE_QUICK.max(share).min(ANNOUNCE_SLOW)
}

/// Nine to eleven tenths, so that nodes do not march in step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.9..=1.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_ask_twice_are_quick_and_then_slow_down() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        schedule.begin(start);
        let kinds = [(); 3].map(|()| schedule.next_speech(false).kind);
        assert_eq!(kinds, [Kind::Query, Kind::Query, Kind::Announce]);
        schedule.announced(start, 5);
        assert!(schedule.due() - start <= ANNOUNCE_QUICK.mul_f64(1.1));
        let later = start + QUICK_PHASE;
        schedule.announced(later, 5);
        assert!(schedule.due() - later >= ANNOUNCE_SLOW.mul_f64(0.9));
        schedule.stir(later, 5);
        assert!(schedule.due() - later <= ANNOUNCE_QUICK.mul_f64(1.1));
    }

    #[test]
    fn who_was_answered_does_not_ask_again_but_says_once_more_who_it_is() {
        let mut schedule = Schedule::new(Instant::now());
        schedule.begin(Instant::now());
        assert_eq!(schedule.next_speech(false), Speech { kind: Kind::Query, introduces: true });
        assert_eq!(schedule.next_speech(true), Speech { kind: Kind::Announce, introduces: true });
        assert_eq!(schedule.next_speech(true), Speech { kind: Kind::Announce, introduces: false });
    }

    #[test]
    fn the_more_there_are_the_less_each_says_and_never_less_than_its_lease_needs() {
        let start = Instant::now();
        for (others, least, most) in [(10, 0.9, 1.1), (100, 3.6, 4.4), (10_000, 4.5, 5.5)] {
            let mut schedule = Schedule::new(start);
            schedule.begin(start);
            schedule.announced(start, others);
            let pause = (schedule.due() - start).as_secs_f64();
            assert!((least..=most).contains(&pause), "{others}: {pause}");
        }
    }

    #[test]
    fn a_flood_of_queries_leaves_few_answers_and_one_each() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        let link = Link { interface: "x".into(), index: 1, address: [127, 0, 0, 1].into(), subnets: vec![] };
        for port in 1..2_000_u16 {
            for _ in 0..2 {
                answers.add(now, link.clone(), SocketAddr::from(([127, 0, 0, 1], port)));
            }
        }
        assert!(answers.due() <= now + ANSWER_SPREAD);
        assert_eq!(answers.take().len(), MAX_PENDING_ANSWERS);
        assert!(answers.take().is_empty());
    }
}
