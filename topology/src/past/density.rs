//! How events lie in time.

use proto::topology::v1;

use crate::{
    Hlc, LogId,
    limits::{DENSITY_SLICES, MAX_DENSITY_SLICES},
};

use super::{
    Past, PastError,
    archive::{Archive, events_between, events_until},
};

/// What is counted of one log.
struct Counting<'a> {
    archive: &'a dyn Archive,
    log: LogId,
    /// Where slices begin, and where the last one ends.
    bounds: &'a [Hlc],
    counts: &'a mut [u64],
}

impl Past<'_> {
    /// How many events there are in each of some equal slices of a span of time. What it costs grows with the number of
    /// slices that hold events, hardly with that of the events.
    ///
    /// # Errors
    /// [`PastError::NoEvents`] when nothing is held.
    pub fn density(&self, request: &v1::DensityRequest) -> Result<v1::DensityResponse, PastError> {
        let (first, last) = self.span().ok_or(PastError::NoEvents)?;
        let or = |asked: u64, default: Hlc| if asked == 0 { default } else { Hlc(asked) };
        let since = or(request.since, first);
        let until = or(request.until, last).max(since);
        let slices = match request.slices {
            0 => DENSITY_SLICES,
            asked => asked.min(MAX_DENSITY_SLICES),
        };
        let bound = |slice: u32| {
            let part = u128::from(until.0 - since.0) * u128::from(slice) / u128::from(slices);
            Hlc(since.0 + u64::try_from(part).unwrap_or(u64::MAX))
        };
        let bounds: Vec<Hlc> = (0..=slices).map(bound).collect();
        let mut counts = vec![0; bounds.len() - 1];
        for (log, held) in self.archive.logs() {
            let begin = events_until(self.archive, &log, held, since, false);
            let end = events_until(self.archive, &log, held, until, true);
            let mut counting = Counting { archive: self.archive, log, bounds: &bounds, counts: &mut counts };
            counting.split((0, bounds.len() - 1), (begin, end));
        }
        Ok(v1::DensityResponse { since: since.0, until: until.0, counts, first: first.0, last: last.0 })
    }
}

impl Counting<'_> {
    /// Counts the events after `begin` up to `end`, which lie in the slices from `low` to before `high`.
    fn split(&mut self, (low, high): (usize, usize), (begin, end): (u64, u64)) {
        if begin >= end {
            return;
        }
        if high - low == 1 {
            self.counts[low] += end - begin;
            return;
        }
        let middle = low + (high - low) / 2;
        let before = events_between(self.archive, &self.log, (begin, end), self.bounds[middle], false);
        self.split((low, middle), (begin, before));
        self.split((middle, high), (before, end));
    }
}
