//! The cost of a link: smoothed, quantised, with hysteresis, and rarely told.

use std::time::Duration;

use crate::limits::{COST_HYSTERESIS_QUANTA, COST_INTERVAL, MAX_COST_US, UNMEASURED_COST_US};

/// What is measured of one link.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    smoothed_us: Option<u64>,
    told: Option<(u64, Duration)>,
}

impl Cost {
    /// Takes a sample: half the round trip, and what a retransmission costs times how often one is needed.
    pub(crate) fn sample(&mut self, rtt_us: u32, loss_ppm: u32) {
        let (rtt, loss) = (u64::from(rtt_us), u64::from(loss_ppm.min(1_000_000)));
        let sample = rtt / 2 + (rtt + 25_000) * loss / 1_000_000;
        self.smoothed_us = Some(self.smoothed_us.map_or(sample, |smoothed| (smoothed * 7 + sample) / 8));
    }

    /// Whether a sample was taken.
    pub(crate) fn is_measured(&self) -> bool {
        self.smoothed_us.is_some()
    }

    /// The link is logged as up now: gives the cost to write there.
    pub(crate) fn tell(&mut self, now: Duration) -> u64 {
        let cost = self.smoothed_us.map_or(UNMEASURED_COST_US, quantised);
        self.told = self.smoothed_us.map(|_| (cost, now));
        cost
    }

    /// The cost, if it is worth an event now.
    pub(crate) fn news(&self, now: Duration) -> Option<u64> {
        let cost = quantised(self.smoothed_us?);
        match self.told {
            None => Some(cost),
            Some((told, at)) => {
                let far = quantum(cost).abs_diff(quantum(told)) >= COST_HYSTERESIS_QUANTA;
                (far && now >= at + COST_INTERVAL).then_some(cost)
            }
        }
    }
}

/// The nearest quarter power of two, at least 64 µs: below that links are equal.
fn quantised(cost_us: u64) -> u64 {
    let quantum = quantum(cost_us);
    let octave = 1u64 << (quantum / 4);
    (octave + octave * u64::from(quantum % 4) / 4).min(MAX_COST_US)
}

fn quantum(cost_us: u64) -> u32 {
    let cost = cost_us.clamp(64, MAX_COST_US);
    let octave = cost.ilog2();
    octave * 4 + (((cost << 2) >> octave) as u32 & 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_not_news_and_a_lasting_change_is() {
        let mut cost = Cost::default();
        cost.sample(20_000, 0);
        assert_eq!(cost.news(Duration::ZERO), Some(10_240 - 2_048));
        cost.tell(Duration::ZERO);
        for second in 1..100 {
            cost.sample(if second % 2 == 0 { 23_000 } else { 17_000 }, 0);
            assert_eq!(cost.news(Duration::from_secs(second)), None);
        }
        for _ in 0..50 {
            cost.sample(80_000, 0);
        }
        assert!(cost.news(Duration::from_secs(100)).is_some_and(|cost| (32_000..=40_000).contains(&cost)));
    }

    #[test]
    fn changes_are_told_at_most_once_in_the_interval() {
        let mut cost = Cost::default();
        cost.sample(1_000, 0);
        cost.tell(Duration::ZERO);
        (0..50).for_each(|_| cost.sample(900_000, 0));
        assert_eq!(cost.news(COST_INTERVAL - Duration::from_millis(1)), None);
        assert!(cost.news(COST_INTERVAL).is_some());
    }

    #[test]
    fn loss_costs_more_than_distance() {
        let (mut lossy, mut far) = (Cost::default(), Cost::default());
        lossy.sample(20_000, 500_000);
        far.sample(40_000, 0);
        assert!(lossy.tell(Duration::ZERO) > far.tell(Duration::ZERO));
    }
}
